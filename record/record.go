// Package record remembers what runs of Patterns did on this machine: one file for each run, one JSON object a line,
// appended as it happens, so that a run which was killed has left what it had done until then.
//
//	Begin ──▶ head line ──Command──▶ a line for each Command ──End──▶ last line
//	            │                                                  └─▶ succeeded, failed, aborted
//	            └─ no last line: running (its file is locked) or interrupted
//
// Invariant: a record holds no output of a Command, only its digest; files are the user's alone (0600 in 0700); of each
// source at most Config.Keep runs stay, and the ids of its runs are in the order in which they began, whatever the clock does.
package record

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/internal/filelock"
)

// DefaultKeep is how many runs of a source stay where nothing else is said.
const DefaultKeep = 100

// Status of a run.
type Status string

// The statuses of a run.
const (
	Running     Status = "running"
	Succeeded   Status = "succeeded"
	Failed      Status = "failed"  // a Command failed
	Errored     Status = "errored" // it could not be tried
	Aborted     Status = "aborted"
	Interrupted Status = "interrupted" // it ended without saying so: killed, or the machine stopped
	Damaged     Status = "damaged"     // its record cannot be read; Error says why
)

// Head is what is known when a run begins.
type Head struct {
	ID      string    `json:"run"`
	Source  string    `json:"source"`
	Mode    string    `json:"mode"`             // change, check, remove
	Trigger string    `json:"trigger,omitzero"` // cli, pull, push, event, webhook, restore
	Pattern string    `json:"pattern,omitzero"` // sha256 of the Pattern's files, in hex
	Name    string    `json:"name,omitzero"`    // of the Pattern's file, or the token's jti
	Signer  *Signer   `json:"signer,omitzero"`  // nil: nothing was signed
	Process int       `json:"process,omitzero"` // id of the process that ran it
	Started time.Time `json:"started"`
}

// Signer says whose order it was.
type Signer struct {
	Key      string    `json:"key"` // kid
	Issuer   string    `json:"iss,omitzero"`
	Subject  string    `json:"sub,omitzero"`
	ID       string    `json:"jti,omitzero"`
	IssuedAt time.Time `json:"iat,omitzero"`
}

// Command is what happened with one Command.
type Command struct {
	Parent string    `json:"parent,omitzero"` // id of its group
	ID     string    `json:"id"`
	State  string    `json:"state"`          // well, changed, removed, drifted, failed, skipped, aborted
	By     string    `json:"by,omitzero"`    // the id that triggered it
	Check  *Script   `json:"check,omitzero"` // nil: it did not run
	Change *Script   `json:"change,omitzero"`
	Remove *Script   `json:"remove,omitzero"`
	Ended  time.Time `json:"ended"`
}

// Script is one execution.
type Script struct {
	Exit    int     `json:"exit"`
	Seconds float64 `json:"seconds"`         // that it took
	Bytes   int64   `json:"bytes"`           // of output
	Digest  string  `json:"digest,omitzero"` // sha256 of the output that was kept, in hex
	Error   string  `json:"error,omitzero"`  // why it could not run
}

// tail ends a record.
type tail struct {
	Status Status    `json:"status"`
	Error  string    `json:"error,omitzero"`
	Ended  time.Time `json:"ended"`
}

