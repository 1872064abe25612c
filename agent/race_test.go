//go:build race

package agent_test

// many is how much of one kind is tried: a process that the race detector watches starts ten times slower.
const many = 100
