package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter's own -x quotes arguments as no shell does, and writes into a command's own 2>&1. So it stays off, and
// we print: every command before it runs, in onCall, and assignments that run no command, by a note of the rewritten
// tree. Whether -x is on is a variable, which subshells inherit.
const variableTrace = "__writ_x"

// trace prints a command if -x is on: to the shell's standard error, not to where the command's own goes.
func (s *session) trace(hc interp.HandlerContext, args []string) {
	if hc.Env.Get(variableTrace).String() != "1" {
		return
	}
	words := make([]string, len(args))
	for i, argument := range args {
		words[i] = traceQuote(argument)
	}
	io.WriteString(s.traceTo(hc), "+ "+strings.Join(words, " ")+"\n")
}

func (s *session) traceTo(hc interp.HandlerContext) io.Writer {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.redirected[hc.Pos] {
		return os.Stderr
	}
	return hc.Stderr
}

// traceAssignment prints NAME=VALUE.
func (s *session) traceAssignment(hc interp.HandlerContext, text string) {
	name, value, _ := strings.Cut(text, "=")
	if hc.Env.Get(variableTrace).String() == "1" {
		fmt.Fprintf(hc.Stderr, "+ %s=%s\n", name, traceQuoteValue(value))
	}
}

func traceQuoteValue(value string) string {
	if value == "" {
		return ""
	}
	return traceQuote(value)
}

// traceQuote quotes a word as bash's -x does.
func traceQuote(word string) string {
	switch {
	case word == "":
		return "''"
	case strings.ContainsFunc(word, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }):
		return quoteWord(word)
	case strings.ContainsAny(word, " \t\n'\"\\|&;()<>!{}*[?]^$`") || strings.HasPrefix(word, "~") || strings.HasPrefix(word, "#"):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// set is the builtin: -x is ours, the options that change nothing are left out, the rest is the interpreter's.
func (s *session) set(ctx context.Context, hc interp.HandlerContext, args []string) (int, error) {
	if len(args) == 0 {
		printVariables(hc.Stdout, hc.Env)
		return 0, nil
	}
	kept := []string{"set"}
	for len(args) > 0 {
		argument := args[0]
		if argument == "--" || argument == "-" || len(argument) < 2 || argument[0] != '-' && argument[0] != '+' {
			break
		}
		args = args[1:]
		sign := argument[:1]
		for _, letter := range argument[1:] {
			switch {
			case letter == 'x':
				if err := s.setTrace(ctx, hc, sign); err != nil {
					return 0, err
				}
			case letter == 'o' && len(args) > 0:
				name := args[0]
				args = args[1:]
				if name == "xtrace" {
					if err := s.setTrace(ctx, hc, sign); err != nil {
						return 0, err
					}
				} else if !idleOption(name) {
					kept = append(kept, sign+"o", name)
				}
			case !strings.ContainsRune(noSettings, letter):
				kept = append(kept, sign+string(letter))
			}
		}
	}
	if kept = append(kept, args...); len(kept) == 1 {
		return 0, nil
	}
	return 0, hc.Builtin(ctx, kept)
}

func (s *session) setTrace(ctx context.Context, hc interp.HandlerContext, sign string) error {
	return hc.Builtin(ctx, []string{"eval", variableTrace + "=" + strconv.Itoa(map[string]int{"-": 1}[sign])})
}

// observed notes where a simple command redirects its own standard error, and makes an assignment tell its value.
func (s *session) observed(statement *syntax.Stmt) {
	call, ok := statement.Cmd.(*syntax.CallExpr)
	if !ok {
		return
	}
	if len(call.Args) > 0 {
		for _, redirect := range statement.Redirs {
			if redirect.N != nil && redirect.N.Value == "2" || redirect.Op == syntax.RdrAll || redirect.Op == syntax.AppAll {
				s.mutex.Lock()
				s.redirected[call.Args[0].Pos()] = true
				s.mutex.Unlock()
			}
		}
		return
	}
	for _, assign := range call.Assigns {
		if assign.Naked || assign.Array != nil || assign.Index != nil || assign.Append || assign.Value != nil && !harmless(assign.Value) {
			continue
		}
		value := assign.Value
		if value == nil {
			value = &syntax.Word{}
		}
		word := &syntax.Word{Parts: append([]syntax.WordPart{&syntax.Lit{Value: notePrefix + "trace:" + assign.Name.Value + "="}}, value.Parts...)}
		statement.Redirs = append(statement.Redirs, &syntax.Redirect{Op: syntax.RdrIn, Word: word})
	}
}

// harmless: a word whose value may be asked for twice.
func harmless(word *syntax.Word) bool {
	ok := true
	syntax.Walk(word, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp:
			ok = false
		case *syntax.ParamExp:
			ok = ok && node.Exp == nil
			ok = ok && (node.Param == nil || node.Param.Value != "RANDOM" && node.Param.Value != "SRANDOM")
		}
		return ok
	})
	return ok
}
