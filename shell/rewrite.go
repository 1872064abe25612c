package shell

import (
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// The interpreter runs a background command in itself and hides it from its handlers. The tree of a script is therefore
// rewritten before it runs; redirections carry what we must know, since -x does not print them:
//
//	X &   ──▶   1>&$((__writ_bg=NUMBER,1)) </dev/null/writ:spawn:$__writ_bg
//	            { if ( X ); then </dev/null/writ:done:0; else </dev/null/writ:done:$?; fi; } 1>&$((__writ_job=__writ_bg,1)) &
//	$!    ──▶   ${__writ_bg}
//	X | Y ──▶   ( X ) | ( Y )
//	v=W   ──▶   v=W </dev/null/writ:trace:v=W
//
// Opening a path that begins with notePrefix calls session.note, and gives /dev/null.

// rewrite returns what runs in place of a statement.
func rewrite(statement *syntax.Stmt, s *session) []*syntax.Stmt {
	return rewriteAll([]*syntax.Stmt{statement}, s)
}

func rewriteAll(statements []*syntax.Stmt, s *session) []*syntax.Stmt {
	lists := []*[]*syntax.Stmt{&statements}
	var subshells []*[]*syntax.Stmt
	stays := false
	for _, statement := range statements {
		syntax.Walk(statement, func(node syntax.Node) bool {
			switch node := node.(type) {
			case *syntax.Block:
				lists = append(lists, &node.Stmts)
			case *syntax.Subshell:
				lists = append(lists, &node.Stmts)
				subshells = append(subshells, &node.Stmts)
			case *syntax.CmdSubst:
				lists = append(lists, &node.Stmts)
			case *syntax.ProcSubst:
				lists = append(lists, &node.Stmts)
			case *syntax.IfClause:
				lists = append(lists, &node.Cond, &node.Then)
			case *syntax.WhileClause:
				lists = append(lists, &node.Cond, &node.Do)
			case *syntax.ForClause:
				lists = append(lists, &node.Do)
			case *syntax.CaseItem:
				lists = append(lists, &node.Stmts)
			case *syntax.Stmt:
				stays = describe(node) || stays
				s.observed(node)
			case *syntax.BinaryCmd:
				piped(node)
			case *syntax.FuncDecl:
				if node.Name != nil {
					s.declare(node.Name.Value)
				}
			case *syntax.ParamExp:
				if node.Param != nil && node.Param.Value == "!" {
					node.Param.Value, node.Short = variableLast, false
				}
			}
			return true
		})
	}
	for _, list := range lists {
		var replaced []*syntax.Stmt
		for _, statement := range *list {
			if statement.Background {
				replaced = append(replaced, background(statement)...)
			} else {
				replaced = append(replaced, statement)
			}
		}
		*list = replaced
	}
	if stays {
		for _, list := range subshells {
			*list = enclose(*list)
		}
	}
	return statements
}

// The two statements around a background command, in which ":" stands for it.
const (
	spawnSimple   = `1>&$((__writ_bg=SRANDOM%1000000000+5000000,1)) </dev/null/writ:simple:$__writ_bg`
	spawnCompound = `1>&$((__writ_bg=SRANDOM%1000000000+5000000,1)) </dev/null/writ:spawn:$__writ_bg`
	inBackground  = `{ if ( : ); then </dev/null/writ:done:0; else </dev/null/writ:done:$?; fi; } 1>&$((__writ_job=__writ_bg,1)) </dev/null &`
)

func background(statement *syntax.Stmt) []*syntax.Stmt {
	spawn := spawnCompound
	if call, ok := statement.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 {
		spawn = spawnSimple
	}
	inner := *statement
	inner.Background = false
	file, err := parser().Parse(strings.NewReader(spawn+"\n"+inBackground), "")
	if err != nil {
		return []*syntax.Stmt{statement}
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		if subshell, ok := node.(*syntax.Subshell); ok {
			subshell.Stmts = []*syntax.Stmt{&inner}
			return false
		}
		return true
	})
	return file.Stmts
}

// rewriteText is rewrite for text that the interpreter parses itself: eval's, a trap's, a sourced file's. Text that has
// nothing to rewrite, or that does not parse, stays as it is.
func (s *session) rewriteText(text string) string {
	if !strings.ContainsAny(text, "&|<>") && !strings.Contains(text, "$!") {
		return text
	}
	file, err := parser().Parse(strings.NewReader(text), "")
	if err != nil {
		return text
	}
	touched := false
	syntax.Walk(file, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.Stmt:
			touched = touched || node.Background
		case *syntax.BinaryCmd:
			touched = touched || isPipe(node)
		case *syntax.Redirect:
			touched = touched || node.N != nil && node.N.Value > "2" || node.Op == syntax.DplIn || node.Op == syntax.DplOut && node.Word.Lit() > "2"
		case *syntax.ParamExp:
			touched = touched || node.Param != nil && node.Param.Value == "!"
		}
		return true
	})
	if !touched {
		return text
	}
	file.Stmts = rewriteAll(file.Stmts, s)
	var out strings.Builder
	if err := syntax.NewPrinter().Print(&out, file); err != nil {
		return text
	}
	return out.String()
}

// piped makes the commands of a pipeline subshells, as bash has it; the interpreter runs the last in the shell itself.
func piped(pipe *syntax.BinaryCmd) {
	if isPipe(pipe) {
		pipe.X, pipe.Y = subshell(pipe.X), subshell(pipe.Y)
	}
}

func isPipe(command syntax.Command) bool {
	pipe, ok := command.(*syntax.BinaryCmd)
	return ok && (pipe.Op == syntax.Pipe || pipe.Op == syntax.PipeAll)
}

func subshell(statement *syntax.Stmt) *syntax.Stmt {
	if _, already := statement.Cmd.(*syntax.Subshell); already || isPipe(statement.Cmd) {
		return statement
	}
	inner := *statement
	return &syntax.Stmt{Position: inner.Position, Cmd: &syntax.Subshell{Stmts: []*syntax.Stmt{&inner}}}
}

func (s *session) declare(function string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.functions[function] = true
}

func (s *session) isFunction(name string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.functions[name]
}

func (s *session) takeSourcing() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	was := s.sourcing
	s.sourcing = false
	return was
}

// maxSource bounds a file that is sourced.
const maxSource = 16 << 20

// sourced is the rewritten content of a file.
func (s *session) sourced(file *os.File) (io.ReadWriteCloser, error) {
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSource))
	if err != nil {
		return nil, &os.PathError{Op: s.zero + ":", Path: file.Name(), Err: err}
	}
	return script{strings.NewReader(s.rewriteText(string(content)))}, nil
}

type script struct{ io.Reader }

func (script) Write([]byte) (int, error) { return 0, os.ErrPermission }
func (script) Close() error              { return nil }
