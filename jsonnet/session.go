package jsonnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// session is one evaluation, and what it has read.
type session struct {
	ctx     context.Context
	program Program
	access  Access
	limits  Limits

	entry   string                         // the entrypoint's name
	files   map[string]jsonnet.Contents    // by name
	found   map[[2]string]string           // names, by who imports what
	bytes   int                            // of all files
	answers map[[2]string]any              // of native functions, by function and arguments
	objects map[string][][sha256.Size]byte // that get looked into, by path
	brought []string                       // from outside: no error holds them
	depth   int                            // of render
}

func newSession(ctx context.Context, p Program, a Access, l Limits) *session {
	return &session{
		ctx: ctx, program: p, access: a, limits: l,
		files: map[string]jsonnet.Contents{}, found: map[[2]string]string{},
		answers: map[[2]string]any{}, objects: map[string][][sha256.Size]byte{},
	}
}

func (s *session) run() ([]byte, error) {
	m := s.machine(s.program.Entrypoint)
	text, err := m.evaluate()
	if err == nil && len(text) > s.limits.Bytes {
		err = fmt.Errorf("the result has %d bytes; at most %d are taken (the limit of bytes)", len(text), s.limits.Bytes)
	}
	if err != nil {
		return nil, m.problem(err)
	}
	return []byte(text), nil
}

// open imports a file, once.
func (s *session) open(from, path string) (text jsonnet.Contents, found string, err error) {
	if err := s.ctx.Err(); err != nil {
		return text, "", err
	}
	if found, known := s.found[[2]string{from, path}]; known {
		return s.files[found], found, nil
	}
	found, content, err := s.program.Import(from, path)
	if err != nil {
		return text, "", err
	}
	if from == "" {
		s.entry = found
	}
	s.found[[2]string{from, path}] = found
	if text, known := s.files[found]; known {
		return text, found, nil
	}
	if len(s.files) == maxFiles {
		return text, "", fmt.Errorf("more than %d files are imported (the limit of files)", maxFiles)
	}
	if s.bytes += len(content); s.bytes > s.limits.Bytes {
		return text, "", fmt.Errorf("the files have more than %d bytes together (the limit of bytes)", s.limits.Bytes)
	}
	text = jsonnet.MakeContentsRaw(content)
	s.files[found] = text
	return text, found, nil
}

// machine is an evaluator over a session, for one text: the program, or one that the program renders.
type machine struct {
	*session
	vm       *jsonnet.VM
	name     string
	rendered jsonnet.Contents   // where name is renderedFile
	prepared map[string]bool    // files whose trees are
	code     map[[2]string]bool // who imports what as code
	linted   bool               // and not evaluated: the linter knows the evaluator's formats
}

func (s *session) machine(name string) *machine {
	m := &machine{session: s, vm: jsonnet.MakeVM(), name: name, prepared: map[string]bool{}, code: map[[2]string]bool{}}
	m.vm.MaxStack = s.limits.Stack
	m.vm.SetTraceOut(io.Discard)
	if s.access.Trace != nil {
		m.vm.SetTraceOut(s.access.Trace)
	}
	m.vm.Importer(m)
	s.teach(m.vm)
	return m
}

func (m *machine) evaluate() (text string, err error) {
	defer func() {
		if problem := recover(); problem != nil { // of the evaluator: not this program's end
			err = fmt.Errorf("the evaluator broke: %v", problem)
		}
	}()
	node, _, err := m.vm.ImportAST("", m.name)
	if err != nil {
		return "", err
	}
	if text, is := literal(node); is {
		return text, nil
	}
	return m.vm.Evaluate(node)
}

// Import is what the evaluator calls, over and over for one file. A file that is code is parsed here already, so that what is ours
// can be put into its tree before it is evaluated; the evaluator then uses the same tree.
func (m *machine) Import(from, path string) (jsonnet.Contents, string, error) {
	text, found, err := m.text(from, path)
	if err != nil || m.prepared[found] || !m.asCode(from, path) {
		return text, found, err
	}
	if err := tooDeep(found, text.Data()); err != nil {
		return text, "", err // each time: the linter asks again
	}
	m.prepared[found] = true
	if node, _, err := m.vm.ImportAST(from, path); err == nil { // else the evaluator says why
		m.prepare(found, node, text.Data())
	}
	return text, found, nil
}

// prepare puts into a file's tree what is ours, and takes note of what it imports.
func (m *machine) prepare(name string, node ast.Node, text []byte) {
	replacer{
		natives: bytes.Contains(text, []byte("native")),
		formats: !m.linted,
		imports: func(path string) { m.code[[2]string{name, path}] = true },
	}.replace(&node)
}

// asCode tells whether one file imports another as code, and not as a text alone. The evaluator does not say.
func (m *machine) asCode(from, path string) bool { return from == "" || m.code[[2]string{from, path}] }

func (m *machine) text(from, path string) (jsonnet.Contents, string, error) {
	switch {
	case from == "" && path == renderedFile:
		return m.rendered, renderedFile, nil
	case from == renderedFile:
		from = m.entry
	}
	return m.open(from, path)
}
