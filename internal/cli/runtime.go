package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/container/process"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/shell"
)

// taskRuntime is what tasks run in, with what the log says of it.
type taskRuntime struct {
	container.Runtime
	notices []string
	images  *images // nil: it has none
	close   func() error
}

const processHint = "or use --runtime process: tasks run as plain processes of your own user, without isolation"

// runtimeName says which runtime is meant: oci, process or auto. With a server plain processes must be named by the flag,
// since a run's tokens then count for more than this user's own machine.
func (f runFlags) runtimeName(configured string) (string, error) {
	name := f.runtime
	if name == "" {
		name = configured
	}
	switch {
	case name == "":
		name = "auto"
	case name != "auto" && name != "process" && name != "oci":
		return "", hinted{fmt.Errorf("--runtime %q: not a runtime", name), "use auto, oci or process"}
	}
	if f.server != "" && name == "process" && f.runtime != "process" {
		return "", hinted{errors.New("with --server the process runtime must be named by the flag"), "add --runtime process: tasks run as plain processes of your own user, without isolation"}
	}
	return name, nil
}

// openRuntime opens what tasks run in. Auto is containers where they can be had; else, without a server, plain processes.
func openRuntime(ctx context.Context, name string, withServer bool, c config.Container, note func(string), log *slog.Logger) (*taskRuntime, error) {
	if name == "process" {
		return openProcess(log)
	}
	containers, err := openContainers(ctx, c, note, log)
	switch {
	case err == nil:
		return containers, nil
	case ctx.Err() != nil:
		return nil, exit{statusAborted, nil}
	case name == "oci":
		return nil, hinted{fmt.Errorf("--runtime oci: %w", err), hintOf(err, "see what the error names") + ", " + processHint}
	case withServer:
		return nil, hinted{fmt.Errorf("no containers here, and with --server the process runtime must be named: %w", err), hintOf(err, "see what the error names") + ", " + processHint}
	}
	plain, problem := openProcess(log)
	if problem != nil {
		return nil, problem
	}
	plain.notices = append(plain.notices, "containers cannot be had here: "+err.Error())
	return plain, nil
}

func hintOf(err error, otherwise string) string {
	var help interface{ Hint() string }
	if errors.As(err, &help) && help.Hint() != "" {
		return help.Hint()
	}
	return otherwise
}

func openProcess(log *slog.Logger) (*taskRuntime, error) {
	rt, err := process.New(process.Config{Log: log})
	if err != nil {
		return nil, err
	}
	return &taskRuntime{Runtime: rt, notices: []string{process.Notice}, close: rt.Close}, nil
}

func openContainers(ctx context.Context, c config.Container, note func(string), log *slog.Logger) (*taskRuntime, error) {
	all, err := openImages(c, note)
	if err != nil {
		return nil, err
	}
	rt, err := oci.New(oci.Config{Player: player, Applets: shell.Names(), Command: c.Command, Network: oci.Network(c.Network), Images: all.find, Log: log})
	if err != nil {
		return nil, err
	}
	if err := rt.Probe(ctx); err != nil {
		return nil, errors.Join(err, rt.Close())
	}
	return &taskRuntime{Runtime: rt, images: all, notices: rt.Notices(), close: func() error { return errors.Join(all.close(), rt.Close()) }}, nil
}
