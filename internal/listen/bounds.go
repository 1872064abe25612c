package listen

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

// Bounds are what a client of the network may take of a server, however slow or greedy it is.
type Bounds struct {
	Header      time.Duration // to shake hands, and to send a request's header
	Read        time.Duration // to send a whole request
	Write       time.Duration // to read an answer, from its request on
	Idle        time.Duration // between requests
	HeaderBytes int           // net/http adds 4 KiB
	Conns       int           // at once; more wait to be accepted
}

// PublicBounds are those of a server that strangers may ask.
func PublicBounds() Bounds {
	return Bounds{
		Header: 10 * time.Second, Read: 30 * time.Second, Write: 30 * time.Second, Idle: 2 * time.Minute,
		HeaderBytes: 64 << 10, Conns: 4096,
	}
}

// Server is an HTTP server within the bounds.
func (b Bounds) Server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: errorLog(log), MaxHeaderBytes: b.HeaderBytes,
		ReadHeaderTimeout: b.Header, ReadTimeout: b.Read, WriteTimeout: b.Write, IdleTimeout: b.Idle,
	}
}

// Limit is a listener with so many connections at once.
func (b Bounds) Limit(l net.Listener) net.Listener { return netutil.LimitListener(l, b.Conns) }

// errorLog logs what net/http has to say: a connection that strangers only opened is not worth a warning each.
func errorLog(to *slog.Logger) *log.Logger { return log.New(errorWriter{to}, "", 0) }

type errorWriter struct{ *slog.Logger }

func (w errorWriter) Write(line []byte) (int, error) {
	text, level := strings.TrimSuffix(string(line), "\n"), slog.LevelWarn
	if strings.HasPrefix(text, "http: TLS handshake error") || strings.HasPrefix(text, "http2: server: error reading preface") {
		level = slog.LevelDebug
	}
	w.Log(context.Background(), level, text)
	return len(line), nil
}
