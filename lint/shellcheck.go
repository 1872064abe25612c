package lint

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/go-json-experiment/json"
)

// Shellcheck is the program of that name. What no shell executes it leaves alone.
type Shellcheck struct {
	Path string
	Dir  string // where its configuration, .shellcheckrc, is looked for; empty: here
}

// What it says in vain.
const (
	unassigned = "SC2154" // of variables that are not assigned in a script: Commands see those of Commands before them
	unchecked  = "SC2164" // that cd may fail, of a script that then ends
)

// Name is shellcheck.
func (Shellcheck) Name() string { return "shellcheck" }

// Lint has it look at a script.
func (s Shellcheck) Lint(ctx context.Context, script Script) ([]Remark, error) {
	if script.Shell == "" {
		return nil, nil
	}
	text, before := script.Text, 0
	if strings.HasPrefix(text, "!") { // which it takes for half of a #! where it comes first
		text, before = ":\n"+text, 1
	}
	var output, problem bytes.Buffer
	exclude := unassigned
	if script.Ends {
		exclude += "," + unchecked
	}
	cmd := exec.CommandContext(ctx, s.Path, "--shell="+script.Shell, "--exclude="+exclude, "--format=json1", "-")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Dir, strings.NewReader(text), &output, &problem
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 1) { // 1: it has something to say
		return nil, fmt.Errorf("%w: %s", err, firstLine(problem.String()))
	}
	var said struct {
		Comments []struct {
			Line    int    `json:"line"`
			Column  int    `json:"column"`
			Level   string `json:"level"`
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"comments"`
	}
	if err := json.Unmarshal(output.Bytes(), &said); err != nil {
		return nil, fmt.Errorf("what it says is not understood: %w", err)
	}
	var remarks []Remark
	for _, c := range said.Comments {
		remarks = append(remarks, Remark{c.Line - before, c.Column, fmt.Sprintf("SC%d (%s): %s", c.Code, c.Level, c.Message)})
	}
	return remarks, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
