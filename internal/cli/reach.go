package cli

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"slices"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/config"
)

// reach is how other machines are reached: as httpClient says, and with further certificates that are pinned.
func reach(c config.Config, pins ...string) (fleet.Config, error) {
	h := c.HTTPClient
	made := fleet.Config{SkipVerify: h.TLSSkipVerify, NoSystemCA: h.NoSystemCA}
	for _, text := range slices.Concat(h.PinnedFingerprints, pins) {
		pin, err := agent.ParseFingerprint(text)
		if err != nil {
			return fleet.Config{}, err
		}
		made.Pins = append(made.Pins, [sha256.Size]byte(pin))
	}
	if h.ServerCAs != "" {
		var err error
		if made.CAs, err = agent.ReadAuthorities(h.ServerCAs); err != nil {
			return fleet.Config{}, c.Blame(fmt.Errorf("httpClient.serverCAs: %w", err))
		}
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
