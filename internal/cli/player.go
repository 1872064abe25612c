//go:build !player

package cli

// player is empty where writ was built by go build alone: it plays stage and init of containers itself.
var player []byte
