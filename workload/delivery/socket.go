package delivery

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/writ-run/writ/workload"
)

// What one run may ask of its socket. Only the run itself is on the other side; the bounds are there so that it cannot
// make the process that serves it, or the issuer behind it, busy or big.
const (
	maxConnections = 32
	maxBody        = 16 << 10
	maxHeader      = 8 << 10
	maxAudiences   = 32
	readTimeout    = 10 * time.Second // for a whole request
	idleTimeout    = 30 * time.Second
	mintTimeout    = 30 * time.Second
)

// socket serves api.sock.
type socket struct {
	server  *http.Server
	handler *handler
	done    chan struct{}
}

// serve listens on api.sock in the directory, which nobody else can reach yet, and answers until close.
func serve(ctx context.Context, d *directory, m minter, g workload.Grant, c Config) (*socket, error) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(d.path, socketName), Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // by its path a file of somebody else's might go: the directory removes it
	if err := d.root.Chmod(socketName, 0o600); err != nil {
		listener.Close()
		return nil, err
	}
	h := newHandler(m, g, c)
	s := &socket{handler: h, done: make(chan struct{})}
	s.server = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: c.readTimeout,
		ReadTimeout:       c.readTimeout,
		WriteTimeout:      c.readTimeout + mintTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func() {
		defer close(s.done)
		// It ends with http.ErrServerClosed; should accepting fail before, the run's own requests fail visibly.
		if err := s.server.Serve(limit(listener, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("the socket of a run stopped", "error", err)
		}
	}()
	return s, nil
}

// close ends every connection and returns when no request is being answered any more. The context given to serve has
// ended, so minting has too.
func (s *socket) close() {
	s.server.Close()
	<-s.done
	s.handler.end()
}

// limit bounds the connections that are open at a time; one more waits until another is closed.
func limit(l net.Listener, most int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, most), closed: make(chan struct{})}
}

type limited struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	connection, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &counted{Conn: connection, slots: l.slots}, nil
}

func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { <-c.slots })
	return c.Conn.Close()
}
