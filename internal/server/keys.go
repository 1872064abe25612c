package server

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
)

// Keys lists the keys of the data directory.
func Keys(_ context.Context, c config.Config) ([]issuer.KeyInfo, error) {
	if _, err := os.Stat(c.Server.Data); errors.Is(err, os.ErrNotExist) {
		return []issuer.KeyInfo{}, nil
	}
	ring, err := openRing(c, c.Server.Data, nil)
	if err != nil {
		return nil, err
	}
	return ring.List(), nil
}

// Rotated is what a rotation or a withdrawal did, and what comes of it.
type Rotated struct {
	Moves  []issuer.Move
	Static bool // keys wait for an export before they sign
}

// Rotate rotates the keys of the data directory, of some algorithms (none: all); see issuer.KeyRing. A server that has
// the directory notices by itself.
func Rotate(_ context.Context, c config.Config, algorithms []key.Algorithm, immediately, dryRun bool) (Rotated, error) {
	ring, err := openRing(c, c.Server.Data, nil)
	if err != nil {
		return Rotated{}, err
	}
	moves, err := ring.Rotate(algorithms, immediately, dryRun)
	return Rotated{moves, ring.Static()}, err
}

// Withdraw withdraws a key of the data directory.
func Withdraw(_ context.Context, c config.Config, id string) (Rotated, error) {
	ring, err := openRing(c, c.Server.Data, nil)
	if err != nil {
		return Rotated{}, err
	}
	static := ring.Static()
	moves, err := ring.Withdraw(id)
	return Rotated{moves, static}, err
}

// Export writes the discovery document and the key set of the data directory as static files, and returns their paths.
func Export(_ context.Context, c config.Config, directory string) ([]string, error) {
	url, err := standingURL(c)
	if err != nil {
		return nil, err
	}
	ring, err := openRing(c, c.Server.Data, nil)
	if err != nil {
		return nil, err
	}
	if _, err := ring.Signer(c.Issuer.Algorithm, time.Time{}); err != nil { // an empty set would help nobody
		return nil, err
	}
	return issuer.Export(directory, url, ring)
}

// ForgetExports says that nobody reads exported files any more, so that no key waits for them.
func ForgetExports(_ context.Context, c config.Config) error {
	ring, err := openRing(c, c.Server.Data, nil)
	if err != nil {
		return err
	}
	return ring.ForgetExports()
}
