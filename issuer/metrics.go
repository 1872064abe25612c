package issuer

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/writ-run/writ/key"
)

// counters are what /metrics shows. No label has a value that a caller chooses.
//
// They are written here, in Prometheus's text format, since every container starts this binary three times (stage, init,
// shell): the client libraries cost a third of its start, or write to its standard error before main, and so to a task's log.
type counters struct {
	live func() int // runs registered now

	mu     sync.Mutex
	values map[string]uint64 // by name with label
}

const (
	runsBegun     = "writ_runs_registered_total"
	tokensRefused = "writ_tokens_refused_total"
)

// families are the metrics in the order in which they are shown.
var families = [...]struct{ name, kind, help string }{
	{"writ_introspections_total", "counter", "Answers of the introspection endpoint, by result."},
	{"writ_runs", "gauge", "Runs registered now."},
	{runsBegun, "counter", "Runs registered, builds and tasks."},
	{"writ_tokens_minted_total", "counter", "Identity tokens minted, by algorithm."},
	{tokensRefused, "counter", "Requests for a token that were refused."},
}

func newCounters(live func() int) *counters {
	c := &counters{live: live, values: map[string]uint64{runsBegun: 0, tokensRefused: 0}}
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		c.values[mintedWith(algorithm)] = 0 // shown before the first
	}
	return c
}

func mintedWith(algorithm key.Algorithm) string {
	return fmt.Sprintf("writ_tokens_minted_total{alg=%q}", string(algorithm))
}

// introspected is the name of the answers with a result, one of a few words of ours.
func introspected(result string) string {
	return fmt.Sprintf("writ_introspections_total{result=%q}", result)
}

func (c *counters) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[name]++
}

// ServeHTTP answers in the text format of Prometheus, version 0.0.4.
func (c *counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	values := maps.Clone(c.values)
	c.mu.Unlock()
	names := slices.Sorted(maps.Keys(values))
	var out strings.Builder
	for _, f := range families {
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
		if f.kind == "gauge" {
			fmt.Fprintf(&out, "%s %d\n", f.name, c.live())
		}
		for _, name := range names {
			if family, _, _ := strings.Cut(name, "{"); family == f.name {
				fmt.Fprintf(&out, "%s %d\n", name, values[name])
			}
		}
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(out.String())) // a reader that has gone
}
