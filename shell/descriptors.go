package shell

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter has the descriptors 0, 1 and 2 alone. Those from 3 to 9, as in `exec 3>&1`, are kept by us, and given to
// the programs that the shell starts. Which table of them holds is a variable, so that a subshell changes its own alone.
// The rewritten tree says:
//
//	X 3>&1    ──▶   X 1>>/dev/null/writ:fd:3:same:OLD:NEW:1       (OLD $__writ_fds, NEW $((__writ_fds=SRANDOM)))
//	X 3<file  ──▶   X 1>>/dev/null/writ:fd:3:in:OLD:NEW:file
//	X >&3     ──▶   X >>/dev/null/writ:use:3
//
// Opening "fd" gives the standard output itself; when X has ended its closing puts things back, but for exec.
const (
	mostDescriptors   = 9
	variableTable     = "__writ_fds"
	changeDescriptors = `$__writ_fds$((__writ_fds=SRANDOM))`
)

// A descriptor is what one of them leads to, and the subshell that opened it.
type descriptor struct {
	out   io.Writer
	file  *os.File // if it is one
	owner uintptr
}

// scoped is a standard output that undoes something when it is closed.
type scoped struct {
	io.Writer
	undo func()
}

func (scoped) Read([]byte) (int, error) { return 0, unix.EBADF }

func (s scoped) Close() error {
	s.undo()
	return nil
}

// fileOf is the file behind one of a handler's ends, if there is one.
func fileOf(end any) (*os.File, bool) {
	for {
		inner, ok := end.(scoped)
		if !ok {
			file, ok := end.(*os.File)
			return file, ok && file != nil
		}
		end = inner.Writer
	}
}

// plain is an end as a program may get it: a file, if it is one.
func plain(end io.Writer) io.Writer {
	if file, ok := fileOf(end); ok {
		return file
	}
	return end
}

// inherited are the descriptors that the process was started with. Those of Go's own are closed on exec.
func inherited() map[int]descriptor {
	files := map[int]descriptor{}
	for number := 3; number <= mostDescriptors; number++ {
		flags, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		if copied, err := duplicate(number); err == nil {
			files[number] = descriptor{copied, copied, 0}
			unix.CloseOnExec(number)
		}
	}
	return files
}

// duplicate is a descriptor's file once more, above those that scripts name.
func duplicate(number int) (*os.File, error) {
	copied, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(copied), "descriptor "+strconv.Itoa(number)), nil
}

// describe rewrites a statement's redirections that the interpreter does not have. It reports whether the shell itself
// opens one, to stay.
func describe(statement *syntax.Stmt) (stays bool) {
	for i, redirect := range statement.Redirs {
		number := -1
		if redirect.N != nil {
			if value, err := strconv.Atoi(redirect.N.Value); err == nil {
				number = value
			}
		}
		operator := map[syntax.RedirOperator]string{
			syntax.RdrOut: "out", syntax.RdrClob: "out", syntax.AppOut: "append", syntax.RdrIn: "in", syntax.RdrInOut: "both",
			syntax.DplOut: "same", syntax.DplIn: "same",
		}[redirect.Op]
		switch {
		case number > 2 && operator != "":
			changed := noteWith(fmt.Sprintf("fd:%d:%s:", number, operator), redirect.Word)
			changed.Op, changed.N = syntax.AppOut, &syntax.Lit{Value: "1"}
			changed.Word.Parts = slices.Insert(changed.Word.Parts, 1, tableParts()...)
			statement.Redirs[i] = changed
			call, ok := statement.Cmd.(*syntax.CallExpr)
			stays = stays || ok && len(call.Args) == 1 && call.Args[0].Lit() == "exec"
		case redirect.Op == syntax.DplOut || redirect.Op == syntax.DplIn:
			statement.Redirs[i] = duplicated(redirect)
		}
	}
	return stays
}

// tableParts are OLD:NEW: of a word.
func tableParts() []syntax.WordPart {
	word, err := parser().Document(strings.NewReader(changeDescriptors))
	if err != nil || len(word.Parts) != 2 {
		return nil
	}
	colon := &syntax.Lit{Value: ":"}
	return []syntax.WordPart{word.Parts[0], colon, word.Parts[1], colon}
}

// enclose makes statements close the descriptors that they leave open: else a pipe would have no end.
func enclose(statements []*syntax.Stmt) []*syntax.Stmt {
	if len(statements) == 0 {
		return statements
	}
	end := noteWith("end", &syntax.Word{})
	end.Op = syntax.AppOut
	return []*syntax.Stmt{{Position: statements[0].Position, Cmd: &syntax.Block{Stmts: statements}, Redirs: []*syntax.Redirect{end}}}
}

// duplicated is >&N and <&N as a file to open, unless the interpreter knows it; >&FILE is both outputs to a file.
func duplicated(redirect *syntax.Redirect) *syntax.Redirect {
	literal := redirect.Word.Lit()
	changed := *redirect
	number, err := strconv.Atoi(literal)
	switch {
	case literal == "-", redirect.Op == syntax.DplOut && err == nil && (number == 1 || number == 2):
		return redirect
	case literal != "" && err != nil && redirect.Op == syntax.DplOut && redirect.N == nil:
		changed.Op = syntax.RdrAll
		return &changed
	case redirect.Op == syntax.DplOut:
		changed.Op = syntax.AppOut
	default:
		changed.Op = syntax.RdrIn
	}
	changed.Word = noteWith("use:", redirect.Word).Word
	return &changed
}

