package server

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/listen"
)

// overTLS answers https on a listener where a certificate is configured.
func overTLS(listener net.Listener, c config.Config, log *slog.Logger) (net.Listener, error) {
	if c.Server.TLSCert == "" {
		return listener, nil
	}
	pair, err := listen.OpenPair(c.Server.TLSCert, c.Server.TLSKey, log)
	if err != nil {
		return nil, c.Blame(fmt.Errorf("server.tlsCert %q with server.tlsKey %q: %w", c.Server.TLSCert, c.Server.TLSKey, err))
	}
	return tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: pair.Get,
	}), nil
}
