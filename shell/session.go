package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// A session is one running shell: the interpreter and what we keep beside it.
type session struct {
	command *command
	runner  *interp.Runner
	signals chan<- os.Signal
	zero    string // $0
	status  int    // of the last statement

	mutex      sync.Mutex // guards what follows: background jobs run beside
	functions  map[string]bool
	jobs       map[int]*job
	order      []int                         // the jobs' numbers, oldest first
	redirected map[syntax.Pos]bool           // simple commands that redirect their own standard error
	tables     map[string]map[int]descriptor // of descriptors from 3 on
	sourcing   bool                          // the next file opened is a script to source
	traps      traps
	front      map[int]*os.Process // what runs in the foreground, by process id
}

// Names of ours that a script cannot stumble on: variables, and commands that stand for builtins of ours.
const (
	variableLast = "__writ_bg"       // what $! is
	variableJob  = "__writ_job"      // the job in which we are
	notePrefix   = "/dev/null/writ:" // a path that cannot be
	builtinMark  = "\x00"
)

// defaultPath is where bash looks when nobody said.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func newSession(c *command, k *call) (*session, error) {
	s := &session{command: c, zero: c.zero, functions: map[string]bool{}, jobs: map[int]*job{}, front: map[int]*os.Process{}, redirected: map[syntax.Pos]bool{}}
	s.traps, s.tables = newTraps(), map[string]map[int]descriptor{"": inherited()}
	runner, err := interp.New(
		interp.Env(environment{expand.ListEnviron(os.Environ()...), k.trace}),
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.CallHandler(s.onCall),
		interp.OpenHandler(s.onOpen),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.onExec }),
		interp.Params(k.settings...),
	)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(k.shopts); i += 2 {
		if idleShopt(k.shopts[i+1]) {
			continue
		}
		if err := interp.BashOpts(k.shopts[i], k.shopts[i+1])(runner); err != nil {
			return nil, err
		}
	}
	s.runner = runner
	s.listen()
	return s, nil
}

// environment is the process's, and the names that only a shell has.
type environment struct {
	expand.Environ
	trace bool // -x from the start
}

func (e environment) Each(do func(string, expand.Variable) bool) {
	if e.trace && !do(variableTrace, e.Get(variableTrace)) {
		return
	}
	e.Environ.Each(do)
}

func (e environment) Get(name string) expand.Variable {
	text := func(value string) expand.Variable {
		return expand.Variable{Set: true, Kind: expand.String, Str: value}
	}
	if name == variableTrace && e.trace {
		return text("1")
	}
	if found := e.Environ.Get(name); found.IsSet() {
		return found
	}
	switch name {
	case "PATH":
		return text(defaultPath)
	case "BASH_VERSION":
		return text("5.2.0(1)-writ")
	case "HOSTNAME":
		host, _ := os.Hostname()
		return text(host)
	case "BASHPID":
		return text(strconv.Itoa(os.Getpid()))
	}
	return expand.Variable{}
}

// identity tells the shell and its subshells apart, in a handler.
func identity(hc interp.HandlerContext) uintptr {
	field := reflect.ValueOf(hc).FieldByName("runner") // nothing exported does
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return 0
	}
	return field.Pointer()
}

// isMain reports whether a handler was called by the shell itself, not by one of its subshells.
func (s *session) isMain(hc interp.HandlerContext) bool {
	return identity(hc) == reflect.ValueOf(s.runner).Pointer()
}

// onOpen opens the files of redirections, with the umask's permissions; a path of ours is a note from the rewritten tree.
func (s *session) onOpen(ctx context.Context, path string, flag int, mode os.FileMode) (io.ReadWriteCloser, error) {
	hc := interp.HandlerCtx(ctx)
	if note, ours := strings.CutPrefix(path, notePrefix); ours {
		if number, uses := strings.CutPrefix(note, "use:"); uses {
			return s.use(hc, number)
		}
		if change, changes := strings.CutPrefix(note, "fd:"); changes {
			return s.change(hc, change)
		}
		if note == "end" {
			return s.ending(hc), nil
		}
		s.note(hc, note)
		return os.Open(os.DevNull)
	}
	if number, standard := standardFile(path); standard {
		return s.use(hc, number)
	}
	full := path
	if path != "" && !filepath.IsAbs(path) {
		full = filepath.Join(hc.Dir, path)
	}
	if flag&os.O_CREATE != 0 {
		mode = 0o666
	}
	file, err := os.OpenFile(full, flag, mode)
	if err != nil {
		return nil, &os.PathError{Op: s.zero + ":", Path: path, Err: fmt.Errorf("%s", reason(err))}
	}
	if s.takeSourcing() {
		return s.sourced(file)
	}
	return file, nil
}

// look finds the program for a name as bash does: its path and 0, or why not in bash's words and 127 or 126.
func look(name, directory string, env expand.Environ) (string, int) {
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return directory + "/" + path
	}
	if strings.Contains(name, "/") {
		path := absolute(name)
		info, err := os.Stat(path)
		switch {
		case err != nil && os.IsNotExist(err):
			return reason(err), 127
		case err != nil:
			return reason(err), 126
		case info.IsDir():
			return "Is a directory", 126
		case !executable(path):
			return "Permission denied", 126
		}
		return path, 0
	}
	denied := false
	for _, entry := range filepath.SplitList(env.Get("PATH").String()) {
		if entry == "" {
			entry = "."
		}
		path := filepath.Join(absolute(entry), name)
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			continue
		}
		if executable(path) {
			return path, 0
		}
		denied = true
	}
	if denied {
		return "Permission denied", 126
	}
	return "command not found", 127
}

func executable(path string) bool {
	return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
}
