package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/key"
)

// unset is the configuration in which nothing is set, as far as others may be put over it in part.
func unset() Config {
	return Config{
		Exec:       script.DefaultExec(),
		Run:        agent.Run{PushTimeout: 10 * time.Minute, WebhookTimeout: 10 * time.Minute},
		Lint:       Lint{Exclude: `(^|/)(writ|etcha)\.jsonnet$`},
		HTTPServer: agent.HTTPServer{ListenAddress: ":4000", SelfSignedCertificate: true, RateLimitConnections: agent.DefaultConnections},
		settings:   map[string]setting{},
	}
}

// defaults fills what nobody set.
func (l *loader) defaults() error {
	c := &l.config
	if c.Issuer.Algorithm == "" {
		c.Issuer.Algorithm = key.RS256
	}
	if c.Issuer.Rotation.Period == "" {
		c.Issuer.Rotation.Period = "7d"
	}
	if c.Issuer.Rotation.Cache == "" {
		c.Issuer.Rotation.Cache = "1h"
	}
	if c.Server.Listen == "" {
		c.Server.Listen = "127.0.0.1:8080"
	}
	var err error
	if c.Server.Data == "" {
		if c.Server.Data, err = l.userDirectory("XDG_DATA_HOME", ".local/share"); err != nil {
			return fmt.Errorf("server.data: %w", err)
		}
	}
	if c.Issuer.IdentityFile == "" {
		directory, err := l.userDirectory("XDG_CONFIG_HOME", ".config")
		if err != nil {
			return fmt.Errorf("issuer.identityFile: %w", err)
		}
		c.Issuer.IdentityFile = filepath.Join(directory, "identity.age-key")
	}
	if c.Server.Socket == "" {
		c.Server.Socket = filepath.Join(c.Server.Data, "writ.sock")
	}
	if c.Container.ImageCache == "" {
		directory, err := l.userDirectory("XDG_CACHE_HOME", ".cache")
		if err != nil {
			return fmt.Errorf("container.imageCache: %w", err)
		}
		c.Container.ImageCache = filepath.Join(directory, "images")
	}
	if c.Run.StateDir == "" {
		if c.Run.StateDir, err = l.userDirectory("XDG_STATE_HOME", ".local/state"); err != nil {
			return fmt.Errorf("run.stateDir: %w", err)
		}
	}
	return nil
}

// userDirectory is our part of a directory of the XDG Base Directory Specification.
func (l *loader) userDirectory(variable, below string) (string, error) {
	if base := l.environ[variable]; filepath.IsAbs(base) { // a relative one is to be ignored, the specification says
		return filepath.Join(base, "writ"), nil
	}
	home := l.environ["HOME"]
	if !filepath.IsAbs(home) {
		return "", errors.New("no default without a home directory: set it, or HOME")
	}
	return filepath.Join(home, below, "writ"), nil
}
