//go:build race

package cli

// raced: the race detector watches this program, and takes memory of its own.
const raced = true
