//go:build player

package cli

import _ "embed" // for player

// player is cmd/writ-container, which `make build` builds first.
//
//go:embed player.bin
var player []byte
