package issuer

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/key"
)

// counters are what /metrics shows. No label has a value that a caller chooses.
//
// They are written here, in Prometheus's text format, since every container starts this binary three times (stage, init,
// shell): the client libraries cost a third of its start, or write to its standard error before main, and so to a task's log.
type counters struct {
	live func() int       // runs registered now
	keys func() []KeyInfo // of the ring
	now  func() time.Time

	mu     sync.Mutex
	values map[string]uint64 // by name with label
}

const (
	runsBegun     = "writ_runs_registered_total"
	tokensRefused = "writ_tokens_refused_total"
	keyAge        = "writ_key_age_seconds"
	runsNow       = "writ_runs"
)

// families are the metrics in the order in which they are shown.
var families = [...]struct{ name, kind, help string }{
	{"writ_introspections_total", "counter", "Answers of the introspection endpoint, by result."},
	{keyAge, "gauge", "How long each key has been in its state, by algorithm, state and kid."},
	{runsNow, "gauge", "Runs registered now."},
	{runsBegun, "counter", "Runs registered, builds and tasks."},
	{"writ_tokens_minted_total", "counter", "Identity tokens minted, by algorithm."},
	{tokensRefused, "counter", "Requests for a token that were refused."},
}

func newCounters(live func() int, keys func() []KeyInfo, now func() time.Time) *counters {
	c := &counters{live: live, keys: keys, now: now, values: map[string]uint64{runsBegun: 0, tokensRefused: 0}}
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
		switch f.name {
		case runsNow:
			fmt.Fprintf(&out, "%s %d\n", f.name, c.live())
		case keyAge:
			for _, k := range c.keys() {
				fmt.Fprintf(&out, "%s{alg=%q,state=%q,kid=%q} %d\n", f.name, string(k.Algorithm), string(k.State), k.ID, int64(c.now().Sub(k.Since)/time.Second))
			}
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
