//go:build !race

package cli

// raced: no race detector watches this program.
const raced = false
