package issuer

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/writ-run/writ/key"
)

// metrics are what /metrics shows. No label has a value that a caller chooses.
type metrics struct {
	registry      *prometheus.Registry
	begun         prometheus.Counter
	minted        *prometheus.CounterVec
	refused       prometheus.Counter
	introspection *prometheus.CounterVec
}

func newMetrics(i *Issuer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		begun:    counter("writ_runs_registered_total", "Runs registered, builds and tasks."),
		minted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "writ_tokens_minted_total", Help: "Identity tokens minted, by algorithm.",
		}, []string{"alg"}),
		refused: counter("writ_tokens_refused_total", "Requests for a token that were refused."),
		introspection: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "writ_introspections_total", Help: "Answers of the introspection endpoint, by result.",
		}, []string{"result"}),
	}
	live := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "writ_runs", Help: "Runs registered now."}, func() float64 { return float64(i.count()) })
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		m.minted.WithLabelValues(string(algorithm)) // shown as 0 before the first
	}
	m.registry.MustRegister(m.begun, m.minted, m.refused, m.introspection, live)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
