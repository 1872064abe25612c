package issuer

import (
	"fmt"
	"net/http"

	"github.com/VictoriaMetrics/metrics"

	"github.com/writ-run/writ/key"
)

// counters are what /metrics shows. No label has a value that a caller chooses.
type counters struct {
	set     *metrics.Set
	begun   *metrics.Counter
	minted  map[key.Algorithm]*metrics.Counter
	refused *metrics.Counter
}

func newCounters(i *Issuer) *counters {
	set := metrics.NewSet()
	c := &counters{
		set:     set,
		begun:   set.NewCounter("writ_runs_registered_total"), // builds and tasks
		refused: set.NewCounter("writ_tokens_refused_total"),  // requests for a token
		minted:  map[key.Algorithm]*metrics.Counter{},         // identity tokens
	}
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		c.minted[algorithm] = set.NewCounter(fmt.Sprintf("writ_tokens_minted_total{alg=%q}", algorithm))
	}
	set.NewGauge("writ_runs", func() float64 { return float64(i.count()) }) // registered now
	return c
}

// introspected counts an answer of the introspection endpoint by its result, one of a few words of ours.
func (c *counters) introspected(result string) {
	c.set.GetOrCreateCounter(fmt.Sprintf("writ_introspections_total{result=%q}", result)).Inc()
}

// ServeHTTP answers in the text format that Prometheus reads.
func (c *counters) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	c.set.WritePrometheus(w)
}
