package agent

import (
	"net/http"
	"sync"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/journal"
)

// The bounds of a streamed answer.
const (
	maxPending  = 1 << 20  // bytes of events that wait for a slow client
	maxStreamed = 64 << 20 // bytes of entries in all
)

// Entries that come within a moment are sent together, unless they are many: a check that finds nothing to do takes two, and
// the result is there soon after.
const (
	moment = 20 * time.Millisecond
	plenty = maxPending / 16
)

// stream is a Sink that sends entries to a client as server-sent events. The run never waits for the client: what a slow
// one does not take in time is left out, and counted.
//
//	Append -> pending -> one goroutine writes (every 15 s at least, so that nothing in between takes us for dead) -> end
//
// The answer begins with the first entry, or once the first 15 s are over: until then its status can still say something.
type stream struct {
	*exchange

	mu      sync.Mutex
	pending []byte
	sent    int // bytes of entries that were taken in all
	omitted int // entries
	gone    bool

	wake chan struct{} // holds one: there is something to write, or plenty
	quit chan struct{}
	done chan struct{}
	once sync.Once

	begun bool // of the goroutine alone, until done
}

func (e *exchange) stream() *stream {
	s := &stream{exchange: e, wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go s.keep()
	return s
}

// Append has an entry sent, or leaves it out. It never waits, and never fails.
func (s *stream) Append(entry journal.Entry) error {
	data, err := encode(entry)
	if err != nil {
		return nil // a time outside of what JSON can hold: nobody's run fails for that
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return nil
	case len(s.pending)+len(data) > maxPending || s.sent+len(data) > maxStreamed:
		s.omitted++
		return nil
	}
	s.sent += len(data)
	first := len(s.pending) == 0
	s.pending = appendEvent(s.pending, api.EntryEvent, data)
	if first || len(s.pending) >= plenty {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// appendEvent appends an event (HTML standard, section 9.2.6). Data is JSON, so that it has no line breaks.
func appendEvent(to []byte, name string, data []byte) []byte {
	to = append(append(to, "event: "...), name...)
	to = append(append(to, "\ndata: "...), data...)
	return append(to, "\n\n"...)
}

// keep writes what is pending until the stream is stopped.
func (s *stream) keep() {
	defer close(s.done)
	beat := time.NewTicker(s.beat)
	defer beat.Stop()
	for {
		select {
		case <-s.wake:
			if !s.hasPlenty() {
				select {
				case <-s.wake:
				case <-time.After(moment):
				case <-s.quit:
					return
				}
			}
			s.flush(nil)
		case <-beat.C:
			s.flush([]byte(": still there\n\n"))
		case <-s.quit:
			return
		}
	}
}

// hasPlenty says whether so much is pending that nothing more is waited for. It may have come before the first of it was heard
// of, or while a slow client was written to: what does not fit any more would be left out meanwhile.
func (s *stream) hasPlenty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) >= plenty
}

// flush sends what is pending, and something after it. A client that does not read for as long as an answer may take is
// given up.
func (s *stream) flush(more []byte) {
	wrote, err := s.write(more)
	if !wrote {
		return
	}
	if err == nil {
		err = s.control.Flush()
	}
	s.unhurried()
	if err != nil {
		s.mu.Lock()
		s.gone, s.pending = true, nil
		s.mu.Unlock()
	}
}

// write writes what is pending, and something after it, for the next flush or the end of the answer. False: there was nothing
// to write, or nobody to write it for.
func (s *stream) write(more []byte) (wrote bool, err error) {
	s.mu.Lock()
	text := append(s.pending, more...)
	s.pending = nil
	gone := s.gone
	s.mu.Unlock()
	if gone || len(text) == 0 {
		return false, nil
	}
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", api.EventStream)
		s.w.Header().Set("X-Accel-Buffering", "no") // a proxy that holds events back makes them useless
		s.w.WriteHeader(http.StatusOK)
	}
	s.hurried()
	_, err = s.w.Write(text)
	return true, err
}

// stop ends the goroutine, and tells whether anything was, or is to be, sent.
func (s *stream) stop() (begun bool) {
	s.once.Do(func() { close(s.quit) })
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begun || len(s.pending) > 0
}

// end writes the result, as the last event; the end of the answer sends it, in one piece with that. The stream is stopped.
func (s *stream) end(result api.Pushed) {
	s.mu.Lock()
	result.Omitted += s.omitted
	s.mu.Unlock()
	data, err := encode(complete(result))
	if err != nil {
		panic(err) // texts and numbers
	}
	_, _ = s.write(appendEvent(nil, api.ResultEvent, data)) // a client that has gone is nobody's mistake
}
