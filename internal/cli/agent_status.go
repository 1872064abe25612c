package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
)

func (a *app) agentStatusVerb() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status [SOURCE]",
		Short: "Show what each source of the running agent runs, since when, signed by whom, and what it last did",
		Long: `Ask the agent that runs with this configuration's run.stateDir how its sources stand, or one of them: the order and its signer,
the last run and the next, the last pull, what was refused and why. Exits 1 where a source's last run failed, or it has an
order that it may not run.`,
		Example: `  writ agent status
  writ agent status web --json`,
		Args: atMost("SOURCE"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			loaded, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			running, err := agent.AskStatus(cmd.Context(), loaded.Run.StateDir)
			if err != nil {
				return err
			}
			if len(arguments) == 1 {
				if running.Sources, err = only(running.Sources, arguments[0]); err != nil {
					return err
				}
			}
			switch {
			case asJSON:
				err = printJSON(a.stdout, running)
			case len(arguments) == 1:
				err = printSource(a.stdout, running.Sources[0])
			default:
				err = printSources(a.stdout, running.Sources)
			}
			for _, s := range running.Sources {
				if ill(s) && err == nil {
					return exit{statusFailed, nil}
				}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func only(all []agent.SourceStatus, name string) ([]agent.SourceStatus, error) {
	for _, s := range all {
		if s.Name == name {
			return []agent.SourceStatus{s}, nil
		}
	}
	return nil, fmt.Errorf("the agent has no source %q", name)
}

// ill says whether something is wrong with a source.
func ill(s agent.SourceStatus) bool {
	return s.Held || len(s.Trouble) > 0 || s.LastRun != nil && s.LastRun.Status != "succeeded"
}

// standing is how a source stands, in a word.
func standing(s agent.SourceStatus) string {
	switch {
	case s.Held:
		return "held"
	case len(s.Trouble) > 0:
		return "trouble"
	case len(s.Running) > 0:
		return "running"
	case s.LastRun == nil:
		return "idle"
	}
	return s.LastRun.Status
}

func printSources(w io.Writer, all []agent.SourceStatus) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SOURCE\tSTATE\tORDER\tKEY\tISSUED\tLAST RUN\tCHANGED\tNEXT RUN\tREFUSED")
	for _, s := range all {
		order, by, issued, last, changed := "-", "-", "-", "-", "-"
		switch {
		case s.Order != nil:
			order, by, issued = s.Order.Digest[:min(12, len(s.Order.Digest))], safe(s.Order.Key), clock(s.Order.IssuedAt)
		case s.Held:
			order = "(refused)"
		case s.Commands > 0:
			order = "(configuration)"
		}
		if r := s.LastRun; r != nil {
			last, changed = fmt.Sprintf("%s by %s", clock(r.Started), r.Trigger), fmt.Sprint(len(r.Changed)+len(r.Removed))
		}
		refused := 0
		for _, r := range s.Refusals {
			refused += r.Count
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", safe(s.Name), standing(s), order, by, issued, last, changed, clock(s.NextRun), refused)
	}
	return table.Flush()
}

// clock is a time for people; none is a dash.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func printSource(w io.Writer, s agent.SourceStatus) error {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(name, format string, arguments ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, safe(fmt.Sprintf(format, arguments...)))
	}
	line("source", "%s", s.Name)
	line("state", "%s", standing(s))
	for _, text := range s.Trouble {
		line("trouble", "%s", text)
	}
	if o := s.Order; o != nil {
		line("order", "%s, jti %q, accepted %s", o.Digest, o.ID, clock(o.Since))
		line("signer", "key %s, iss %q, sub %q, issued %s", o.Key, o.Issuer, o.Subject, clock(o.IssuedAt))
		if !o.Expiry.IsZero() {
			line("expires", "%s", clock(o.Expiry))
		}
	}
	line("commands", "%d", s.Commands)
	for _, part := range []struct {
		name string
		ids  []string
	}{{"left", s.Left}, {"extra", s.Extra}} {
		if len(part.ids) > 0 {
			line(part.name, "%s", strings.Join(part.ids, ", "))
		}
	}
	for _, r := range s.Running {
		line("running", "%s by %s, since %s", r.Mode, r.Trigger, clock(r.Started))
	}
	if r := s.LastRun; r != nil {
		line("last run", "%s: %s by %s, %s, %s", r.ID, r.Mode, r.Trigger, clock(r.Started), r.Status)
		for _, part := range []struct {
			name string
			ids  []string
		}{{"changed", r.Changed}, {"removed", r.Removed}, {"drifted", r.Drifted}, {"failed", r.Failed}} {
			if len(part.ids) > 0 {
				line("  "+part.name, "%s", strings.Join(part.ids, ", "))
			}
		}
		if r.Error != "" {
			line("  error", "%s", r.Error)
		}
	}
	line("next run", "%s", clock(s.NextRun))
	if p := s.Pull; p != nil {
		line("last pull", "%s: %s %s", clock(p.Time), p.Result, p.Path)
		if p.Error != "" {
			line("  error", "%s", p.Error)
		}
	}
	if m := s.Mark; m != nil {
		line("newest", "issued %s, accepted %s", clock(time.Unix(m.IssuedAt, 0)), clock(m.Accepted))
	}
	for _, r := range s.Refusals {
		line("refused", "%s, %d times: %s by %s %s: %s", clock(r.Time), r.Count, r.Reason, r.By, r.From, r.Text)
	}
	return table.Flush()
}