func noteWith(text string, word *syntax.Word) *syntax.Redirect {
	parts := append([]syntax.WordPart{&syntax.Lit{Value: notePrefix + text}}, word.Parts...)
	return &syntax.Redirect{Op: syntax.RdrIn, Word: &syntax.Word{Parts: parts}}
}

// standardFile is the number in /dev/stdin, /dev/fd/3 and the like: a redirection means the shell's, as it is there.
func standardFile(path string) (number string, ok bool) {
	switch path {
	case "/dev/stdin":
		return "0", true
	case "/dev/stdout":
		return "1", true
	case "/dev/stderr":
		return "2", true
	}
	number, ok = strings.CutPrefix(path, "/dev/fd/")
	return number, ok
}

// use opens a descriptor once more, for one command.
func (s *session) use(hc interp.HandlerContext, text string) (io.ReadWriteCloser, error) {
	wrong := &os.PathError{Op: s.zero + ":", Path: text, Err: unix.EBADF}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, wrong
	}
	found, ok := s.descriptor(hc, number)
	switch {
	case !ok:
		return nil, wrong
	case found.file == nil:
		return scoped{found.out, func() {}}, nil
	}
	return duplicate(int(found.file.Fd()))
}

func (s *session) descriptor(hc interp.HandlerContext, number int) (descriptor, bool) {
	switch number {
	case 0:
		file, ok := fileOf(hc.Stdin)
		return descriptor{file: file}, ok
	case 1, 2:
		end := hc.Stdout
		if number == 2 {
			end = hc.Stderr
		}
		file, _ := fileOf(end)
		return descriptor{out: end, file: file}, true
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, ok := s.tables[hc.Env.Get(variableTable).String()][number]
	return found, ok
}

// change is N>&M, N>FILE and the like, for a descriptor from 3 on; N>&- closes it.
func (s *session) change(hc interp.HandlerContext, text string) (io.ReadWriteCloser, error) {
	parts := strings.SplitN(text, ":", 5)
	if len(parts) < 5 {
		return nil, unix.EBADF
	}
	operator, before, after, target := parts[1], parts[2], parts[3], parts[4]
	number, err := strconv.Atoi(parts[0])
	if err == nil && number > mostDescriptors {
		err = fmt.Errorf("descriptor %d is over %d", number, mostDescriptors)
	}
	var opened descriptor
	if err == nil {
		opened, err = s.target(hc, operator, target, before)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	old := s.tables[before]
	table := maps.Clone(old)
	if table == nil {
		table = map[int]descriptor{}
	}
	s.tables[after] = table
	if err != nil {
		return nil, &os.PathError{Op: s.zero + ":", Path: target, Err: fmt.Errorf("%s", reason(err))}
	}
	delete(table, number)
	if opened.out != nil {
		table[number] = opened
	} else if closed := old[number]; closed.file != nil && closed.owner == opened.owner {
		closed.file.Close()
	}
	return scoped{hc.Stdout, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.tables[after] = old
		if opened.file != nil {
			opened.file.Close()
		}
	}}, nil
}

// target opens what a descriptor is to lead to; nothing for "-".
func (s *session) target(hc interp.HandlerContext, operator, target, table string) (descriptor, error) {
	owner := identity(hc)
	if operator == "same" {
		if target == "-" {
			return descriptor{owner: owner}, nil
		}
		source, err := strconv.Atoi(target)
		if err != nil {
			return descriptor{}, unix.EBADF
		}
		from, ok := s.descriptor(hc, source)
		if source > 2 {
			s.mutex.Lock()
			from, ok = s.tables[table][source]
			s.mutex.Unlock()
		}
		if !ok {
			return descriptor{}, unix.EBADF
		}
		if from.file == nil {
			return descriptor{from.out, nil, owner}, nil
		}
		file, err := duplicate(int(from.file.Fd()))
		return descriptor{file, file, owner}, err
	}
	mode := map[string]int{
		"out": os.O_WRONLY | os.O_CREATE | os.O_TRUNC, "append": os.O_WRONLY | os.O_CREATE | os.O_APPEND, "in": os.O_RDONLY, "both": os.O_RDWR | os.O_CREATE,
	}[operator]
	path := target
	if !filepath.IsAbs(path) {
		path = filepath.Join(hc.Dir, path)
	}
	file, err := os.OpenFile(path, mode, 0o666)
	return descriptor{file, file, owner}, err
}

// ending closes, when a subshell ends, what it opened.
func (s *session) ending(hc interp.HandlerContext) io.ReadWriteCloser {
	owner := identity(hc)
	return scoped{hc.Stdout, func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		for _, table := range s.tables {
			for number, one := range table {
				if one.owner == owner && one.file != nil {
					one.file.Close()
					delete(table, number)
				}
			}
		}
	}}
}

// extra are the descriptors from 3 on for a program.
func (s *session) extra(hc interp.HandlerContext) []*os.File {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var files []*os.File
	for number, one := range s.tables[hc.Env.Get(variableTable).String()] {
		for len(files) <= number-3 {
			files = append(files, nil)
		}
		files[number-3] = one.file
	}
	return files
}
