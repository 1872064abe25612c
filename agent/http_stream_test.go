package agent

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/journal"
)

// heard is an answer that is looked at while it is written.
type heard struct {
	mu sync.Mutex
	*httptest.ResponseRecorder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ResponseRecorder.Write(p)
}

func (h *heard) entries() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Count(h.Body.String(), "event: entry")
}

// TestMoment: entries that come within a moment are sent together, but many at once, also where they were all there before the
// first was heard of.
func TestMoment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size  int // of an entry
		sent  int // entries, at once
		after int // a moment later
	}{
		"few":  {1, 0, 3},
		"many": {plenty, 3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answer := &heard{ResponseRecorder: httptest.NewRecorder()}
				e := &exchange{Server: &Server{beat: time.Hour}, serving: &serving{}, w: &counted{ResponseWriter: answer}}
				e.control = http.NewResponseController(e.w)
				s := &stream{exchange: e, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
				for range 3 {
					_ = s.Append(journal.Entry{Kind: journal.Output, Text: strings.Repeat("x", test.size)})
				}
				go s.keep()
				defer s.stop()
				synctest.Wait()
				if n := answer.entries(); n != test.sent {
					t.Errorf("%d entries are sent at once, want %d", n, test.sent)
				}
				time.Sleep(moment)
				synctest.Wait()
				if n := answer.entries(); n != test.after {
					t.Errorf("a moment later %d entries are sent, want %d", n, test.after)
				}
			})
		})
	}
}
