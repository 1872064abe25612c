package lint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/writ-run/writ/internal/address"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

// unasked keeps what native functions had no answer to.
type unasked struct{ reasons []string }

var (
	errNoCommands = errors.New("a linter runs no commands")
	errNoNetwork  = errors.New("a linter asks no network")
)

// environment is what a file is evaluated with: its native functions read this machine, and do nothing else.
func (l Linter) environment(file string) (pattern.Environment, *unasked) {
	u := &unasked{}
	e := l.Environment(filepath.Dir(file))
	e.Test = true
	read := e.Access.File
	e.Access = jsonnet.Access{
		Dir: e.Access.Dir, Env: e.Access.Env, Brought: e.Access.Brought,
		Fetch: func(_ context.Context, r jsonnet.Request) ([]byte, error) {
			return nil, u.refuse("getFile: "+address.Shown(r.URL), errNoNetwork) // as errors show it
		},
		Command: func(context.Context, string) (string, error) { return "", u.refuse("getCmd", errNoCommands) },
		Record: func(_ context.Context, kind, name string) ([]string, error) {
			return nil, u.refuse(fmt.Sprintf("getRecord: %s of %s", kind, name), errNoNetwork)
		},
	}
	if read != nil {
		e.Access.File = func(ctx context.Context, path string) ([]byte, error) {
			content, err := read(ctx, path)
			if err != nil {
				err = u.refuse("getFile: "+path, err)
			}
			return content, err
		}
	}
	return e, u
}

func (u *unasked) refuse(what string, err error) error {
	u.reasons = append(u.reasons, what+": "+err.Error())
	return err
}

// judge tells an evaluation that failed for want of an answer from one that failed by itself.
func (u *unasked) judge(ctx context.Context, file string, err error, r *Report) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var mistake *jsonnet.Error
	if errors.As(err, &mistake) {
		missing := strings.Contains(mistake.Text, " is closed here: ")
		for _, reason := range u.reasons {
			missing = missing || strings.Contains(mistake.Text, shown(reason))
		}
		if missing {
			r.note("%s is not evaluated, and its Commands are not looked at: %v", file, mistake)
			return nil
		}
	}
	r.Findings = append(r.Findings, mistakes(file, err)...)
	return nil
}

// shown is how much of a reason an error surely shows.
func shown(reason string) string { return reason[:min(len(reason), 200)] }

// quote is a text as Jsonnet writes it.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil { // it is a text
		panic(fmt.Sprintf("quote %q: %v", text, err))
	}
	return string(quoted)
}
