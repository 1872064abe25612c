package depot

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Front is a listener for an HTTP server whose handler has the Depot below its prefix. On its connections what agents ask nearly
// always, whether an order is as it was, is answered before net/http hears of it, which takes longer than all the rest. The
// answer is the same, and the server's timeouts hold. It sets the server's ConnState.
//
//	net/http waits for a request ─▶ it is plain, whole, and of an order as it was? ─▶ 304; wait for the next
//	                                 └─ no: net/http has it, as it came
//
// Where a request begins has to be beyond doubt: a connection of which net/http was ever given anything else than plain requests,
// one at a time, is its own from then on, and so is one with TLS.
func (d *Depot) Front(server *http.Server, l net.Listener) net.Listener {
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if f, is := conn.(*front); is && state == http.StateIdle && f.at == busy {
			f.at, f.renewed = between, time.Time{}
		}
	}
	idle := server.IdleTimeout
	if idle == 0 {
		idle = server.ReadTimeout // as net/http has it
	}
	return frontListener{l, d, idle, server.WriteTimeout, renewal(idle, server.WriteTimeout)}
}

// renewal is how often the deadlines of a connection move on while it has one answer after the other, a small part of the
// shorter timeout: to move them costs more than to look at the clock.
func renewal(idle, write time.Duration) time.Duration {
	if write > 0 && (idle <= 0 || write < idle) {
		idle = write
	}
	return idle / 30
}

type frontListener struct {
	net.Listener
	depot       *Depot
	idle, write time.Duration // timeouts; 0: none
	renewal     time.Duration
}

func (l frontListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, secret := conn.(*tls.Conn); secret {
		return conn, nil
	}
	return &front{Conn: conn, of: l}, nil
}

// front is a connection. net/http reads from it and says when it waits, never both at once.
type front struct {
	net.Conn
	of      frontListener
	at      place
	renewed time.Time // its deadlines
	answer  []byte
}

// place is where net/http is on a connection.
type place int

const (
	start   place = iota // it waits for the first request, whose time it counts from here
	busy                 // it has a request
	between              // it is done with all that came, and waits for the next request
	lost                 // that is not known any more
)

// Read is for net/http: it gets the requests that are not answered here.
func (f *front) Read(to []byte) (int, error) {
	for {
		n, err := f.Conn.Read(to)
		if n == 0 || f.at == lost {
			return n, err
		}
		q, plain := parse(to[:n])
		if plain && f.at == between {
			if o, as := f.of.depot.asWas(q); as {
				if err := f.notModified(o); err != nil {
					return 0, err
				}
				continue
			}
		}
		if plain && f.at != busy {
			f.at = busy
		} else {
			f.at = lost
		}
		return n, err
	}
}

// notModified answers as ServeHTTP and net/http do.
func (f *front) notModified(o order) error {
	now := time.Now()
	if now.Sub(f.renewed) >= f.of.renewal {
		f.renewed = now
		if f.of.idle > 0 {
			f.SetReadDeadline(now.Add(f.of.idle))
		}
		if f.of.write > 0 {
			f.SetWriteDeadline(now.Add(f.of.write))
		}
	}
	f.answer = append(f.answer[:0], "HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\nEtag: "...)
	f.answer = append(append(f.answer, o.etag[0]...), "\r\nDate: "...)
	f.answer = append(now.UTC().AppendFormat(f.answer, http.TimeFormat), "\r\n\r\n"...)
	_, err := f.Write(f.answer)
	return err
}

// question is what matters of a plain request.
type question struct {
	path, etag []byte // etag: of If-None-Match, where it is there
}

// asWas finds the order that a question is about, where that is as who asks has it.
func (d *Depot) asWas(q question) (order, bool) {
	name, below := bytes.CutPrefix(q.path, []byte(d.prefix))
	if !below || q.etag == nil {
		return order{}, false
	}
	o := d.order(string(name))
	return o, o.etag != nil && o.etag[0] == string(q.etag) && o.unchanged()
}

var lineEnd = []byte("\r\n")

// parse reads a plain request: one GET of HTTP/1.1, whole and nothing after it, of printable ASCII alone, with no header but
// those that make no difference here. So it has no body, and keeps its connection. Whatever is said in any other way is not plain.
func parse(text []byte) (q question, plain bool) {
	line, rest, _ := bytes.Cut(text, lineEnd)
	line, get := bytes.CutPrefix(line, []byte("GET /"))
	line, http11 := bytes.CutSuffix(line, []byte(" HTTP/1.1"))
	if !get || !http11 || !printable(line) || bytes.IndexByte(line, ' ') >= 0 {
		return question{}, false
	}
	q.path = text[len("GET "):][:1+len(line)]
	hosts, matches := 0, 0
	for {
		var whole bool
		if line, rest, whole = bytes.Cut(rest, lineEnd); !whole {
			return question{}, false
		}
		if len(line) == 0 {
			return q, len(rest) == 0 && hosts == 1 && matches <= 1
		}
		name, value, is := bytes.Cut(line, []byte(": "))
		if !is || !printable(value) {
			return question{}, false
		}
		switch string(name) {
		case "Host":
			hosts++
			if !isHost(value) {
				return question{}, false
			}
		case "If-None-Match":
			matches++
			q.etag = value
		case "Accept", "Accept-Encoding", "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP":
		default:
			return question{}, false
		}
	}
}

func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// isHost is true for a name or an address, with or without a port.
func isHost(text []byte) bool {
	for _, c := range text {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == ':' || c == '[' || c == ']') {
			return false
		}
	}
	return len(text) > 0
}
