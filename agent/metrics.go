package agent

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/command"
)

// metrics are what Metrics writes, in Prometheus's text format: Etcha's names, and ours. They are written here for the
// reason that issuer's are.
//
// Ids of Commands and addresses come from outside. They are labels as Etcha's are, but of each source at most maxSeries
// sets of them: what comes beyond is counted as (other).
type metrics struct {
	mu        sync.Mutex
	values    map[string]float64 // by name with labels
	series    map[string]int     // sets of labels from outside, by source
	durations map[string]*histogram
	succeeded map[string]time.Time
}

const (
	maxSeries = 1000
	maxLabel  = 120 // bytes of one value
	other     = "(other)"

	commandsTotal  = "etcha_commands_total"
	sourceCommands = "etcha_sources_commands"
	sourcesTotal   = "etcha_sources_total"
	runSeconds     = "writ_agent_run_seconds"
	orderAge       = "writ_agent_order_age_seconds"
	refusedTotal   = "writ_agent_refused_total"
	lastSuccess    = "writ_agent_last_success_timestamp_seconds"
	waitingRuns    = "writ_agent_waiting_runs"
	troubles       = "writ_agent_troubles"
	heldOrders     = "writ_agent_held"
	pullsFailed    = "writ_agent_pull_failed"
)

// families are the metrics in the order in which they are written.
var families = [...]struct{ name, kind, help string }{
	{commandsTotal, "counter", "Scripts of Commands that have run, by id, mode and whether they failed (a check that fails finds something to do)."},
	{sourceCommands, "gauge", "Commands that the last run of a source changed or removed."},
	{sourcesTotal, "counter", "Runs of sources, by what set them off and whether they failed."},
	{lastSuccess, "gauge", "When a run of the source last ended well, in Unix seconds."},
	{orderAge, "gauge", "How long ago the order that a source runs was issued."},
	{refusedTotal, "counter", "Orders and requests that were refused, by reason."},
	{runSeconds, "histogram", "How long runs of a source took."},
	{pullsFailed, "gauge", "Whether the last pull of a source failed: 1, or 0 where it did not."},
	{troubles, "gauge", "What is wrong with what a source remembers; 0 is well."},
	{heldOrders, "gauge", "1 where the source has an order that it may not run, and so runs nothing."},
	{waitingRuns, "gauge", "Runs that wait for their source's turn."},
}

func newMetrics() *metrics {
	return &metrics{values: map[string]float64{}, series: map[string]int{}, durations: map[string]*histogram{}, succeeded: map[string]time.Time{}}
}

// seconds are the upper bounds of a histogram.
var seconds = [...]float64{0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800}

type histogram struct {
	counts [len(seconds) + 1]uint64
	sum    float64
}

// escapes are those of a label's value. What replaces them is made once: it is far larger than a label, and every run writes
// some dozens.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// label writes name="value" as the text format has it.
func label(name, value string) string {
	if len(value) > maxLabel {
		value = strings.ToValidUTF8(value[:maxLabel], "") + "..."
	}
	return name + `="` + escapes.Replace(strings.ToValidUTF8(value, "\ufffd")) + `"`
}

func series(name string, labels ...string) string {
	return name + "{" + strings.Join(labels, ",") + "}"
}

// bounded is a series with labels from outside, or, where the source has too many of them, one without. It needs mu.
func (m *metrics) bounded(source string, with, without string) string {
	if _, known := m.values[with]; known {
		return with
	}
	if m.series[source] >= maxSeries {
		return without
	}
	m.series[source]++
	return with
}

// address is the address of who pushed, without the port, which is another one each time.
func (t *turn) address() string {
	if at := strings.LastIndexByte(t.from, ':'); at > 0 && !strings.HasSuffix(t.from, "]") && (strings.Count(t.from, ":") == 1 || t.from[0] == '[') {
		return strings.Trim(t.from[:at], "[]")
	}
	return strings.Trim(t.from, "[]")
}

// command counts the scripts of a Command.
func (m *metrics) command(t *turn, o command.Outcome) {
	parent, id := t.work.Mask(o.Parent), t.work.Mask(o.ID)
	key, source := label("public_key", t.key()), label("source", t.name)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, script := range []struct {
		mode command.Mode
		ran  *command.Execution
	}{{command.Check, o.Check}, {command.Change, o.Change}, {command.Remove, o.Remove}} {
		if script.ran == nil {
			continue
		}
		failed := "0"
		if script.ran.Exit != 0 || script.ran.Err != "" {
			failed = "1"
		}
		of := func(id, parent, address string) string {
			return series(commandsTotal, label("error", failed), label("id", id), label("mode", string(script.mode)), label("parent_id", parent), key, label("remote_addr", address), source)
		}
		m.values[m.bounded(t.name, of(id, parent, t.address()), of(other, other, other))]++
	}
}

