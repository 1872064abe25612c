package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// answerTime is how long answers that have begun may take once the agent has ended.
const answerTime = 10 * time.Second

func (a *app) agentVerb() *cobra.Command {
	once := false
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Be a machine that takes orders: pushed, pulled, or set off by events and webhooks",
		Long: `Run the sources of the configuration: verify the orders that come, compare them with what ran before, run them, and remember
them for the next start. Ends with an interrupt or SIGTERM: no Command starts any more, and the one that runs has a minute to
end; a second interrupt ends it. SIGHUP reads the configuration again; a bad one is refused, and the old one stays.
With --once each source is pulled and run once: exits 0 where all is well, 1 where a Command failed, 2 where something could
not be tried, 3 where it was interrupted.`,
		Example: `  writ agent
  writ agent --config /etc/writ/writ.jsonnet
  writ agent --once                             # out of a timer
  writ agent status`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			r, err := a.openAgent(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, r.close()) }()
			if once {
				return r.once()
			}
			return r.run()
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "pull and run every source once, in the order of their names, and exit")
	cmd.AddCommand(a.agentStatusVerb(), a.agentAcceptVerb())
	return cmd
}

// run is an agent until it is told to end.
func (r *agentRun) run() error {
	ready, ended := make(chan struct{}), make(chan error, 1)
	c := r.agentConfig(r.current)
	c.Ready = func() { close(ready) }
	running, err := agent.New(c)
	if err != nil {
		return err
	}
	defer running.Close()
	server := agent.NewServer(running, r.log)
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), answerTime)
		defer cancel()
		if err := server.Close(closing); err != nil {
			r.log.Warn("answers were cut off", "error", err)
		}
	}()
	interrupts := r.app.interrupts()
	ctx, stop := context.WithCancel(r.cmd.Context())
	defer stop()
	go func() { ended <- running.Run(ctx) }()
	for {
		select {
		case <-ready:
			ready = nil
			at, err := server.Apply(r.serverConfig(r.current))
			if err != nil {
				stop()
				<-ended
				return r.current.config.Blame(err)
			}
			r.answers(at)
			r.notify("READY=1")
		case s := <-interrupts:
			switch {
			case s == syscall.SIGHUP:
				r.reload(running, server)
			case ctx.Err() == nil:
				r.notify("STOPPING=1")
				stop()
			default:
				running.Abort()
			}
		case err := <-ended:
			return err
		}
	}
}

// once pulls and runs every source once.
func (r *agentRun) once() error {
	running, err := agent.New(r.agentConfig(r.current))
	if err != nil {
		return err
	}
	defer running.Close()
	interrupts := r.app.interrupts()
	ctx, stop := context.WithCancel(r.cmd.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- running.Once(ctx) }()
	for {
		select {
		case <-interrupts:
			if ctx.Err() != nil {
				running.Abort()
			}
			stop()
		case err := <-ended:
			switch {
			case ctx.Err() != nil:
				return exit{statusAborted, err}
			case err != nil && onlyFailed(err):
				return exit{statusFailed, err}
			}
			return err
		}
	}
}

// onlyFailed says whether all that went wrong is that Commands failed.
func onlyFailed(err error) bool {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if !onlyFailed(one) {
				return false
			}
		}
		return true
	case interface{ Unwrap() error }:
		return onlyFailed(e.Unwrap())
	}
	return errors.As(err, new(*command.FailedError))
}

// answers says where the agent answers other machines.
func (r *agentRun) answers(at agent.Listening) {
	where := "nothing is to be answered, so that it listens nowhere"
	switch {
	case at.SelfSigned:
		where = fmt.Sprintf("https on %s, with a certificate of its own: %s", at.Address, at.Fingerprint)
	case at.Fingerprint != "":
		where = "https on " + at.Address
	case at.Address != "":
		where = fmt.Sprintf("http on %s: whoever is on the way reads what is sent", at.Address)
	}
	fmt.Fprintf(r.app.stderr, "writ: ready: %s\n", where)
}

// reload reads the configuration again. Where anything is wrong with it, all stays as it was.
func (r *agentRun) reload(running *agent.Agent, server *agent.Server) {
	r.notify(reloading())
	defer r.notify("READY=1")
	next, err := r.read()
	if err == nil {
		err = running.Reload(r.agentConfig(next))
	}
	if err == nil {
		var at agent.Listening
		if at, err = server.Apply(r.serverConfig(next)); err == nil {
			r.current = next
			r.answers(at)
			r.log.Info("the configuration was read again")
			return
		}
		err = errors.Join(next.config.Blame(err), running.Reload(r.agentConfig(r.current)))
	}
	r.log.Error("the configuration is refused, and the one before it stays")
	r.app.report(err)
}
