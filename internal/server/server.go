// Package server is the hallway: it opens the issuer's keys and numbers, mounts its handlers on listeners, and stops
// them cleanly. Nothing is decided here that a room could decide.
//
//	Config --> sealer, key ring, store --> issuer.Issuer --> HTTP listener (relying parties)
//	       \                                             \--> Unix socket  (runs register)
//	        \-> depot.Depot --> the same HTTP listener     (agents pull orders)
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/key/idle"
)

// stopTimeout bounds how long answers that have begun may take when a server stops.
const stopTimeout = 10 * time.Second

// Ready says where a server answers.
type Ready struct {
	IssuerURL string
	Address   string // of HTTP
	Socket    string // path at which runs register
}

// Serve is a standing issuer: it calls ready once it answers, and ends when ctx does. One server at a time has a data
// directory.
func Serve(ctx context.Context, c config.Config, log *slog.Logger, ready func(Ready)) error {
	if err := os.MkdirAll(c.Server.Data, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	unlock, err := issuer.Lock(c.Server.Data)
	if err != nil {
		return err
	}
	defer unlock()
	listener, err := net.Listen("tcp", c.Server.Listen)
	if err != nil {
		return c.Blame(fmt.Errorf("server.listen: %w", err))
	}
	defer listener.Close()
	url := c.Issuer.URL
	if url == "" {
		if url, err = defaultURL(c, listener.Addr()); err != nil {
			return err
		}
	}
	bounds := listen.PublicBounds()
	bounds.Read = bounds.Header // requests are small; one deadline for both is one less to set
	webListener, err := overTLS(bounds.Limit(listener), c, log)
	if err != nil {
		return err
	}
	opened, err := open(c, c.Server.Data, url, log)
	if err != nil {
		return err
	}
	defer opened.close()
	public, err := opened.issuer.Handler()
	if err != nil {
		return err
	}
	orders, err := openOrders(c, log)
	if err != nil {
		return err
	}
	socketListener, err := listenUnix(c.Server.Socket, len(c.Server.SocketAllow) > 0)
	if err != nil {
		return c.Blame(fmt.Errorf("server.socket: %w", err))
	}
	defer socketListener.Close() // removes the file
	allow := make([]issuer.Allow, len(c.Server.SocketAllow))
	for i, a := range c.Server.SocketAllow {
		allow[i] = issuer.Allow{UID: *a.UID, Teams: a.Teams}
	}
	socket := issuer.NewSocket(opened.issuer, uint32(os.Geteuid()), allow)

	servers, ctx := errgroup.WithContext(ctx)
	web := bounds.Server(withOrders(public, orders), log)
	if orders != nil {
		webListener = orders.Front(web, webListener)
	}
	runs := &http.Server{ // its answers stream for as long as a run lives, so that they have no write timeout
		Handler: socket, ConnContext: issuer.PeerContext, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: bounds.Header, IdleTimeout: bounds.Idle, MaxHeaderBytes: bounds.HeaderBytes,
	}
	servers.Go(func() error { opened.ring.Keep(ctx); return nil })
	serve(servers, web, webListener)
	serve(servers, runs, socketListener)
	servers.Go(func() error {
		<-ctx.Done()
		socket.Close()
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return errors.Join(web.Shutdown(stopping), runs.Shutdown(stopping))
	})
	log.Info("issuer is ready", "url", url, "listen", listener.Addr().String(), "socket", c.Server.Socket, "data", c.Server.Data)
	ready(Ready{IssuerURL: url, Address: listener.Addr().String(), Socket: c.Server.Socket})
	return servers.Wait()
}

// serve runs a server until it is shut down.
func serve(group *errgroup.Group, server *http.Server, listener net.Listener) {
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve %s: %w", listener.Addr(), err)
		}
		return nil
	})
}

// opened is an issuer with what it keeps.
type opened struct {
	issuer *issuer.Issuer
	ring   *issuer.KeyRing
	store  *issuer.FileStore
}

func (o opened) close() { o.store.Close() }

// open opens the issuer of a data directory.
func open(c config.Config, directory, url string, log *slog.Logger) (opened, error) {
	ring, err := openRing(c, directory, log)
	if err != nil {
		return opened{}, err
	}
	store, err := issuer.OpenFileStore(directory)
	if err != nil {
		return opened{}, fmt.Errorf("data directory %s: %w", directory, err)
	}
	made, err := issuer.New(issuer.Config{
		URL: url, Algorithm: c.Issuer.Algorithm, Identity: c.Issuer.Identity, Rate: c.Issuer.IntrospectRate, Log: log,
	}, ring, store)
	if err != nil {
		store.Close()
		return opened{}, c.Blame(err)
	}
	return opened{made, ring, store}, nil
}

func openRing(c config.Config, directory string, log *slog.Logger) (*issuer.KeyRing, error) {
	if within(c.Issuer.IdentityFile, directory) {
		return nil, hinted{
			c.Blame(fmt.Errorf("issuer.identityFile %q is inside the data directory, whose keys it decrypts", c.Issuer.IdentityFile)),
			"put it elsewhere: who copies the directory must not get the keys with it",
		}
	}
	sealer, err := atrest.OpenSealer(c.Issuer.IdentityFile)
	if err != nil {
		return nil, err
	}
	rotation, err := c.Issuer.Rotation.Parse()
	if err != nil {
		return nil, c.Blame(err)
	}
	return issuer.OpenKeyRing(directory, sealer, issuer.RingConfig{Rotation: rotation, Generate: idle.Generate, Log: log})
}

func within(path, directory string) bool {
	relative, err := filepath.Rel(directory, path)
	return err == nil && filepath.IsLocal(relative)
}

// defaultURL is the issuer's URL where none is configured: http, or https with a certificate, on the address that was
// asked for.
func defaultURL(c config.Config, address net.Addr) (string, error) {
	asked := c.Server.Listen
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		return "", fmt.Errorf("server.listen %q: want HOST:PORT", asked)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", hinted{
			fmt.Errorf("server.listen %q is not on loopback, so that issuer.url has no default", asked),
			"set --issuer-url to the https URL at which relying parties reach this issuer",
		}
	}
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return "", err
	}
	scheme := "http://"
	if c.Server.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port), nil
}

// standingURL is the issuer URL of `writ serve` with the same configuration.
func standingURL(c config.Config) (string, error) {
	if c.Issuer.URL != "" {
		return c.Issuer.URL, nil
	}
	if strings.HasSuffix(c.Server.Listen, ":0") {
		return "", hinted{fmt.Errorf("server.listen %q has no fixed port, so that issuer.url has no default", c.Server.Listen), "set --issuer-url"}
	}
	address, err := net.ResolveTCPAddr("tcp", c.Server.Listen)
	if err != nil {
		return "", c.Blame(fmt.Errorf("server.listen: %w", err))
	}
	return defaultURL(c, address)
}

// hinted adds what to do about an error.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }
