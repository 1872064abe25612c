package record

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	all, err := s.files("")
	if err != nil {
		return Run{}, err
	}
	var found []file
	for _, f := range all {
		if f.id == id {
			found = []file{f}
			break
		}
		if id != "" && strings.HasPrefix(f.id, id) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		return Run{}, fmt.Errorf("run %q: %w", id, ErrNotFound)
	case 1:
		return found[0].read()
	}
	return Run{}, fmt.Errorf("run %q: %d runs begin so, as %s and %s", id, len(found), found[0].id, found[1].id)
}

// read reads one record; its name and place say whose it is. A last line that was cut off by a full disk or a stopped machine
// ends it; where anything else is wrong with it, it is a run of which no more is known.
func (f file) read() (Run, error) {
	going := locked(f.path()) // before the file is read: an end that comes later is seen
	run := Run{Head: Head{ID: f.id, Source: f.source}, Status: Interrupted, Commands: []Command{}}
	run.Started, _ = timeOf(f.id)
	if going {
		run.Status = Running
	}
	text, err := f.text()
	if errors.Is(err, fs.ErrNotExist) {
		return Run{}, err
	}
	lines := bufio.NewReader(bytes.NewReader(text))
	for number := 1; err == nil; number++ {
		line, end := lines.ReadBytes('\n')
		if end != nil { // no line break: it was cut off, or there is none left
			return run, nil
		}
		if err = run.add(number, line); err != nil {
			err = fmt.Errorf("record %s:%d: %w", f.path(), number, err)
		}
	}
	run.Status, run.Error = Damaged, err.Error()
	return run, nil
}

func (f file) text() ([]byte, error) {
	opened, err := os.Open(f.path())
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	text, err := io.ReadAll(io.LimitReader(opened, maxRecord+1))
	if err == nil && len(text) > maxRecord {
		return nil, fmt.Errorf("record %s: over %d bytes", f.path(), maxRecord)
	}
	return text, err
}

// add takes one line: the first is the head, one with a status the end, any other a Command.
func (r *Run) add(number int, line []byte) error {
	if number == 1 {
		id, source := r.ID, r.Source
		err := json.Unmarshal(line, &r.Head)
		r.ID, r.Source = id, source
		return err
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
