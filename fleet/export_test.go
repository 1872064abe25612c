package fleet

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/writ-run/writ/api"
)

// Hurry shortens the pauses between tries.
func (s *Sender) Hurry() { s.pause = time.Millisecond }

// ReadAnswer reads a whole answer.
func ReadAnswer(status int, text []byte) Result {
	return resultOf(Push{Check: true}, status, http.Header{}, text)
}

// ReadEvents reads events to their end.
func ReadEvents(r io.Reader) (names []string, data [][]byte, err error) {
	for events := newEvents(r); ; {
		name, value, err := events.next()
		if err != nil {
			return names, data, err
		}
		names, data = append(names, name), append(data, append([]byte{}, value...))
	}
}

// Judge is what an answer of an agent means.
func Judge(p Push, status int, a api.Pushed) Result { return judged(p, status, received{Pushed: a}) }

// CountDials counts connections that are opened.
func (s *Sender) CountDials(n *atomic.Int64) *Sender {
	t := s.client.Transport.(*http.Transport)
	dial := t.DialTLSContext
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		n.Add(1)
		return dial(ctx, network, address)
	}
	return s
}
