package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxRecord bounds what is read of one record: 10,000 Commands take a tenth of it.
const maxRecord = 64 << 20

// ErrNotFound means that no run has the id.
var ErrNotFound = errors.New("no such run")

// Find returns the run whose id is, or begins with, the text. More than one is an error that names the ids.
func (s *Store) Find(id string) (Run, error) {
	all, err := s.List("", 0)
	if err != nil {
		return Run{}, err
	}
	var found []Run
	for _, run := range all {
		if run.ID == id {
			return run, nil
		}
		if id != "" && strings.HasPrefix(run.ID, id) {
			found = append(found, run)
		}
	}
	switch len(found) {
	case 0:
		return Run{}, fmt.Errorf("run %q: %w", id, ErrNotFound)
	case 1:
		return found[0], nil
	}
	return Run{}, fmt.Errorf("run %q: %d runs begin so, as %s and %s", id, len(found), found[0].ID, found[1].ID)
}

// read reads one record. A last line that was cut off by a full disk or a stopped machine ends it; what stands after it
// is another matter, and an error.
func read(path string) (Run, error) {
	going := locked(path) // before the file is read: an end that comes later is seen
	file, err := os.Open(path)
	if err != nil {
		return Run{}, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxRecord+1))
	if err != nil {
		return Run{}, err
	}
	if len(text) > maxRecord {
		return Run{}, fmt.Errorf("record %s: over %d bytes", path, maxRecord)
	}
	run := Run{Status: Interrupted, Commands: []Command{}}
	if going {
		run.Status = Running
	}
	lines := bufio.NewReader(bytes.NewReader(text))
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err != nil { // no line break: it was cut off, or there is none left
			break
		}
		if err := run.add(number, line); err != nil {
			return Run{}, fmt.Errorf("record %s:%d: %w", path, number, err)
		}
	}
	return run, nil
}

// add takes one line: the first is the head, one with a status the end, any other a Command.
func (r *Run) add(number int, line []byte) error {
	if number == 1 {
		return json.Unmarshal(line, &r.Head)
	}
	var kind struct {
		Status Status `json:"status"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return err
	}
	if kind.Status == "" {
		var c Command
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		r.Commands = append(r.Commands, c)
		return nil
	}
	var end tail
	if err := json.Unmarshal(line, &end); err != nil {
		return err
	}
	r.Status, r.Error, r.Ended = end.Status, end.Error, end.Ended
	return nil
}
