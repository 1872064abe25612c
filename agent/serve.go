package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/writ-run/writ/internal/listen"
)

// Receiver takes what comes over HTTP: an *Agent.
type Receiver interface {
	Push(ctx context.Context, p Push) (Outcome, error)
	Webhook(ctx context.Context, w Webhook) (Reply, bool)
	Metrics(w io.Writer) error
}

// ServerConfig is what a Server answers for, and how.
type ServerConfig struct {
	HTTP       HTTPServer
	MetricsKey Secret             // empty: there are no metrics
	Sources    map[string]*Source // those that take pushes, and those that have webhooks, are answered for
	StateDir   string             // for the certificate that is made where none is given

	Now func() time.Time // nil: time.Now
}

// Listening is where a Server answers.
type Listening struct {
	Address     string // empty: nowhere, since nothing is to be answered
	Fingerprint string // SHA-256 of the certificate, as ParseFingerprint reads it; empty: plain HTTP
	SelfSigned  bool   // senders have to pin it
}

// Server answers over HTTP for a Receiver.
//
// A run goes on to its end when its client has gone, and never waits for a slow one. What has not been verified is bounded:
// in size, in time, in how much of it is held at once, and by peer.
type Server struct {
	receiver Receiver
	log      *slog.Logger
	web      *http.Server
	bodies   bodies
	counts   requests
	bounds   listen.Bounds
	peers    *listen.Peers
	beat     time.Duration // between signs of life of a streamed answer

	current atomic.Pointer[serving]

	mu       sync.Mutex // of Apply and Close
	listener net.Listener
	closed   bool
	serve    sync.WaitGroup
}

// serving is a ServerConfig as requests are answered with it.
type serving struct {
	config  ServerConfig
	limiter *listen.Limiter
	proxies listen.Proxies
	pushes  map[string]bool // sources
	hooks   map[string]bool // paths
	tls     *tlsSettings    // nil: plain HTTP
}

// NewServer returns a Server that does not listen yet: see Apply.
func NewServer(r Receiver, log *slog.Logger) *Server {
	s := &Server{receiver: r, log: log, bodies: newBodies(), peers: listen.NewPeers(), beat: 15 * time.Second}
	s.bind(listen.PublicBounds())
	return s
}

// bind makes the HTTP server, within bounds.
func (s *Server) bind(b listen.Bounds) {
	s.bounds = b
	s.web = b.Server(http.HandlerFunc(s.answer), s.log)
	s.web.WriteTimeout = b.Read + b.Write // who was too slow to send is still told so
	s.web.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
}

// Apply has the server answer as configured from now on, and listen, move or no longer listen as that says. On an error
// everything stays as it was. Runs that have begun are not touched.
func (s *Server) Apply(c ServerConfig) (Listening, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Listening{}, http.ErrServerClosed
	}
	next, err := s.prepare(c)
	if err != nil {
		return Listening{}, err
	}
	if len(next.pushes) == 0 && len(next.hooks) == 0 && c.MetricsKey == "" {
		s.current.Store(next)
		s.move(nil)
		return Listening{}, nil
	}
	if next.tls, err = openTLS(next.config, s.log); err != nil {
		return Listening{}, err
	}
	listener := s.listener
	if last := s.current.Load(); listener == nil || last.config.HTTP.ListenAddress != c.HTTP.ListenAddress {
		if listener, err = net.Listen("tcp", c.HTTP.ListenAddress); err != nil {
			return Listening{}, fmt.Errorf("httpServer.listenAddress: %w", err)
		}
	}
	s.current.Store(next)
	s.move(listener)
	at := Listening{Address: listener.Addr().String()}
	if next.tls != nil {
		at.Fingerprint, at.SelfSigned = next.tls.fingerprint, next.tls.selfSigned
	}
	return at, nil
}

// prepare reads the configuration, all but certificates.
func (s *Server) prepare(c ServerConfig) (*serving, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	next := &serving{config: c, pushes: map[string]bool{}, hooks: map[string]bool{}}
	for i, text := range c.HTTP.TrustedProxies {
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("httpServer.trustedProxies[%d] %w", i, err)
		}
		next.proxies = append(next.proxies, network)
	}
	for name, source := range c.Sources {
		if source.AllowPush {
			next.pushes[name] = true
		}
		for _, path := range source.WebhookPaths {
			next.hooks[path] = true
		}
	}
	perSecond, burst := c.HTTP.RateLimit.limit()
	next.limiter = listen.NewLimiter(perSecond, burst, c.Now)
	return next, nil
}

// limit is the rate as a limiter counts: so many a second, and so many at once after a rest.
func (r Rate) limit() (perSecond float64, burst int) {
	if r == (Rate{}) {
		r = DefaultRate()
		return float64(r.Requests) / r.Per.Seconds(), 10 * r.Requests
	}
	return float64(r.Requests) / r.Per.Seconds(), r.Requests
}

// connections is how many a peer may have at once, as configured now. A trusted proxy has those of all who ask it.
func (s *Server) connections(remote string) int {
	now := s.current.Load()
	if now.proxies.Trust(remote) {
		return 0
	}
	return cmp.Or(now.config.HTTP.RateLimitConnections, DefaultConnections)
}

// move serves on a listener, and no longer on the one before.
func (s *Server) move(to net.Listener) {
	from := s.listener
	if to == from {
		return
	}
	s.listener = to
	if to != nil {
		s.serve.Go(func() {
			err := s.web.Serve(secured{s.bounds.Limit(s.peers.Limit(to, s.connections)), s})
			if !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				s.log.Error("the agent no longer answers", "listen", to.Addr().String(), "error", err)
			}
		})
	}
	if from != nil {
		from.Close()
	}
}

// Close stops listening, and waits for answers that have begun until the context ends.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.web.Shutdown(ctx)
	s.serve.Wait()
	return err
}
