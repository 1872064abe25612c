package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/key/idle"
	"github.com/writ-run/writ/workload"
)

// BenchmarkIntrospectWhileRotating: no request takes over 10 x the median while keys rotate, by this process and by
// another. Its floor is as many requests without a rotation: what the machine alone does to the slowest is in both.
//
// EdDSA shows what the ring itself costs. RS256 has the making of an RSA key beside it (key/idle), which takes a processor
// for some tenths of a second.
func BenchmarkIntrospectWhileRotating(b *testing.B) {
	for _, algorithm := range []key.Algorithm{key.EdDSA, key.RS256} {
		b.Run(string(algorithm), func(b *testing.B) { benchmarkRotating(b, algorithm) })
	}
}

func benchmarkRotating(b *testing.B, algorithm key.Algorithm) {
	w := newWorld(b, func(c *issuer.Config) { c.Log, c.Rate = nil, 1e12 })
	session := w.open(b, subject(), workload.Limits{})
	server := httptest.NewServer(w.handler)
	b.Cleanup(server.Close)
	var body string
	ask := request(func() (*http.Request, error) {
		r, err := http.NewRequest("POST", server.URL+"/introspect", strings.NewReader(body))
		if err == nil {
			r.Header.Set("Content-Type", form)
		}
		return r, err
	}, `{"active":true`)
	timed := func(into []time.Duration) []time.Duration {
		begin := time.Now()
		if err := ask(); err != nil {
			b.Fatal(err)
		}
		return append(into, time.Since(begin))
	}
	sealer, err := atrest.OpenSealer(filepath.Join(w.directory, "identity", "id"))
	if err != nil {
		b.Fatal(err)
	}
	other, err := issuer.OpenKeyRing(filepath.Join(w.directory, "data"), sealer, issuer.RingConfig{Now: w.clock, Generate: idle.Generate})
	if err != nil {
		b.Fatal(err)
	}
	var quiet, rotating []time.Duration
	for b.Loop() {
		minted, err := session.Mint(b.Context(), workload.Request{})
		if err != nil {
			b.Fatal(err)
		}
		body = url.Values{"token": {minted.Token}}.Encode()
		for _, ring := range []*issuer.KeyRing{w.ring, other} {
			done := make(chan error, 1)
			go func() {
				_, err := ring.Rotate([]key.Algorithm{algorithm}, true, false)
				done <- err
			}()
			for after := 0; after < 20; { // until it is done, and what comes of it
				rotating = timed(rotating)
				if after > 0 {
					after++
					continue
				}
				select {
				case err := <-done:
					if err != nil {
						b.Fatal(err)
					}
					after++
				default:
				}
			}
			for len(quiet) < len(rotating) {
				quiet = timed(quiet)
			}
		}
		w.move(2 * time.Hour) // retired keys go
		if err := w.ring.Tend(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(spread(rotating, 1), "max/median")
	b.ReportMetric(spread(quiet, 1), "floor-max/median")
	b.ReportMetric(spread(rotating, 0.999), "p99.9/median")
	b.ReportMetric(spread(quiet, 0.999), "floor-p99.9/median")
	b.ReportMetric(10, "x-limit")
	b.ReportMetric(float64(len(rotating))/float64(b.N), "requests/op")
}

// spread is a quantile of durations over their median.
func spread(all []time.Duration, quantile float64) float64 {
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return float64(all[int(quantile*float64(len(all)-1))]) / float64(all[len(all)/2])
}
