package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// A call is how a shell was started.
type call struct {
	script      string // of -c
	isScript    bool   // -c was given
	stdin       bool   // -s: commands from standard input although there are arguments
	interactive bool   // -i
	trace       bool   // -x
	login       bool   // -l, or argv[0] begins with "-"
	settings    []string
	shopts      []string
	arguments   []string // $0 (with -c) or the file, and $1...
}

// noSettings are options of set that change nothing here.
const noSettings = "hmbBETHPCktvp"

// parseCall reads the shell's own arguments, bash's and dash's: combined letters, -o and +o with a name, -c's script as
// the first operand wherever -c stands among the letters.
func parseCall(args []string) (*call, error) {
	k := &call{}
	for len(args) > 0 {
		argument := args[0]
		if argument == "--" || argument == "-" {
			args = args[1:]
			break
		}
		if len(argument) < 2 || argument[0] != '-' && argument[0] != '+' {
			break
		}
		args = args[1:]
		if strings.HasPrefix(argument, "--") {
			if argument == "--login" {
				k.login = true
			} // --norc, --noprofile, --posix: nothing is read, nothing to leave out
			continue
		}
		for _, letter := range argument[1:] {
			var err error
			if args, err = k.letter(argument[:1], letter, args); err != nil {
				return nil, err
			}
		}
	}
	if k.isScript {
		if len(args) == 0 {
			return nil, errors.New("-c: option requires an argument")
		}
		k.script, args = args[0], args[1:]
	}
	k.arguments = args
	return k, nil
}

func (k *call) letter(sign string, letter rune, args []string) ([]string, error) {
	switch letter {
	case 'c':
		k.isScript = true
	case 's':
		k.stdin = true
	case 'i':
		k.interactive = true
	case 'l':
		k.login = true
	case 'o', 'O':
		if len(args) == 0 {
			return nil, fmt.Errorf("%s%c: option requires an argument", sign, letter)
		}
		if letter == 'O' {
			k.shopts = append(k.shopts, map[string]string{"-": "-s", "+": "-u"}[sign], args[0])
		} else if args[0] == "xtrace" {
			k.trace = sign == "-"
		} else if !idleOption(args[0]) {
			k.settings = append(k.settings, sign+"o", args[0])
		}
		return args[1:], nil
	case 'x':
		k.trace = sign == "-"
	case 'e', 'u', 'f', 'n', 'a':
		k.settings = append(k.settings, sign+string(letter))
	default:
		if !strings.ContainsRune(noSettings, letter) {
			return nil, fmt.Errorf("%s%c: invalid option", sign, letter)
		}
	}
	return args, nil
}

// runShell is sh and bash: the same interpreter of bash's language under both names.
func runShell(c *command) int {
	k, err := parseCall(c.args)
	if err != nil {
		c.complain("%v", err)
		return 2
	}
	if strings.HasPrefix(c.zero, "-") {
		k.login = true
	}
	s, err := newSession(c, k)
	if err != nil {
		return c.fail("%v", err)
	}
	source, status := s.source(k)
	if source == nil {
		return status
	}
	if k.login {
		s.profile()
	}
	return s.run(source, k)
}

// source is what the shell reads its commands from, or nil and an exit status.
func (s *session) source(k *call) (io.Reader, int) {
	zero, rest := s.command.zero, k.arguments
	var source io.Reader
	switch {
	case k.isScript:
		source = strings.NewReader(k.script)
		if len(rest) > 0 {
			zero, rest = rest[0], rest[1:]
		}
	case k.stdin || len(rest) == 0:
		source = oneByte{os.Stdin}
		k.interactive = k.interactive || len(rest) == 0 && term.IsTerminal(0) && term.IsTerminal(2)
	default:
		zero = rest[0]
		file, status := s.openScript(zero)
		if file == nil {
			return nil, status
		}
		source, rest = file, rest[1:]
	}
	s.zero = zero
	if err := interp.Params(append([]string{"--"}, rest...)...)(s.runner); err != nil {
		return nil, s.command.fail("%v", err)
	}
	return source, 0
}

