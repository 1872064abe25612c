//go:build race

package cli

// raced: the race detector watches this program, and takes memory of its own.
const raced = true

// fleetSize is how many agents are pushed to; each takes many times as much memory where the race detector watches.
const fleetSize = 20
