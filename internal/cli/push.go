package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/fleet"
)

type pushFlags struct {
	targets, hosts, pins []string
	workers              int
	timeout              time.Duration
	check, plan          bool
	only, command        string
	asJSON, verbose      bool
}

// defaultWorkers is how many machines are pushed to at once. They are waited for rather than worked for.
const defaultWorkers = 32

func (a *app) pushVerb() *cobra.Command {
	var f pushFlags
	cmd := &cobra.Command{
		Use:   "push SOURCE [PATTERN | TOKEN | -- COMMAND...]",
		Short: "Send an order to machines and see what becomes of it",
		Long: `Send an order to a source of machines: those targets of the configuration that have the source in their sourcePatterns, or
those that are named. A Pattern is built and signed for each (its vars target and source say for whom and what), a token is
sent as it is (- is standard input), and a command line becomes an order that runs it. Without any of these each target gets
the Pattern that its own sourcePatterns name.
What Commands print is shown while they run, and a table at the end. An order that runs goes on to its end, also where this
is interrupted. Exits 0 where all is well, 1 where it is not on some machine, 2 where nothing could be sent anywhere, 3 where
it was interrupted.`,
		Example: `  writ push web patterns/web.jsonnet
  writ push web patterns/web.jsonnet --target web1 --check    # what would change?
  writ push web web.jwt --host 192.0.2.7 --pin sha256:...     # as the agent printed it at its start
  writ push debug --host web1:4000 -- systemctl status nginx`,
		Args: func(cmd *cobra.Command, arguments []string) error {
			dash := cmd.ArgsLenAtDash()
			switch {
			case len(arguments) == 0 || dash == 0:
				return usage(cmd, "%s takes SOURCE first", cmd.CommandPath())
			case dash > 0 && f.command != "":
				return usage(cmd, "--command and a command line exclude one another")
			case dash > 1:
				return usage(cmd, "a command line takes the place of PATTERN or TOKEN")
			case dash == 1 && len(arguments) == 1:
				return usage(cmd, "no command line follows --")
			case dash < 0:
				return atMost("SOURCE", "PATTERN or TOKEN")(cmd, arguments)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, arguments []string) error {
			what := ""
			switch {
			case cmd.ArgsLenAtDash() == 1:
				f.command = strings.Join(arguments[1:], " ")
			case len(arguments) == 2:
				what = arguments[1]
			}
			if what != "" && f.command != "" {
				return usage(cmd, "--command takes the place of PATTERN or TOKEN")
			}
			return a.push(cmd, arguments[0], what, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.targets, "target", "t", nil, "only this target of the configuration (repeatable)")
	flags.StringArrayVar(&f.hosts, "host", nil, "a machine that is no target: HOST, HOST:PORT or its URL, up to /etcha (repeatable)")
	flags.StringArrayVar(&f.pins, "pin", nil, "trust the certificate with this SHA-256, whoever has signed it (repeatable; adds to httpClient.pinnedFingerprints)")
	flags.IntVarP(&f.workers, "workers", "w", 0, "machines at once (default: build.pushMaxWorkers, or 32)")
	flags.DurationVar(&f.timeout, "timeout", 15*time.Minute, "give a machine up after this time; an order that runs there goes on")
	flags.BoolVar(&f.check, "check", false, "only check: say what would change, and exit 1 where something would")
	flags.BoolVar(&f.plan, "plan", false, "show what would be done, in order, and run nothing (not even checks); machines remember nothing of it")
	flags.StringVar(&f.only, "only", "", "run only Commands whose id, or group's id, this regular expression matches as a whole")
	flags.StringVar(&f.command, "command", "", "push an order that runs this command line")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what checks print, too")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON: one object a machine, when its answer is there")
	return cmd
}

// check finds what cannot be meant, before anything is done.
func (f pushFlags) mistake(cmd *cobra.Command, source string) error {
	if err := agent.ValidateName(source); err != nil {
		return usage(cmd, "%v", err)
	}
	if f.only != "" {
		if _, err := (command.Plan{}).Only(f.only); err != nil {
			return usage(cmd, "--only %v", err)
		}
	}
	if f.workers < 0 {
		return usage(cmd, "--workers %d: want 1 or more", f.workers)
	}
	if f.timeout <= 0 {
		return usage(cmd, "--timeout %s: want more than 0", f.timeout)
	}
	for _, pin := range f.pins {
		if _, err := agent.ParseFingerprint(pin); err != nil {
			return usage(cmd, "--pin %v", err)
		}
	}
	return nil
}

func (a *app) push(cmd *cobra.Command, source, what string, f pushFlags) (err error) {
	if err := f.mistake(cmd, source); err != nil {
		return err
	}
	sink, closeSink := a.commandSink(false, f.verbose)
	if f.asJSON {
		sink, closeSink = a.stderrSink(f.verbose)
	}
	defer closeSink()
	o, err := a.openOrders(cmd, source, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	o.stopping = "interrupted: nothing more is sent; what runs on machines goes on to its end"
	ctx, stop := a.stoppable(cmd.Context(), o)
	defer stop()

	p := &pushing{app: a, cmd: cmd, orders: o, flags: f, made: map[string][]byte{}}
	targets, err := p.targets(what)
	if err != nil {
		return ended(ctx, err)
	}
	sender, err := p.sender()
	if err != nil {
		return err
	}
	defer sender.Close()
	// The first order is made before anything is shown or sent: a mistake in it is mostly one in all.
	first, err := targets[0].order(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	targets[0].order = func(context.Context) ([]byte, error) { return first, nil }
	shown := newShownPushes(a, o.redactor, source, f, targets)
	pushes := make([]fleet.Push, len(targets))
	for i, t := range targets {
		pushes[i] = fleet.Push{Target: t.Target, Source: source, Order: shown.begins(t.Name, t.order), Check: f.check, Plan: f.plan, Only: f.only}
		if !f.asJSON {
			pushes[i].Sink = shown.live(t.Name)
		}
	}
	sender.All(ctx, pushes, p.workers(), shown.done)
	closeSink()
	return shown.end(ctx)
}

func (p *pushing) workers() int {
	for _, n := range []int{p.flags.workers, p.orders.config.Build.PushMaxWorkers} {
		if n > 0 {
			return n
		}
	}
	return defaultWorkers
}

// sender connects as the configuration and the flags say.
func (p *pushing) sender() (*fleet.Sender, error) {
	c, err := reach(p.orders.config, p.flags.pins...)
	if err != nil {
		return nil, err
	}
	c.Timeout = p.flags.timeout
	if c.SkipVerify {
		p.orders.warn("httpClient.tlsSkipVerify: nobody knows whether the machines are who they say")
	}
	return fleet.New(c), nil
}

// adHoc is the Pattern of a command line, as Etcha pushes it.
func adHoc(line string) (string, error) {
	text, err := encodeJSON(map[string]any{"run": []map[string]any{{"always": true, "change": line, "id": "etcha push"}}})
	return text + "\n", err
}

// order makes an order for one machine. Builds run one at a time: they may well write the same files.
func (p *pushing) order(ctx context.Context, what pushed, vars map[string]any) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw, err := p.make(ctx, what, vars)
	if err != nil {
		return nil, &maskedError{err, p.orders.redactor.Mask} // a mistake in a Pattern quotes what is in it
	}
	return raw, nil
}

func (p *pushing) make(ctx context.Context, what pushed, vars map[string]any) ([]byte, error) {
	if what.token != nil {
		return what.token, nil
	}
	if what.line != "" {
		if err := p.ready(); err != nil {
			return nil, err
		}
		return p.lineOrder(ctx, what.line)
	}
	_, order, err := p.orders.buildOrder(ctx, what.text, vars, p.ready)
	if err != nil {
		return nil, err
	}
	raw, err := signOrder(ctx, order, p.sign)
	return []byte(raw), err
}

// ready finds out what to sign with, once.
func (p *pushing) ready() (err error) {
	if p.sign == nil {
		p.sign, err = p.app.signer(p.cmd, p.orders)
	}
	return err
}
