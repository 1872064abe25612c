package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/test/certificates"
)

func senderCertificate(t *testing.T) (authorityFile string, certificate tls.Certificate) {
	t.Helper()
	authority := certificates.New(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der := authority.Sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "sender"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, key.Public())
	return authority.File, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// streams is a machine that answers with events of its own making.
func streams(t *testing.T, write func(w io.Writer, flush func())) fleet.Target {
	return web(t, "m", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		write(w, w.(http.Flusher).Flush)
	})
}

// TestHostileAnswers: whatever a machine answers, it is bounded in size and time, and is not taken for success.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		write func(w io.Writer, flush func())
		state fleet.State
		err   string
	}{
		"no result":    {func(w io.Writer, _ func()) { io.WriteString(w, ": hello\n\nevent: entry\ndata: {}\n\n") }, fleet.Lost, "its answer ended without a result"},
		"half":         {func(w io.Writer, _ func()) { io.WriteString(w, "event: result\ndata: {\"status\":200}\n") }, fleet.Lost, "its answer ended without a result"},
		"no JSON":      {func(w io.Writer, _ func()) { io.WriteString(w, "event: result\ndata: x\n\n") }, fleet.Odd, "its result is none"},
		"no status":    {func(w io.Writer, _ func()) { io.WriteString(w, "event: result\ndata: {}\n\n") }, fleet.Odd, "its result is none"},
		"odd status":   {func(w io.Writer, _ func()) { io.WriteString(w, "event: result\ndata: {\"status\":201}\n\n") }, fleet.Odd, "its result has status 201, as no agent's"},
		"another name": {func(w io.Writer, _ func()) { io.WriteString(w, "event: results\ndata: {\"status\":200}\n\n") }, fleet.Lost, "its answer ended without a result"},
		"a long line": {func(w io.Writer, _ func()) {
			io.WriteString(w, "data: ")
			for range 20 {
				io.WriteString(w, strings.Repeat("x", 1<<20))
			}
		}, fleet.Odd, "a line of its answer has more than 16777216 bytes"},
		"many lines of one event": {func(w io.Writer, _ func()) {
			for range 300 {
				io.WriteString(w, "data: "+strings.Repeat("x", 100<<10)+"\n")
			}
		}, fleet.Odd, "a line of its answer has more than 16777216 bytes"},
		"without end": {func(w io.Writer, _ func()) {
			for event := "event: entry\ndata: " + strings.Repeat("x", 10<<20) + "\n\n"; ; {
				if _, err := io.WriteString(w, event); err != nil {
					return
				}
			}
		}, fleet.Lost, "its answer ended without a result"},
		"carriage returns": {func(w io.Writer, _ func()) {
			io.WriteString(w, "event:result\r\ndata:{\"status\":200,\r\ndata:\"changedIDs\":[\"a\"]}\r\n\r\n")
		}, fleet.Done, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := sender(t, fleet.Config{}).Push(t.Context(), fleet.Push{Target: streams(t, test.write), Source: "web", Order: order("good")})
			if r.State != test.state || r.Err != test.err {
				t.Errorf("%s %q, want %s %q", r.State, r.Err, test.state, test.err)
			}
		})
	}
	t.Run("a large answer", func(t *testing.T) {
		t.Parallel()
		target := web(t, "m", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat(" ", 17<<20)+"{}") })
		if r := sender(t, fleet.Config{}).Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good")}); r.State != fleet.Odd || r.Err != "its answer has more than 16777216 bytes" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("long texts", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("x", 1<<20)
		target := web(t, "m", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"err":%q,"changedIDs":[%[1]q],"changedOutputs":[%[1]q],"commands":[{"id":%[1]q,"output":%[1]q}],"plan":[{"why":%[1]q}]}`, long)
		})
		r := sender(t, fleet.Config{}).Push(t.Context(), fleet.Push{Target: target, Source: "web", Order: order("good")})
		a := r.Answer
		for name, n := range map[string]int{"err": len(r.Err), "err of the answer": len(a.Err), "id": 32 * len(a.ChangedIDs[0]), "output": len(a.ChangedOutputs[0]), "command": 32 * len(a.Commands[0].ID), "step": 32 * len(a.Plan[0].Why)} {
			if n > 129<<10 {
				t.Errorf("%s has %d bytes", name, n)
			}
		}
	})
}

// TestSilence: a machine of which nothing is heard any more is given up, and so is one that takes too long. Where this machine is
// so slow that the order was not sent by then, there is more time.
func TestSilence(t *testing.T) {
	t.Parallel()
	silent := streams(t, func(w io.Writer, flush func()) {
		io.WriteString(w, ": hello\n\n")
		flush()
		<-t.Context().Done()
	})
	chatty := streams(t, func(w io.Writer, flush func()) {
		for {
			if _, err := io.WriteString(w, ": hello\n\n"); err != nil {
				return
			}
			flush()
		}
	})
	mute := web(t, "m", func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // until then a server does not see that its client has gone
		<-r.Context().Done()
	})
	const first, last = 300 * time.Millisecond, 20 * time.Second
	for name, test := range map[string]struct {
		target fleet.Target
		config func(limit time.Duration) fleet.Config
		err    string
	}{
		"silent": {silent, func(limit time.Duration) fleet.Config { return fleet.Config{Silence: limit} }, "its answer broke off: no sign of life came any more"},
		"chatty": {chatty, func(limit time.Duration) fleet.Config { return fleet.Config{Timeout: limit} }, "its answer broke off: it took too long"},
		"mute":   {mute, func(limit time.Duration) fleet.Config { return fleet.Config{Timeout: limit} }, "no answer came: it took too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for limit := first; ; limit *= 4 {
				r := sender(t, test.config(limit)).Push(t.Context(), fleet.Push{Target: test.target, Source: "web", Order: order("good")})
				if r.State == fleet.Lost && r.Err == test.err {
					return
				}
				if limit >= last/4 {
					t.Fatalf("%s %q, want %q", r.State, r.Err, test.err)
				}
				t.Logf("within %s: %s %q", limit, r.State, r.Err)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"changedIDs":["a"],"err":""}`))
	f.Add(500, []byte(`{"changed":["a"],"removed":null}`))
	f.Add(404, []byte(""))
	f.Add(200, []byte("event: result\ndata: {\"status\":200}\n\n"))
	f.Fuzz(func(t *testing.T, status int, text []byte) {
		r := fleet.ReadAnswer(status, text)
		if r.State == "" || (r.State == fleet.Done || r.State == fleet.Drifted) && status != 200 || r.State == fleet.Failed && r.Err == "" {
			t.Errorf("%d %q: %+v", status, text, r)
		}
		for _, id := range r.Answer.ChangedIDs {
			if len(id) > 5<<10 {
				t.Errorf("an id of %d bytes", len(id))
			}
		}
		names, data, err := fleet.ReadEvents(strings.NewReader(string(text)))
		if err == nil || len(names) != len(data) {
			t.Errorf("%q, %q, %v", names, data, err)
		}
		for i, one := range data {
			if len(one) > api.MaxPushed || strings.ContainsAny(names[i], "\n") {
				t.Errorf("%q: %q", names[i], one)
			}
		}
	})
}
