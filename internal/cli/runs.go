package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/record"
)

func (a *app) runsVerb() *cobra.Command {
	var source string
	var most int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "runs [RUN]",
		Short: "Show what runs of Patterns did on this machine",
		Long: `List the runs of Patterns on this machine, the newest first, or show one: each Command with what became of it. RUN is the
beginning of a run's id. What Commands printed is not kept, only its digest.`,
		Example: `  writ runs
  writ runs --source web -n 5
  writ runs 20261127T1015 --json`,
		Args: atMost("RUN"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			loaded, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			if most < 0 {
				return usage(cmd, "-n %d: is negative", most)
			}
			store := record.Open(recordsOf(loaded), record.Config{})
			if len(arguments) == 0 {
				return a.listRuns(store, source, most, asJSON)
			}
			run, err := store.Find(arguments[0])
			if err != nil {
				return hinted{err, "see `writ runs` for the ids"}
			}
			if asJSON {
				return printJSON(a.stdout, run)
			}
			return printRun(a.stdout, run)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&source, "source", "", "only this source's")
	flags.IntVarP(&most, "most", "n", 20, "how many at most; 0: all")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) listRuns(store *record.Store, source string, most int, asJSON bool) error {
	runs, err := store.List(source, most)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, runs)
	}
	if len(runs) == 0 && source != "" {
		fmt.Fprintf(a.stderr, "no runs of source %s\n", safe(source))
		return nil
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.stderr, "no runs yet; `writ apply PATTERN` makes one")
		return nil
	}
	table := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "RUN\tSOURCE\tMODE\tSTATUS\tCOMMANDS\tTOOK\tPATTERN")
	for _, run := range runs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", run.ID, safe(run.Source), run.Mode, run.Status, len(run.Commands), took(run), safe(run.Name))
	}
	return table.Flush()
}

func took(run record.Run) string {
	if run.Ended.Before(run.Started) { // it has not ended, or the clock was set back
		return "-"
	}
	return brief(run.Ended.Sub(run.Started))
}

func printRun(w io.Writer, run record.Run) error {
	fmt.Fprintf(w, "run      %s\nsource   %s\nmode     %s\nstatus   %s\nstarted  %s\n", run.ID, safe(run.Source), run.Mode, run.Status, run.Started.Local().Format(time.RFC3339))
	for _, line := range []struct{ name, value string }{{"took", took(run)}, {"trigger", run.Trigger}, {"pattern", run.Name}, {"digest", run.Pattern}} {
		if line.value != "" {
			fmt.Fprintf(w, "%-8s %s\n", line.name, safe(line.value))
		}
	}
	for line := range strings.Lines(run.Error) { // one for each Command that failed
		fmt.Fprintf(w, "%-8s %s\n", "error", safe(strings.TrimRight(line, "\n")))
	}
	if s := run.Signer; s != nil {
		fmt.Fprintf(w, "signer   key %s, iss %q, sub %q, %s\n", safe(s.Key), s.Issuer, s.Subject, s.IssuedAt.Format(time.RFC3339))
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "\nCOMMAND\tSTATE\tBY\tCHECK\tCHANGE\tREMOVE")
	for _, c := range run.Commands {
		name := c.ID
		if c.Parent != "" {
			name = c.Parent + " > " + c.ID
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", safe(name), c.State, safe(c.By), scriptText(c.Check), scriptText(c.Change), scriptText(c.Remove))
	}
	return table.Flush()
}

// scriptText is how a script ended and how long it took.
func scriptText(s *record.Script) string {
	if s == nil {
		return "-"
	}
	text := fmt.Sprintf("%d in %s", s.Exit, brief(time.Duration(s.Seconds*float64(time.Second))))
	if s.Error != "" {
		text += ": " + safe(s.Error)
	}
	return text
}
