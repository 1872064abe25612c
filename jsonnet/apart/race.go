//go:build race

package apart

// raceDetector: its shadow memory counts as data, of which it takes far more than any limit.
const raceDetector = true
