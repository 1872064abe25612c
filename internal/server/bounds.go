package server

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// bounds are what a client of the network may take of the server, however slow or greedy it is.
type bounds struct {
	header      time.Duration // to send a request's header
	read        time.Duration // to send a whole request
	write       time.Duration // to read an answer, from its request on
	idle        time.Duration // between requests
	headerBytes int           // net/http adds 4 KiB
	conns       int           // at once; more wait to be accepted
}

func publicBounds() bounds {
	return bounds{
		header: 10 * time.Second, read: 30 * time.Second, write: 30 * time.Second, idle: 2 * time.Minute,
		headerBytes: 64 << 10, conns: 4096,
	}
}

// server is an HTTP server within the bounds.
func (b bounds) server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxHeaderBytes: b.headerBytes,
		ReadHeaderTimeout: b.header, ReadTimeout: b.read, WriteTimeout: b.write, IdleTimeout: b.idle,
	}
}

// limit is a listener with so many connections at once.
func (b bounds) limit(l net.Listener) net.Listener { return netutil.LimitListener(l, b.conns) }
