package agent

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// The bounds of bodies of which nobody knows yet whether they are worth anything.
const (
	freeBody    = 64 << 10  // of each, whatever else is held
	maxBodies   = 256 << 20 // beyond that, of all
	maxOfPeer   = 64 << 20  // of these, of one peer
	slowestBody = 256 << 10 // bytes a second, once the time for every request is over
)

// bodies counts what is held of bodies.
type bodies struct {
	mu    sync.Mutex
	held  int64
	peers map[string]int64
}

func newBodies() bodies { return bodies{peers: map[string]int64{}} }

// take counts n bytes more of a peer's, where there is room for them.
func (b *bodies) take(peer string, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held+n > maxBodies || b.peers[peer]+n > maxOfPeer {
		return false
	}
	b.held += n
	b.peers[peer] += n
	return true
}

func (b *bodies) give(peer string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= n
	if b.peers[peer] -= n; b.peers[peer] == 0 {
		delete(b.peers, peer)
	}
}

// body is one that was read; it counts as held until release.
type body struct {
	data    []byte
	release func()
}

// body reads the request's, of at most limit bytes. The status is why it could not: 413, 503 where too much is held
// already, 400 where it broke off or came too slowly.
func (e *exchange) body(limit int64) (read body, status int) {
	defer e.hurried()
	if e.r.ContentLength > limit {
		return body{}, http.StatusRequestEntityTooLarge
	}
	var taken int64
	release := func() { e.bodies.give(e.peer, taken) }
	began := time.Now()
	data := make([]byte, 0, e.grow(0, limit))
	for {
		if len(data) == cap(data) {
			grown := e.grow(cap(data), limit)
			if grown > freeBody {
				if !e.bodies.take(e.peer, grown-taken) {
					release()
					return body{}, http.StatusServiceUnavailable
				}
				taken = grown
			}
			data = append(make([]byte, 0, grown), data...)
		}
		allowed := e.bounds.Read + time.Duration(len(data)/slowestBody)*time.Second
		_ = e.control.SetReadDeadline(began.Add(allowed)) // a writer of a test has none
		n, err := e.r.Body.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			release()
			return body{}, http.StatusRequestEntityTooLarge
		case errors.Is(err, io.EOF):
			e.whole = true
			return body{data, release}, 0
		case err != nil:
			release()
			return body{}, http.StatusBadRequest
		}
	}
}

// outlast reads the body that an answer did not wait for, and throws it away. A connection that is closed while something is
// on its way is reset, and the reset overtakes the answer (RFC 9112 section 9.6): a proxy that is still sending says 502. The
// time for the whole request holds for this too. Who waits to be asked for the body has not sent it, and of HTTP/2 a stream
// ends alone.
func (e *exchange) outlast() {
	if e.whole || e.r.ContentLength == 0 || e.r.ProtoMajor > 1 || e.r.Header.Get("Expect") != "" {
		return
	}
	if err := e.control.Flush(); err != nil {
		return
	}
	most := int64(maxOrder)
	if e.kind == "limited" || e.r.ContentLength > maxOrder || e.w.status == http.StatusRequestEntityTooLarge {
		most = 256 << 10
	}
	_, _ = io.CopyN(io.Discard, e.r.Body, most)
}

// grow is how much room a body gets next: up to all of it and a byte more, by which its end is seen.
func (e *exchange) grow(from int, limit int64) int64 {
	most := limit + 1
	if e.r.ContentLength >= 0 {
		most = e.r.ContentLength + 1
	}
	if from == 0 {
		if e.r.ContentLength >= 0 {
			return min(most, freeBody)
		}
		return min(most, 4<<10)
	}
	return min(2*int64(from), most)
}
