package issuer_test

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/key/idle"
	"github.com/writ-run/writ/workload"
)

const issuerURL = "https://ci.example.com"

// world is an issuer with a clock that the test moves and a log that it reads.
// TestMain lets this binary make keys as writ does.
func TestMain(m *testing.M) {
	if status, played := idle.Main(os.Args); played {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

type world struct {
	*issuer.Issuer
	ring      *issuer.KeyRing
	handler   http.Handler
	directory string
	log       *lockedBuffer

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) move(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// newWorld opens an issuer in a directory of the test's own; change may change its configuration.
func newWorld(t testing.TB, change func(*issuer.Config)) *world {
	t.Helper()
	return openWorld(t, t.TempDir(), change)
}

func openWorld(t testing.TB, directory string, change func(*issuer.Config)) *world {
	t.Helper()
	w := &world{directory: directory, log: &lockedBuffer{}, now: time.Unix(1_800_000_000, 0)}
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity", "id"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(directory, "data")
	if w.ring, err = issuer.OpenKeyRing(data, sealer, issuer.RingConfig{Rotation: issuer.Rotation{Period: issuer.DefaultPeriod}, Now: w.clock, Generate: idle.Generate, Log: slog.New(slog.NewTextHandler(w.log, nil))}); err != nil {
		t.Fatal(err)
	}
	store, err := issuer.OpenFileStore(data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := issuer.Config{URL: issuerURL, Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil))}
	if change != nil {
		change(&c)
	}
	if w.Issuer, err = issuer.New(c, w.ring, store); err != nil {
		t.Fatal(err)
	}
	if w.handler, err = w.Handler(); err != nil {
		t.Fatal(err)
	}
	return w
}

func subject() workload.Subject {
	return workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}
}

// open registers a run of subject, or of another.
func (w *world) open(t testing.TB, s workload.Subject, l workload.Limits) *workload.Session {
	t.Helper()
	session, err := workload.Open(t.Context(), w.Issuer, s, l)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// minted is a token of a run that lives on.
func (w *world) minted(t testing.TB, q workload.Request) workload.Minted {
	t.Helper()
	minted, err := w.open(t, subject(), workload.Limits{}).Mint(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return minted
}

// ask sends a request to the handler.
func (w *world) ask(method, path, contentType, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, r)
	return answer
}

type lockedBuffer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lockedBuffer) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(data)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func decode(part string) ([]byte, error) { return base64.RawURLEncoding.DecodeString(part) }
