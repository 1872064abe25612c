// Package cli is the front door: one file per verb, and the only place that prints errors.
//
// Words shown to users: an error line is "writ: error: ..." in lower case without a full stop; where there is something
// to do about it, a line "writ: hint: ..." follows. Results go to standard output, everything else to standard error.
//
// Exit status: 0 done and well; 1 the work itself failed (a task, a check, a verification); 2 it could not be tried
// (usage, configuration, unreachable, an error of ours, a task that errored); 3 aborted.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/key/idle"
	"github.com/writ-run/writ/shell"
)

// The exit statuses.
const (
	statusDone    = 0
	statusFailed  = 1
	statusErrored = 2
	statusAborted = 3
)

// exit is an error that carries its own exit status. Without an inner error nothing more is printed: the verb has said it.
type exit struct {
	status int
	err    error
}

func (e exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// hinted adds what to do about an error.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// usage is an error in how a verb was called; its hint names the verb's help.
func usage(cmd *cobra.Command, format string, arguments ...any) error {
	return hinted{fmt.Errorf(format, arguments...), fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
}

// app is what every verb shares.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        []string
	config         configFlags

	taken chan os.Signal // interrupts, once a verb has asked for them
	asked atomic.Bool
}

// Main runs the command line of this process and returns its exit status.
// By its name it is also other things: what sets a container up, what evaluates a stranger's Jsonnet, what makes a key, and, in a container
// whose image is nothing but this binary, the shell and its utilities.
func Main() int {
	if status, played := oci.Main(os.Args); played {
		return status
	}
	if status, played := apart.Main(os.Args); played {
		return status
	}
	if status, played := idle.Main(os.Args); played {
		return status
	}
	if name := filepath.Base(os.Args[0]); name != "writ" && shell.Is(name) {
		return shell.Main(os.Args)
	}
	// A closed pager is an error of Write, not a sudden end that leaves a run behind. Tasks do not inherit this, as they
	// would an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		getenv: os.Getenv, environ: os.Environ(), taken: make(chan os.Signal, 4),
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go a.watch(signals)
	return a.run(context.Background(), os.Args[1:])
}

// interrupts are received by a verb that has something to bring to an end: each one says that the user wants that, more
// urgently than the last time. A verb that does not ask for them is ended by the first.
func (a *app) interrupts() <-chan os.Signal {
	a.asked.Store(true)
	return a.taken
}

// watch hands interrupts to the verb that has asked for them. Where none has, the process has nothing to bring to an end.
func (a *app) watch(signals <-chan os.Signal) {
	for s := range signals {
		if !a.asked.Load() {
			fmt.Fprintln(a.stderr, "writ: error: interrupted")
			os.Exit(statusAborted)
		}
		select {
		case a.taken <- s:
		default: // four are waiting
		}
	}
}

// place is where a panic that is being recovered from came from: the innermost lines of writ, without any value.
func place() string {
	const most = 4
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)]) // without this, its caller and Callers
	var lines []string
	for more := true; more && len(lines) < most; {
		var frame runtime.Frame
		if frame, more = frames.Next(); strings.Contains(frame.Function, "writ-run/writ/") {
			lines = append(lines, fmt.Sprintf("%s:%d", frame.Function[strings.LastIndexByte(frame.Function, '/')+1:], frame.Line))
		}
	}
	return strings.Join(lines, " of ")
}

func (a *app) run(ctx context.Context, arguments []string) (status int) {
	defer func() {
		if problem := recover(); problem != nil {
			fmt.Fprintf(a.stderr, "writ: error: internal error: %v, at %s\nwrit: hint: this is a bug of writ; please report it with the command that you ran (without its secrets)\n", problem, place())
			status = statusErrored
		}
	}()
	root := a.root(arguments)
	root.SetArgs(arguments)
	return a.report(root.ExecuteContext(ctx))
}

// report prints an error with its hint, and returns the exit status that it means.
func (a *app) report(err error) int {
	if err == nil {
		return statusDone
	}
	status := statusErrored
	var own exit
	if errors.As(err, &own) {
		status = own.status
		if own.err == nil {
			return status
		}
	}
	for line := range strings.SplitSeq(err.Error(), "\n") { // one line for each mistake
		fmt.Fprintf(a.stderr, "writ: error: %s\n", safe(line))
	}
	var hint interface{ Hint() string }
	if errors.As(err, &hint) && hint.Hint() != "" {
		for line := range strings.Lines(hint.Hint()) {
			fmt.Fprintf(a.stderr, "writ: hint: %s\n", safe(strings.TrimRight(line, "\n")))
		}
	}
	return status
}

