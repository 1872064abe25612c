package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// soakTime is how long the soak test takes; WRIT_SOAK=10m makes it long.
const soakTime = 2 * time.Second

// TestSoak asks /introspect and the key set without a pause, from this machine, while clients that are stuck hold
// connections, and keys rotate in the middle, by hand and at once. No answer is wrong, and memory does not grow.
func TestSoak(t *testing.T) {
	d := soakTime
	if text := os.Getenv("WRIT_SOAK"); text != "" {
		var err error
		if d, err = time.ParseDuration(text); err != nil || d <= 0 {
			t.Fatalf("WRIT_SOAK=%q: want a duration like 10m", text)
		}
	}
	c := load(t, directory(t), "issuer.introspectRate=1000000000")
	ready := serve(t, c)
	runs := session(t, ready)
	const stuckClients, workers, least = 50, 4, 200 // requests at least, also on a slow machine
	for range stuckClients {
		go stuck(t.Context(), ready.Address)
	}
	work := newLoad(ready.IssuerURL)
	defer work.client.CloseIdleConnections()

	soak := func(d time.Duration, middle func()) {
		t.Helper()
		end := time.Now().Add(d)
		var group sync.WaitGroup
		for range workers {
			group.Go(func() { work.run(t, runs, end, least/workers) })
		}
		if middle != nil {
			<-time.After(d / 2)
			middle()
		}
		group.Wait()
	}
	soak(d/10, nil) // buffers, connections
	work.reset()
	heapBefore, goroutinesBefore := settled(), runtime.NumGoroutine()
	soak(d, func() { rotateAll(t, c) })
	heapAfter, goroutinesAfter := settled(), runtime.NumGoroutine()

	t.Logf("%s: %d requests, %d errors; median %s, slowest %s (%.0f x); heap %d KiB, then %d KiB; goroutines %d, then %d", d,
		work.requests, work.errors, work.median(), work.slowest, float64(work.slowest)/float64(work.median()), heapBefore>>10, heapAfter>>10, goroutinesBefore, goroutinesAfter)
	if work.errors > 0 || work.requests < least {
		t.Errorf("%d errors of %d requests; first: %v", work.errors, work.requests, work.first)
	}
	if heapAfter > heapBefore+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", heapBefore, heapAfter)
	}
	if goroutinesAfter > goroutinesBefore+2*workers+stuckClients { // of those not all may have been there before
		t.Errorf("%d goroutines, before %d", goroutinesAfter, goroutinesBefore)
	}
}

// stuck is a client that begins a request and never goes on; when the server has had enough of it, it begins again.
func stuck(ctx context.Context, address string) {
	for ctx.Err() == nil {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { connection.Close() })
		// What fails here is what is meant to fail.
		_, _ = io.WriteString(connection, "POST /introspect HTTP/1.1\r\nHost: x\r\nContent-")
		_, _ = io.Copy(io.Discard, connection)
		stop()
		connection.Close()
	}
}

// rotateAll rotates every key, as the command line does.
func rotateAll(t *testing.T, c config.Config) {
	for _, now := range []bool{false, true} {
		moves, err := server.Rotate(t.Context(), c, nil, now, false)
		if err != nil {
			t.Errorf("rotate: %v", err)
		}
		if n := len(moves.Moves); n < 6 {
			t.Errorf("rotate (now: %v): %d moves", now, n)
		}
	}
	keys, err := server.Keys(t.Context(), c)
	if err != nil || len(keys) != 6 {
		t.Errorf("after a rotation: %d keys, %v", len(keys), err)
	}
	for _, k := range keys[:3] {
		if k.State != issuer.Retired {
			t.Errorf("an old key is %s", k.State)
		}
	}
}

// settled is the heap that is in use.
func settled() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// traffic is what clients ask, and how long the answers took: in buckets, so that to measure takes no memory.
type traffic struct {
	url    string
	client *http.Client

	mu       sync.Mutex
	requests int
	errors   int
	first    error
	slowest  time.Duration
	took     [100_000]int // by 10 µs
}

func newLoad(url string) *traffic {
	return &traffic{url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}, Timeout: time.Minute}}
}

func (l *traffic) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests, l.errors, l.first, l.slowest = 0, 0, nil, 0
	clear(l.took[:])
}

func (l *traffic) median() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := 0
	for i, n := range l.took {
		if seen += n; seen > l.requests/2 {
			return time.Duration(i)*10*time.Microsecond + 5*time.Microsecond
		}
	}
	return time.Second
}

// run is one client, to the end and for so many requests at least: a token of each algorithm in turn, fresh ones now and then; nine
// introspections to one key set.
func (l *traffic) run(t *testing.T, s *workload.Session, end time.Time, least int) {
	var bodies [3]string
	for i := 0; i < least || time.Now().Before(end); i++ {
		if i%2000 == 0 {
			for j, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
				minted, err := s.Mint(t.Context(), workload.Request{Algorithm: algorithm})
				if err != nil {
					t.Errorf("mint: %v", err)
					return
				}
				bodies[j] = url.Values{"token": {minted.Token}}.Encode()
			}
		}
		begin := time.Now()
		var err error
		if i%10 == 9 {
			err = l.ask("GET", "/.well-known/jwks.json", "", `{"keys":[{`)
		} else {
			err = l.ask("POST", "/introspect", bodies[i%3], `{"active":true,`)
		}
		l.note(time.Since(begin), err)
	}
}

func (l *traffic) note(took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.took[min(int(took/(10*time.Microsecond)), len(l.took)-1)]++
	l.slowest = max(l.slowest, took)
	if err != nil {
		if l.errors++; l.first == nil {
			l.first = err
		}
	}
}

func (l *traffic) ask(method, path, body, want string) error {
	request, err := http.NewRequest(method, l.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := l.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || !bytes.HasPrefix(text, []byte(want))) {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, answer.Status, text)
	}
	return err
}
