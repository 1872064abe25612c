//go:build !race

package agent_test

// many is how much of one kind is tried.
const many = 1000