// ran counts a run.
func (m *metrics) ran(t *turn, out Outcome, took time.Duration) {
	failed := "0"
	if out.Err != nil {
		failed = "1"
	}
	name, key, trigger := label("name", t.name), label("public_key", t.key()), label("trigger", t.by)
	m.mu.Lock()
	defer m.mu.Unlock()
	total := func(address string) string {
		return series(sourcesTotal, label("error", failed), name, key, label("remote_addr", address), trigger)
	}
	m.values[m.bounded(t.name, total(t.address()), total(other))]++
	for _, of := range []struct {
		mode  command.Mode
		state command.State
	}{{command.Change, command.Changed}, {command.Remove, command.Removed}} {
		gauge := func(address string) string {
			return series(sourceCommands, label("mode", string(of.mode)), name, key, label("remote_addr", address), trigger)
		}
		m.values[m.bounded(t.name, gauge(t.address()), gauge(other))] = float64(len(out.Result.IDs(of.state)))
	}
	h := m.durations[t.name]
	if h == nil {
		h = &histogram{}
		m.durations[t.name] = h
	}
	at, _ := slices.BinarySearch(seconds[:], took.Seconds())
	h.counts[at]++
	h.sum += took.Seconds()
	if out.Err == nil {
		m.succeeded[t.name] = t.agent.now()
	}
}

// refused counts what was refused; a source that is not there has no name.
func (m *metrics) refused(source, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.values[series(refusedTotal, label("source", source), label("reason", reason))]++
}

// Metrics writes the agent's metrics in the text format of Prometheus, version 0.0.4.
func (a *Agent) Metrics(w io.Writer) error {
	m := a.metrics
	m.mu.Lock()
	lines := maps.Clone(m.values)
	for source, at := range m.succeeded {
		lines[series(lastSuccess, label("source", source))] = float64(at.UnixNano()) / 1e9
	}
	durations := map[string]histogram{}
	for source, h := range m.durations {
		durations[source] = *h
	}
	m.mu.Unlock()
	for _, s := range a.all() {
		source := label("source", s.name)
		lines[series(waitingRuns, source)] = float64(s.queue.length())
		s.mu.Lock()
		if s.current != nil {
			lines[series(orderAge, source)] = a.now().Sub(s.current.Order().IssuedAt.Time()).Seconds()
		}
		if s.shown.pull != nil {
			lines[series(pullsFailed, source)] = 0
			if s.shown.pull.Result == pullFailed {
				lines[series(pullsFailed, source)] = 1
			}
		}
		lines[series(troubles, source)] = float64(len(s.shown.trouble))
		lines[series(heldOrders, source)] = 0
		if s.held {
			lines[series(heldOrders, source)] = 1
		}
		s.mu.Unlock()
	}
	names := slices.Sorted(maps.Keys(lines))
	var out bytes.Buffer
	for _, f := range families {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		if f.name == runSeconds {
			writeHistograms(&out, durations)
		}
		for _, name := range names {
			if family, _, _ := strings.Cut(name, "{"); family == f.name {
				fmt.Fprintf(&out, "%s %s\n", name, strconv.FormatFloat(lines[name], 'f', -1, 64))
			}
		}
	}
	_, err := w.Write(out.Bytes())
	return err
}

func writeHistograms(out *bytes.Buffer, durations map[string]histogram) {
	for _, name := range slices.Sorted(maps.Keys(durations)) {
		h, source, total := durations[name], label("source", name), uint64(0)
		for i, bound := range seconds {
			total += h.counts[i]
			fmt.Fprintf(out, "%s %d\n", series(runSeconds+"_bucket", source, label("le", strconv.FormatFloat(bound, 'f', -1, 64))), total)
		}
		total += h.counts[len(seconds)]
		fmt.Fprintf(out, "%s %d\n", series(runSeconds+"_bucket", source, label("le", "+Inf")), total)
		fmt.Fprintf(out, "%s %s\n%s %d\n", series(runSeconds+"_sum", source), strconv.FormatFloat(h.sum, 'f', -1, 64), series(runSeconds+"_count", source), total)
	}
}
