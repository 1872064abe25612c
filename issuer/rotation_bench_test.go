package issuer_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/key/idle"
	"github.com/writ-run/writ/workload"
)

// askers ask at once, each as soon as it has its answer: the load under which an issuer lives.
const askers = 16

// BenchmarkIntrospectWhileRotating: under load no request takes over 10 x the median while keys rotate, by this process and by
// another. Its floor is as many requests without a rotation: what the machine alone does to the slowest is in both.
//
// Go uses one processor here, as it does in the smallest container: clients and server then wait in one queue. With two, it is
// chance in which of the queues a request waits, and the slowest of them takes up to 10 x the median without any rotation.
//
// The askers keep their connections. As a process has ever more open files, the kernel now and then makes its table of them
// larger, and the accept(2) that meets it takes 10 to 30 ms: that would be of the connections, not of the keys.
//
// EdDSA shows what the ring itself costs. RS256 has the making of an RSA key beside it (key/idle), which takes a processor
// for some tenths of a second where it is free.
func BenchmarkIntrospectWhileRotating(b *testing.B) {
	for _, algorithm := range []key.Algorithm{key.EdDSA, key.RS256} {
		b.Run(string(algorithm), func(b *testing.B) { benchmarkRotating(b, algorithm) })
	}
}

func benchmarkRotating(b *testing.B, algorithm key.Algorithm) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	w := newWorld(b, func(c *issuer.Config) { c.Log, c.Rate = nil, 1e12 })
	session := w.open(b, subject(), workload.Limits{})
	server := httptest.NewServer(w.handler)
	b.Cleanup(server.Close)
	sealer, err := atrest.OpenSealer(filepath.Join(w.directory, "identity", "id"))
	if err != nil {
		b.Fatal(err)
	}
	other, err := issuer.OpenKeyRing(filepath.Join(w.directory, "data"), sealer, issuer.RingConfig{Now: w.clock, Generate: idle.Generate})
	if err != nil {
		b.Fatal(err)
	}
	var token string
	clients := introspections(server.URL, &token)
	mint := func() {
		minted, err := session.Mint(b.Context(), workload.Request{})
		if err != nil {
			b.Fatal(err)
		}
		token = minted.Token
	}
	nothing := func() error { return nil }
	mint()
	if _, err := load(clients, nothing); err != nil { // they connect
		b.Fatal(err)
	}
	var quiet, rotating []time.Duration
	for b.Loop() {
		mint()
		for _, ring := range []*issuer.KeyRing{w.ring, other} {
			during, err := load(clients, func() error {
				_, err := ring.Rotate([]key.Algorithm{algorithm}, true, false)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			rotating = append(rotating, during...)
			for len(quiet) < len(rotating) {
				without, err := load(clients, nothing)
				if err != nil {
					b.Fatal(err)
				}
				quiet = append(quiet, without...)
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

// introspections are clients that ask about a token and want to hear that it is active.
func introspections(server string, token *string) (clients [askers]func() error) {
	for i := range clients {
		clients[i] = request(func() (*http.Request, error) {
			body := url.Values{"token": {*token}}.Encode()
			r, err := http.NewRequest("POST", server+"/introspect", strings.NewReader(body))
			if err == nil {
				r.Header.Set("Content-Type", form)
			}
			return r, err
		}, `{"active":true`)
	}
	return clients
}

// load has askers ask before, while and after something is done, and returns how long each request took.
func load(clients [askers]func() error, do func() error) ([]time.Duration, error) {
	const before, after = 20, 20 // requests of each
	all := make([][]time.Duration, askers)
	warm, over := make(chan struct{}, 2*askers), make(chan struct{})
	var group errgroup.Group
	for i := range askers {
		group.Go(func() (err error) {
			for n, left := 0, after; err == nil && left > 0; n++ {
				if n == before {
					warm <- struct{}{}
				}
				select {
				case <-over:
					left--
				default:
				}
				begin := time.Now()
				err = clients[i]()
				all[i] = append(all[i], time.Since(begin))
			}
			warm <- struct{}{} // also where it failed before that
			return err
		})
	}
	for range askers {
		<-warm
	}
	err := do()
	close(over)
	err = errors.Join(err, group.Wait())
	return slices.Concat(all...), err
}

// spread is a quantile of durations over their median.
func spread(all []time.Duration, quantile float64) float64 {
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return float64(all[int(quantile*float64(len(all)-1))]) / float64(all[len(all)/2])
}
