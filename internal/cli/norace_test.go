//go:build !race

package cli

// raced: no race detector watches this program.
const raced = false

// fleetSize is how many agents are pushed to.
const fleetSize = 200
