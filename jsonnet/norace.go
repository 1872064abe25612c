//go:build !race

package jsonnet

const raceDetector = false
