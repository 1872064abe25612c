package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/issuer"
)

// Local is an issuer in this process.
type Local struct {
	opened opened
	web    *http.Server // nil: it answers nobody
	keep   errgroup.Group
	stop   context.CancelFunc // of keep
}

// OpenLocal opens an issuer that answers on a loopback address of its own until Close. Its keys and numbers are in a
// directory below the data directory, so that it shares nothing with a standing issuer; several may be open at once.
func OpenLocal(c config.Config, log *slog.Logger) (*Local, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	opened, err := open(c, filepath.Join(c.Server.Data, "local"), "http://"+listener.Addr().String(), log)
	if err != nil {
		listener.Close()
		return nil, err
	}
	handler, err := opened.issuer.Handler()
	if err != nil {
		listener.Close()
		opened.close()
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l := &Local{opened: opened, web: listen.PublicBounds().Server(handler, log), stop: stop}
	l.keep.Go(func() error { opened.ring.Keep(ctx); return nil })
	go func() {
		if err := l.web.Serve(listen.PublicBounds().Limit(listener)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the issuer of this run no longer answers", "error", err)
		}
	}()
	return l, nil
}

// OpenStanding opens the issuer of the data directory itself, for tokens by hand. It answers nobody: relying parties
// ask the server, or the files, at its URL. A server may have the directory at the same time.
func OpenStanding(c config.Config, log *slog.Logger) (*Local, error) {
	url, err := standingURL(c)
	if err != nil {
		return nil, err
	}
	opened, err := open(c, c.Server.Data, url, log)
	if err != nil {
		return nil, err
	}
	return &Local{opened: opened}, nil
}

// Minter is the issuer.
func (l *Local) Minter() *issuer.Issuer { return l.opened.issuer }

// Close ends it.
func (l *Local) Close() error {
	var err error
	if l.web != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		err = l.web.Shutdown(ctx)
		l.stop()
		err = errors.Join(err, l.keep.Wait())
	}
	l.opened.close()
	return err
}