// verb is one of the first level.
type verb struct {
	name string
	make func() *cobra.Command
}

func (a *app) verbs() []verb {
	return []verb{
		{"apply", a.applyVerb}, {"runs", a.runsVerb}, {"build", a.buildVerb}, {"show", a.showVerb}, {"compare", a.compareVerb}, {"render", a.renderVerb},
		{"run", a.runVerb}, {"serve", a.serveVerb}, {"issuer", a.issuerVerb}, {"token", a.tokenVerb}, {"key", a.keyVerb}, {"trust", a.trustVerb},
		{"images", a.imagesVerb}, {"config", a.configVerb}, {"version", a.versionVerb},
		{"file", a.fileVerb}, {"dir", a.dirVerb}, {"line", a.lineVerb}, {"link", a.linkVerb}, {"copy", a.copyVerb},
		{"init", a.initVerb},
		{"test", a.testVerb}, {"lint", a.lintVerb}, {"push", a.pushVerb}, {"agent", a.agentVerb},
	}
}

// wanted is the verb that the arguments begin with, so that a start pays for one; or all, for help, a flag before the verb, or a
// mistake.
func (a *app) wanted(arguments []string) []verb {
	all := a.verbs()
	for i, one := range all {
		if len(arguments) > 0 && arguments[0] == one.name {
			return all[i : i+1]
		}
	}
	return all
}

func (a *app) root(arguments []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "writ",
		Short: "Identity for every job run, and signed orders for machines",
		Long: `Writ puts one signed JSON Web Token (JWT) at each end of automation: every job run gets an
identity that anyone can check, and machines run signed orders.`,
		Example: `  writ run pipeline.yml                       # run a pipeline's jobs here, each with an identity
  writ serve --data /var/lib/writ             # be the issuer of a machine's runs
  writ token verify --issuer URL token.jwt    # check a token as a relying party does
  writ apply patterns/web.jsonnet             # make this machine as a Pattern says
  writ build patterns/web.jsonnet web.jwt     # pack a Pattern into a signed order`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%v", err) })
	a.config.register(root)
	verbs := a.wanted(arguments)
	root.CompletionOptions.DisableDefaultCmd = len(verbs) == 1 // the verb completion is then another one than is wanted
	for _, one := range verbs {
		root.AddCommand(one.make())
	}
	for _, group := range root.Commands() {
		requireSubcommand(group)
	}
	requireSubcommand(root)
	return root
}

// requireSubcommand makes a verb that only groups others refuse a word that it does not know, instead of printing help
// with status 0.
func requireSubcommand(group *cobra.Command) {
	if group.Runnable() {
		return
	}
	group.SuggestionsMinimumDistance = 2
	group.Args = cobra.ArbitraryArgs
	group.RunE = func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return cmd.Help()
		}
		err := fmt.Errorf("unknown verb %q for %q", arguments[0], cmd.CommandPath())
		if near := cmd.SuggestionsFor(arguments[0]); len(near) > 0 {
			return hinted{err, fmt.Sprintf("did you mean `%s %s`?", cmd.CommandPath(), near[0])}
		}
		return hinted{err, fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
	}
}

// exactly is cobra.ExactArgs with our words.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error {
		if len(names) == 0 && len(arguments) > 0 {
			return usage(cmd, "%s takes no arguments; got %q", cmd.CommandPath(), arguments[0])
		}
		if len(arguments) != len(names) {
			return usage(cmd, "%s takes %s; got %d argument(s)", cmd.CommandPath(), strings.Join(names, " "), len(arguments))
		}
		return nil
	}
}

// atLeastOne is cobra.MinimumNArgs(1) with our words.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) == 0 {
			return usage(cmd, "%s takes %s, one or more; got none", cmd.CommandPath(), name)
		}
		return nil
	}
}

// atMost is cobra.MaximumNArgs with our words.
func atMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) > len(names) {
			return usage(cmd, "%s takes at most %s; got %d arguments", cmd.CommandPath(), strings.Join(names, " "), len(arguments))
		}
		return nil
	}
}
