package cli

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/config"
)

// keyClient fetches keys to verify with: by the authorities that httpClient names, and by nothing else that it says, since who
// can answer in a server's place could put in a key of his own. Nil: the default.
func keyClient(c config.Config) (*http.Client, error) {
	if c.HTTPClient.ServerCAs == "" && !c.HTTPClient.NoSystemCA {
		return nil, nil
	}
	made, err := authorities(c)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: fleet.Transport(made)}, nil
}

// authorities are those that httpClient trusts.
func authorities(c config.Config) (fleet.Config, error) {
	made := fleet.Config{NoSystemCA: c.HTTPClient.NoSystemCA}
	if c.HTTPClient.ServerCAs != "" {
		var err error
		if made.CAs, err = agent.ReadAuthorities(c.HTTPClient.ServerCAs); err != nil {
			return fleet.Config{}, c.Blame(fmt.Errorf("httpClient.serverCAs: %w", err))
		}
	}
	return made, nil
}

// reach is how other machines are reached: as httpClient says, and with further certificates that are pinned.
func reach(c config.Config, pins ...string) (fleet.Config, error) {
	h := c.HTTPClient
	made, err := authorities(c)
	if err != nil {
		return fleet.Config{}, err
	}
	made.SkipVerify = h.TLSSkipVerify
	for _, text := range slices.Concat(h.PinnedFingerprints, pins) {
		pin, err := agent.ParseFingerprint(text)
		if err != nil {
			return fleet.Config{}, err
		}
		made.Pins = append(made.Pins, [sha256.Size]byte(pin))
	}
	if h.CertificatePath != "" {
		certificate, err := tls.LoadX509KeyPair(h.CertificatePath, h.KeyPath)
		if err != nil {
			return fleet.Config{}, c.Blame(fmt.Errorf("httpClient.certificatePath %q with httpClient.keyPath %q: %w", h.CertificatePath, h.KeyPath, err))
		}
		made.Certificates = []tls.Certificate{certificate}
	}
	return made, nil
}