// Run is a whole record.
type Run struct {
	Head
	Status   Status    `json:"status"`
	Error    string    `json:"error,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Commands []Command `json:"commands"`
}

// Config says how records are kept.
type Config struct {
	Keep   int                      // runs of each source; 0: DefaultKeep
	Now    func() time.Time         // nil: time.Now
	Redact func(text string) string // over every text that is written; nil: as it is
}

// Store is a directory of records.
type Store struct {
	directory string
	config    Config
}

// Open returns the records below a directory, which is made (0700) with the first run.
func Open(directory string, c Config) *Store {
	if c.Keep <= 0 {
		c.Keep = DefaultKeep
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Redact == nil {
		c.Redact = func(text string) string { return text }
	}
	return &Store{directory, c}
}

// Writer writes one record. Its file is locked until End, or until it could not be written: what comes after that is left out.
type Writer struct {
	file   *os.File // nil: it is closed
	config Config
	id     string
}

const (
	suffix   = ".jsonl"
	idTime   = "20060102T150405.000000Z" // which begins an id
	maxError = 64 << 10                  // of a run's error; each Command has its own
)

// Begin starts a record; ID, Process and Started are filled in. The oldest records of the source go.
func (s *Store) Begin(h Head) (*Writer, error) {
	directory := s.sourceDirectory(h.Source)
	held, err := hold(directory)
	if err != nil {
		return nil, fmt.Errorf("record of the run: %w", err)
	}
	defer filelock.Release(held)
	names, err := recordsIn(held)
	if err != nil {
		return nil, fmt.Errorf("record of the run: %w", err)
	}
	h.Started, h.Process = s.config.Now().UTC(), os.Getpid()
	h.ID = after(names, h.Started).Format(idTime) + "-" + suffixOf(4)
	path := filepath.Join(directory, h.ID+suffix)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record of the run: %w", err)
	}
	if err := filelock.Lock(file, syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("record of the run: lock: %w", err)
	}
	w := &Writer{file, s.config, h.ID}
	h.Name = s.config.Redact(h.Name)
	if err := w.line(h); err != nil {
		os.Remove(path)
		return nil, err
	}
	return w, prune(directory, names[:max(0, len(names)+1-s.config.Keep)])
}

// hold opens a source's directory, which is made where there is none, and locks it until it is closed: runs that begin at once
// do so one after the other, so that each sees those before it.
func hold(directory string) (*os.File, error) {
	held, err := os.Open(directory)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(directory, 0o700); err == nil {
			held, err = os.Open(directory)
		}
	}
	if err != nil {
		return nil, err
	}
	_ = filelock.Lock(held, syscall.LOCK_EX) // not every network file system can
	return held, nil
}

// after is the time of a new run's id: now, or, where the clock was set back, right after the newest.
func after(names []string, now time.Time) time.Time {
	if len(names) == 0 {
		return now
	}
	newest, known := timeOf(names[len(names)-1])
	if known && !now.Truncate(time.Microsecond).After(newest) {
		return newest.Add(time.Microsecond)
	}
	return now
}

// timeOf is the time in an id, or in the name of its file.
func timeOf(id string) (at time.Time, known bool) {
	at, err := time.Parse(idTime, id[:min(len(id), len(idTime))])
	return at, err == nil
}

func suffixOf(bytes int) string {
	text := make([]byte, bytes)
	rand.Read(text) // never fails
	return hex.EncodeToString(text)
}

// ID is the run's.
func (w *Writer) ID() string { return w.id }

// Command appends what happened with one Command.
func (w *Writer) Command(c Command) error {
	c.ID, c.Parent, c.By = w.config.Redact(c.ID), w.config.Redact(c.Parent), w.config.Redact(c.By)
	for _, script := range []**Script{&c.Check, &c.Change, &c.Remove} {
		if *script != nil && (*script).Error != "" {
			copied := **script
			copied.Error = w.config.Redact(copied.Error)
			*script = &copied
		}
	}
	if c.Ended.IsZero() {
		c.Ended = w.config.Now().UTC()
	}
	return w.line(c)
}

// End appends the last line.
func (w *Writer) End(status Status, problem error) error {
	t := tail{Status: status, Ended: w.config.Now().UTC()}
	if problem != nil {
		t.Error = w.config.Redact(problem.Error())
		if len(t.Error) > maxError {
			t.Error = strings.ToValidUTF8(t.Error[:maxError], "") + "..."
		}
	}
	return errors.Join(w.line(t), w.close())
}

func (w *Writer) close() error {
	if w.file == nil {
		return nil
	}
	err := filelock.Release(w.file)
	w.file = nil
	return err
}

// line writes one object in one write, so that a killed process leaves no half of it but where the disk is full. After half
// of one nothing may follow.
func (w *Writer) line(value any) error {
	if w.file == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err == nil {
		_, err = w.file.Write(append(text, '\n'))
	}
	if err != nil {
		_ = w.close() // the first error says enough
		return fmt.Errorf("record of the run: %w", err)
	}
	return nil
}

// sourceDirectory is named so that no source's name is a path, or hidden.
func (s *Store) sourceDirectory(source string) string {
	return filepath.Join(s.directory, "source-"+url.PathEscape(source))
}

// prune removes records, but no run that is going on.
func prune(directory string, names []string) error {
	var problems []error
	for _, name := range names {
		path := filepath.Join(directory, name)
		if locked(path) {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// records are the names of a directory's records, oldest first.
func records(directory string) ([]string, error) {
	opened, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	return recordsIn(opened)
}

func recordsIn(directory *os.File) ([]string, error) {
	entries, err := directory.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && strings.HasSuffix(entry.Name(), suffix) {
			names = append(names, entry.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// locked tells whether a run writes the file now.
func locked(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer filelock.Release(file)
	err = filelock.Lock(file, syscall.LOCK_SH|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}

// Sources are the names of all sources with records, sorted.
func (s *Store) Sources() ([]string, error) {
	entries, err := os.ReadDir(s.directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range entries {
		escaped, is := strings.CutPrefix(entry.Name(), "source-")
		if name, err := url.PathUnescape(escaped); is && err == nil && entry.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// List returns the newest runs of a source, or of all where it is empty, newest first; most: 0 for all.
func (s *Store) List(source string, most int) ([]Run, error) {
	files, err := s.files(source)
	if err != nil {
		return nil, err
	}
	if most > 0 {
		files = files[:min(most, len(files))]
	}
	runs := make([]Run, 0, len(files))
	for _, f := range files {
		if run, err := f.read(); err == nil {
			runs = append(runs, run)
		} else if !errors.Is(err, fs.ErrNotExist) { // it was pruned meanwhile
			return nil, err
		}
	}
	return runs, nil
}

// file is where a record is.
type file struct{ directory, source, id string }

func (f file) path() string { return filepath.Join(f.directory, f.id+suffix) }

// files are the records of a source, or of all where it is empty, newest first.
func (s *Store) files(source string) (all []file, err error) {
	sources := []string{source}
	if source == "" {
		if sources, err = s.Sources(); err != nil {
			return nil, err
		}
	}
	for _, one := range sources {
		directory := s.sourceDirectory(one)
		names, err := records(directory)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, name := range names {
			all = append(all, file{directory, one, strings.TrimSuffix(name, suffix)})
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(b.id, a.id) })
	return all, nil
}