func (s *session) openScript(path string) (*os.File, int) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) && !strings.Contains(path, "/") {
		if found, status := look(path, s.runner.Dir, s.runner.Env); status == 0 {
			file, err = os.Open(found)
		}
	}
	if err == nil {
		if info, problem := file.Stat(); problem == nil && info.IsDir() {
			s.command.complain("%s: Is a directory", path)
			return nil, 126
		}
		return file, 0
	}
	s.command.complain("%s: %s", path, reason(err))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 127
	}
	return nil, 126
}

// oneByte reads one byte at a time, so that commands of a script on standard input find the rest of it there.
type oneByte struct{ io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.Reader.Read(p[:1])
}

func parser() *syntax.Parser { return syntax.NewParser(syntax.Variant(syntax.LangBash)) }

// run executes statement by statement, as they are read: an error of syntax stops a script only where it stands.
func (s *session) run(source io.Reader, k *call) int {
	statements := parser().StmtsSeq(source)
	if k.interactive {
		statements = s.prompt(source)
	}
	var held []*syntax.Stmt // until the text of their here-documents is read, which follows the whole line
	for statement, err := range statements {
		if err == nil {
			if held = append(held, statement); awaitsDocument(statement) {
				continue
			}
		}
		for len(held) > 0 {
			if s.step(held[0]) {
				return s.end()
			}
			held = held[1:]
		}
		if err != nil {
			fmt.Fprintf(s.command.err, "%s: %v\n", s.zero, err)
			s.status = 2
			if k.interactive {
				continue
			}
			break
		}
	}
	for _, statement := range held {
		if s.step(statement) {
			break
		}
	}
	return s.end()
}

// step executes one statement and the traps that wait, and reports whether the shell is to end.
func (s *session) step(statement *syntax.Stmt) (done bool) {
	return s.do(rewrite(statement, s)...) || s.trapped()
}

// awaitsDocument reports whether a here-document of a statement has no text, yet or at all.
func awaitsDocument(statement *syntax.Stmt) bool {
	awaits := false
	syntax.Walk(statement, func(node syntax.Node) bool {
		if redirect, ok := node.(*syntax.Redirect); ok && redirect.Hdoc == nil {
			awaits = awaits || redirect.Op == syntax.Hdoc || redirect.Op == syntax.DashHdoc
		}
		return true
	})
	return awaits
}

// prompt reads what a person types; an error of syntax does not end the session.
func (s *session) prompt(source io.Reader) iter.Seq2[*syntax.Stmt, error] {
	return func(yield func(*syntax.Stmt, error) bool) {
		for {
			fmt.Fprint(s.command.err, "$ ")
			p := parser()
			broken := false
			for statements, err := range p.InteractiveSeq(source) {
				if err != nil {
					if broken = true; !yield(nil, err) {
						return
					}
					break
				}
				if p.Incomplete() {
					fmt.Fprint(s.command.err, "> ")
					continue
				}
				for _, statement := range statements {
					if !yield(statement, nil) {
						return
					}
				}
				fmt.Fprint(s.command.err, "$ ")
			}
			if !broken {
				return
			}
		}
	}
}

// do executes statements and reports whether the shell is to end.
func (s *session) do(statements ...*syntax.Stmt) (done bool) {
	err := s.runner.Run(context.Background(), &syntax.File{Name: s.zero, Stmts: statements})
	var status interp.ExitStatus
	switch {
	case err == nil:
		s.status = 0
	case errors.As(err, &status):
		s.status = int(status)
	default:
		fmt.Fprintf(s.command.err, "%s: %v\n", s.zero, err)
		s.status = 1
	}
	return s.runner.Exited()
}

// profile reads what a login shell reads.
func (s *session) profile() {
	files := []string{"/etc/profile"}
	if home := os.Getenv("HOME"); home != "" {
		files = append(files, home+"/.profile")
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		file, err := parser().Parse(strings.NewReader(string(content)), path)
		if err != nil {
			fmt.Fprintf(s.command.err, "%v\n", err)
			continue
		}
		s.do(rewriteAll(file.Stmts, s)...)
	}
	s.status = 0
}
