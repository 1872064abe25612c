package apart

import (
	"bytes"
	"context"

	"github.com/writ-run/writ/jsonnet"
)

// RaceDetector tells whether it is built in.
const RaceDetector = raceDetector

// Answer gives a child's bytes to a parent, as one message, and returns its answer's error.
func Answer(ctx context.Context, p jsonnet.Program, a jsonnet.Access, data []byte) (string, error) {
	m, err := readMessage(bytes.NewReader(data), maxHead)
	if err != nil {
		return "", err
	}
	return parent{a, p}.answer(ctx, m).Error, nil
}

// Ready says whether a process is.
func (e *Evaluator) Ready() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.spare != nil
}

// Settle waits for a process that is being started.
func (e *Evaluator) Settle() { e.starting.Wait() }

// Warm is what a process does while it waits for a program.
var Warm = warm
