package lint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/writ-run/writ/command"
)

// External is a program that is given each script on its standard input. What it prints, where it ends with another status
// than 0, is what it says of the script.
type External struct {
	Called string // its name
	Shells bool   // it knows shells alone: what no shell executes it is not given
	Exec   command.Exec
	Runner command.Runner // of its Exec, Sink and Done nothing is used
}

// Name is what it is called.
func (e External) Name() string { return e.Called }

// notStarted are statuses by which shells and containers say that there is no such program.
const notStarted = 126

// Lint has it look at a script.
func (e External) Lint(ctx context.Context, s Script) ([]Remark, error) {
	if strings.TrimSpace(e.Exec.Command) == "" {
		return nil, errors.New("its exec has no command")
	}
	if e.Shells && s.Shell == "" {
		return nil, nil
	}
	runner := e.Runner
	runner.Exec, runner.Sink, runner.Done = e.Exec, nil, nil
	runner.Exec.Command = "" // its words are the script's: nothing comes behind them
	plan, err := command.Diff(nil, command.List{{ID: e.Called, Always: true, Change: e.Exec.Command, Stdin: s.Text}}, command.Change)
	if err != nil {
		return nil, err
	}
	result, err := runner.Run(ctx, plan)
	var failed *command.FailedError
	switch {
	case err == nil:
		return nil, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case !errors.As(err, &failed):
		return nil, err
	case failed.Reason != "":
		return nil, errors.New(failed.Reason)
	}
	output := result.Outcomes[0].Change.Output.String()
	if failed.Exit >= notStarted {
		return nil, fmt.Errorf("it ended with status %d: %s", failed.Exit, firstLine(output))
	}
	var remarks []Remark
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			remarks = append(remarks, Remark{Text: line})
		}
	}
	if len(remarks) == 0 {
		remarks = []Remark{{Text: fmt.Sprintf("exit status %d", failed.Exit)}}
	}
	return remarks, nil
}
