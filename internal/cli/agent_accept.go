package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
)

func (a *app) agentAcceptVerb() *cobra.Command {
	var source, to string
	older := false
	cmd := &cobra.Command{
		Use:   "accept --source SOURCE --older",
		Short: "Let the running agent take an order that is older than the newest it has accepted",
		Long: `An agent never takes an order that is older than the newest one that its source has accepted: a signature that is valid on an
old order is an attack. This is the deliberate way back, on the machine itself: from now on the source takes orders as old as
the one that it refused last for that reason, or as --to says. What is pulled is pulled again at once; what was pushed has to
be pushed again. It is written into the agent's log with the user that asked for it.`,
		Example: `  writ agent accept --source web --older
  writ agent accept --source web --older --to 2027-01-31T12:00:00Z`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if source == "" || !older {
				return usage(cmd, "%s takes --source and --older: what it does is meant to be said", cmd.CommandPath())
			}
			q := agent.Accept{Source: source}
			if to != "" {
				at, err := time.Parse(time.RFC3339, to)
				if err != nil {
					return usage(cmd, "--to %q: want a time like 2027-01-31T12:00:00Z", to)
				}
				q.To = at
			}
			loaded, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			mark, err := agent.AskAccept(cmd.Context(), loaded.Run.StateDir, q)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "%s takes orders issued at %s or later\n", safe(source), time.Unix(mark.IssuedAt, 0).UTC().Format(time.RFC3339))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&source, "source", "", "the source")
	flags.BoolVar(&older, "older", false, "yes, an older order")
	flags.StringVar(&to, "to", "", "the time from which on orders may have been issued (default: that of the order refused last)")
	return cmd
}
