package issuer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/internal/filelock"
	"github.com/writ-run/writ/workload"
)

// Store numbers runs: a name keeps its id, and no two builds share one, also across restarts and crashes.
type Store interface {
	// Number returns the ids of a new build, and its name within its job.
	Number(ctx context.Context, team, pipeline, instance, job string) (ids workload.IDs, build string, err error)
}

// Lock keeps a data directory to one process, for as long as that lives or until unlock is called.
func Lock(directory string) (unlock func(), err error) {
	unlock, err = lockFile(filepath.Join(directory, "lock"), false)
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("data directory %s is %w", directory, errLocked)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", directory, err)
	}
	return unlock, nil
}

// FileStore is a Store in a file of a data directory: one JSON line for each number given, appended and synced before
// the number is used. Several processes may share it; each locks the file for the length of an operation.
type FileStore struct {
	path string

	mu    sync.Mutex
	file  *os.File
	read  int64 // bytes of the file that the maps hold
	lines int
	ids   map[string]int64 // by record key
	last  map[string]int64 // the highest id of each kind
	named map[string]int64 // the last build of each job
}

// record is one line. Kind is team, pipeline, job or build; Name is what has the id.
type record struct {
	Kind  string   `json:"kind"`
	Name  []string `json:"name"`
	ID    int64    `json:"id"`
	Build int64    `json:"build,omitzero"` // of a build: its number within its job
}

// OpenFileStore opens or makes the store of a data directory.
func OpenFileStore(directory string) (*FileStore, error) {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	s := &FileStore{
		path: filepath.Join(directory, "ids.jsonl"),
		ids:  map[string]int64{}, last: map[string]int64{}, named: map[string]int64{},
	}
	var err error
	if s.file, err = os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600); err != nil {
		return nil, err
	}
	if err := s.locked(func() error { return nil }); err != nil {
		s.file.Close()
		return nil, err
	}
	return s, nil
}

// Close closes the file.
func (s *FileStore) Close() error { return s.file.Close() }

// Number gives a build its numbers.
func (s *FileStore) Number(_ context.Context, team, pipeline, instance, job string) (ids workload.IDs, build string, err error) {
	err = s.locked(func() error {
		var fresh []record
		number := func(kind string, name ...string) int64 {
			key := recordKey(kind, name)
			if id := s.ids[key]; id != 0 {
				return id
			}
			r := record{Kind: kind, Name: name, ID: s.last[kind] + 1}
			fresh = append(fresh, r)
			return r.ID
		}
		ids.TeamID = number("team", team)
		if pipeline != "" {
			ids.PipelineID = number("pipeline", team, pipeline, instance)
		}
		if job != "" {
			ids.JobID = number("job", team, pipeline, instance, job)
		}
		name := []string{team, pipeline, instance, job}
		r := record{Kind: "build", Name: name, ID: s.last["build"] + 1, Build: s.named[recordKey("build", name)] + 1}
		ids.BuildID, build = r.ID, strconv.FormatInt(r.Build, 10)
		return s.append(append(fresh, r))
	})
	return ids, build, err
}

func recordKey(kind string, name []string) string { return kind + "\x00" + strings.Join(name, "\x00") }

// locked runs f with the file locked and everything that other processes wrote read.
func (s *FileStore) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := filelock.Lock(s.file, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", s.path, err)
	}
	defer filelock.Unlock(s.file)
	if err := s.catchUp(); err != nil {
		return err
	}
	return f()
}

// catchUp reads what is new. A last line without its end is one that a crash cut off, whose number nobody has used: it
// is cut away.
func (s *FileStore) catchUp() error {
	data, err := io.ReadAll(io.NewSectionReader(s.file, s.read, 1<<40))
	if err != nil {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	whole := data[:bytes.LastIndexByte(data, '\n')+1]
	for line := range bytes.Lines(whole) {
		s.lines++
		var r record
		if err := json.Unmarshal(line, &r); err != nil || r.ID < 1 {
			return fmt.Errorf("%s:%d: damaged: not a record of an id; restore the file from a backup, since ids must never be given twice", s.path, s.lines)
		}
		s.keep(r)
	}
	s.read += int64(len(whole))
	if len(whole) < len(data) {
		if err := s.file.Truncate(s.read); err != nil {
			return fmt.Errorf("cut %s: %w", s.path, err)
		}
	}
	return nil
}

func (s *FileStore) keep(r record) {
	key := recordKey(r.Kind, r.Name)
	s.last[r.Kind] = max(s.last[r.Kind], r.ID)
	if r.Kind == "build" {
		s.named[key] = max(s.named[key], r.Build)
		return
	}
	s.ids[key] = r.ID
}

// append writes records and syncs them; where that fails nothing was given.
func (s *FileStore) append(records []record) error {
	var text []byte
	for _, r := range records {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	_, err := s.file.WriteAt(text, s.read)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", s.path, err), s.file.Truncate(s.read))
	}
	for _, r := range records {
		s.keep(r)
	}
	s.read += int64(len(text))
	s.lines += len(records)
	return nil
}
