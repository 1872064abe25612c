package config

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/writ-run/writ/issuer"
)

// validate checks the values as far as that needs nothing but themselves.
func (c Config) validate() error {
	url := c.Issuer.URL
	if url == "" {
		url = "http://localhost"
	}
	if err := (issuer.Config{URL: url, Algorithm: c.Issuer.Algorithm, Identity: c.Issuer.Identity, Rate: c.Issuer.IntrospectRate}).Validate(); err != nil {
		return c.Blame(err)
	}
	if _, err := c.Issuer.Rotation.Parse(); err != nil {
		return c.Blame(err)
	}
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		return c.Blame(fmt.Errorf("server.listen %q: want HOST:PORT", c.Server.Listen))
	}
	if c.Server.TLSCert != "" && c.Server.TLSKey == "" {
		return c.Blame(fmt.Errorf("server.tlsCert %q has no server.tlsKey beside it", c.Server.TLSCert))
	}
	if c.Server.TLSKey != "" && c.Server.TLSCert == "" {
		return c.Blame(fmt.Errorf("server.tlsKey %q has no server.tlsCert beside it", c.Server.TLSKey))
	}
	for i, allow := range c.Server.SocketAllow {
		if allow.UID == nil {
			return c.Blame(fmt.Errorf("server.socketAllow[%d]: uid is missing", i))
		}
	}
	if runtimes := []string{"", "auto", "process", "oci"}; !slices.Contains(runtimes, c.Container.Runtime) {
		return c.Blame(fmt.Errorf("container.runtime %q: want %s", c.Container.Runtime, strings.Join(runtimes[1:], ", ")))
	}
	if c.Container.ImageCacheBytes < 0 {
		return c.Blame(fmt.Errorf("container.imageCacheBytes %d is negative", c.Container.ImageCacheBytes))
	}
	if networks := []string{"", "pasta", "host"}; !slices.Contains(networks, c.Container.Network) {
		return c.Blame(fmt.Errorf("container.network %q: want %s", c.Container.Network, strings.Join(networks[1:], " or ")))
	}
	return nil
}
