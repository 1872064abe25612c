package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/journal"
)

// shownPushes shows what becomes of an order on machines: live, and as a table. Of an answer it keeps what that needs.
type shownPushes struct {
	app    *app
	sink   journal.Sink
	source string
	flags  pushFlags
	many   bool

	rows  map[string]row
	order []string          // of the targets' names
	plans map[string]string // by target, as text
	hints []string
	told  map[string]*told
}

// row is a line of the table.
type row struct {
	state            fleet.State
	changed, removed int
	took             time.Duration
	err              string
}

// told passes entries of a machine on, and knows whether there were any.
type told struct {
	sink journal.Sink
	any  bool
}

func (t *told) Append(e journal.Entry) error {
	t.any = true
	return t.sink.Append(e)
}

func newShownPushes(a *app, sink journal.Sink, source string, f pushFlags, targets []pushTarget) *shownPushes {
	s := &shownPushes{app: a, sink: sink, source: source, flags: f, many: len(targets) > 1, rows: map[string]row{}, plans: map[string]string{}, told: map[string]*told{}}
	for _, t := range targets {
		s.order = append(s.order, t.Name)
		s.told[t.Name] = &told{sink: sink}
	}
	return s
}

func (s *shownPushes) live(name string) journal.Sink { return s.told[name] }

// pushStep is the step of a machine as a whole.
const pushStep = "push"

// begins says that a machine's turn has come.
func (s *shownPushes) begins(name string, order func(context.Context) ([]byte, error)) func(context.Context) ([]byte, error) {
	if !s.many || s.flags.asJSON {
		return order
	}
	return func(ctx context.Context) ([]byte, error) {
		s.show(journal.Entry{Kind: journal.Start, Job: name, Step: pushStep})
		return order(ctx)
	}
}

// show shows an entry. What cannot be shown is seen when the table is printed.
func (s *shownPushes) show(e journal.Entry) {
	e.Time = time.Now()
	_ = s.sink.Append(e)
}

// done takes what became of the order on one machine.
func (s *shownPushes) done(r fleet.Result) {
	a := r.Answer
	s.rows[r.Target] = row{r.State, len(a.ChangedIDs), len(a.RemovedIDs), r.Took, cutLine(r.Err)}
	if r.Hint != "" && !slices.Contains(s.hints, r.Hint) {
		s.hints = append(s.hints, r.Hint)
	}
	if s.flags.asJSON {
		s.json(r)
		return
	}
	if s.flags.plan && r.State == fleet.Done {
		s.plans[r.Target] = planText(a.Plan, a.Omitted)
	}
	if !s.told[r.Target].any {
		s.outputs(r.Target, "changed", a.ChangedIDs, a.ChangedOutputs)
		s.outputs(r.Target, "removed", a.RemovedIDs, a.RemovedOutputs)
	}
	if s.many {
		s.show(journal.Entry{Kind: journal.Finish, Job: r.Target, Step: pushStep, Status: string(r.State), Text: cutLine(r.Err)})
	}
}

// outputs shows what Commands printed on a machine that told nothing while they ran: an Etcha agent.
func (s *shownPushes) outputs(target, state string, ids, outputs []string) {
	if s.flags.check {
		state = "to be " + state
	}
	for i, id := range ids {
		if i < len(outputs) && !s.flags.check {
			for line := range strings.Lines(outputs[i]) {
				s.show(journal.Entry{Kind: journal.Output, Job: target, Step: id, Text: strings.TrimRight(line, "\r\n")})
			}
		}
		s.show(journal.Entry{Kind: journal.Finish, Job: target, Step: id, Status: state})
	}
}

// json prints one object.
func (s *shownPushes) json(r fleet.Result) {
	var answer *api.Pushed
	if r.Answer.ChangedIDs != nil {
		answer = &r.Answer
	}
	encoder := json.NewEncoder(jsonWriter{s.app.stdout})
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct { // a closed pipe ends this process with the next line of others
		Target  string      `json:"target"`
		State   fleet.State `json:"state"`
		Error   string      `json:"error,omitzero"`
		Hint    string      `json:"hint,omitzero"`
		Seconds float64     `json:"seconds"`
		Answer  *api.Pushed `json:"answer,omitzero"`
	}{r.Target, r.State, r.Err, r.Hint, r.Took.Seconds(), answer})
}

// end prints the table, and returns the exit status that all of it means.
func (s *shownPushes) end(ctx context.Context) error {
	if !s.flags.asJSON {
		if err := s.table(); err != nil {
			return err
		}
		for _, hint := range s.hints {
			fmt.Fprintf(s.app.stderr, "writ: hint: %s\n", safe(hint))
		}
	}
	sent, well := false, true
	for _, r := range s.rows {
		sent = sent || r.state.Sent()
		well = well && r.state == fleet.Done
	}
	switch {
	case ctx.Err() != nil:
		return exit{statusAborted, nil}
	case !sent:
		return exit{statusErrored, nil}
	case !well:
		return exit{statusFailed, nil}
	}
	return nil
}

// table prints a line for each machine, and how many there are of each kind.
func (s *shownPushes) table() error {
	s.printPlans()
	changed, removed := "CHANGED", "REMOVED"
	if s.flags.check {
		changed, removed = "TO CHANGE", "TO REMOVE"
	}
	table := tabwriter.NewWriter(s.app.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(table, "TARGET\tRESULT\t%s\t%s\tTIME\tERROR\n", changed, removed)
	counts := map[fleet.State]int{}
	for _, name := range s.order {
		r := s.rows[name]
		counts[r.state]++
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\n", safe(name), r.state, r.changed, r.removed, brief(r.took), safe(r.err))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if !s.many {
		return nil
	}
	var parts []string
	for _, state := range []fleet.State{
		fleet.Done, fleet.Drifted, fleet.Failed, fleet.Refused, fleet.Older, fleet.Limited, fleet.Unreachable, fleet.Lost, fleet.Odd, fleet.Unfit, fleet.Unmade, fleet.Aborted,
	} {
		if n := counts[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	_, err := fmt.Fprintf(s.app.stdout, "%s: %s\n", s.source, strings.Join(parts, ", "))
	return err
}

// printPlans prints each plan once, under the names of the targets whose it is.
func (s *shownPushes) printPlans() {
	of := map[string][]string{}
	var texts []string
	for _, name := range s.order {
		text, there := s.plans[name]
		switch {
		case !there:
			continue
		case of[text] == nil:
			texts = append(texts, text)
		}
		of[text] = append(of[text], name)
	}
	for _, text := range texts {
		fmt.Fprintf(s.app.stdout, "%s:\n%s", safe(strings.Join(of[text], ", ")), text)
	}
}

// planText is a plan as lines of text.
func planText(steps []api.PushedStep, omitted int) string {
	var out strings.Builder
	for _, step := range steps {
		name := step.ID
		if step.Parent != "" {
			name = step.Parent + " > " + step.ID
		}
		fmt.Fprintf(&out, "  %-6s  %s  (%s)\n", safe(step.Action), safe(name), safe(step.Why))
	}
	if omitted > 0 {
		fmt.Fprintf(&out, "  and %d more\n", omitted)
	}
	if out.Len() == 0 {
		return "  nothing to run\n"
	}
	return out.String()
}

// cutLine is an error as it fits into a table.
func cutLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// encodeJSON is JSON in one line.
func encodeJSON(value any) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return string(escaped([]byte(strings.TrimSuffix(out.String(), "\n")))), err
}
