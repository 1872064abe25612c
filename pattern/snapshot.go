package pattern

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/writ-run/writ/jsonnet"
)

// Snapshot imports each file once, so that what is rendered and what is packed are one text, and knows whether a file has
// changed since.
type Snapshot struct {
	next jsonnet.Importer

	mu       sync.Mutex
	imported map[[2]string]string // names, by who imported what
	texts    map[string][]byte    // by name
}

// NewSnapshot returns a Snapshot of what an importer finds.
func NewSnapshot(next jsonnet.Importer) *Snapshot {
	return &Snapshot{next: next, imported: map[[2]string]string{}, texts: map[string][]byte{}}
}

// Import is a jsonnet.Importer.
func (s *Snapshot) Import(from, path string) (found string, text []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found, known := s.imported[[2]string{from, path}]; known {
		return found, s.texts[found], nil
	}
	found, text, err = s.next(from, path)
	if err != nil {
		return "", nil, err
	}
	if before, known := s.texts[found]; known {
		text = before
	}
	s.imported[[2]string{from, path}], s.texts[found] = found, text
	return found, text, nil
}

// Unchanged imports all that was imported once more, and returns an error that names a file that is not what it was.
func (s *Snapshot) Unchanged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	compared := map[string]bool{}
	for by, name := range s.imported {
		found, text, err := s.next(by[0], by[1])
		switch {
		case err != nil:
			return fmt.Errorf("%s changed meanwhile: %w", name, err)
		case found != name:
			return fmt.Errorf("%s changed meanwhile: %s is there now", name, found)
		case !compared[name] && !bytes.Equal(text, s.texts[name]):
			return fmt.Errorf("%s changed meanwhile", name)
		}
		compared[name] = true
	}
	return nil
}
