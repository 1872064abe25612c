package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

const (
	keysFresh = 5 * time.Minute // that keys which are elsewhere are used before they are asked for again
	keysStale = time.Hour       // and that they are used where nobody answers
)

// sourceVerifier verifies orders for a source of an agent. Keys that are elsewhere are asked for from time to time, so that
// one which is withdrawn there does not count here for long.
type sourceVerifier struct {
	run    *agentRun
	orders *orders

	mu       sync.Mutex
	verifier pattern.Verifier
	away     error     // keys that could not be reached; nil: all are there
	got      time.Time // the keys; zero: never
	asked    time.Time // for them
	fixed    bool      // no key is elsewhere
}

// refresh asks for the keys. Its error is a mistake of the configuration; that nobody answers is none.
func (v *sourceVerifier) refresh(ctx context.Context) error {
	made, _, away, err := v.run.app.verification(ctx, v.run.cmd, v.orders, orderFlags{})
	now := time.Now()
	if err != nil {
		return err
	}
	v.asked = now
	if away != nil {
		v.orders.warn("keys to verify orders with are away: %s", strings.ReplaceAll(away.Error(), "\n", "; "))
		if !v.got.IsZero() && now.Sub(v.got) < keysStale {
			v.away = away
			return nil // those of before
		}
	}
	made.Audience = audienceOf(v.orders.source, v.orders)
	v.verifier, v.away = made, away
	if away == nil {
		v.got = now
	}
	v.fixed = true
	said, _ := v.orders.of.Within(v.orders.config.Run.Verification)
	for _, k := range said.VerifyKeys {
		if reference, err := remote.ParseReference(string(k)); err == nil && reference.Fetched() && len(said.VerifyCommands) == 0 {
			v.fixed = false
		}
	}
	return nil
}

// now is the verifier as it is to be used now.
func (v *sourceVerifier) now(ctx context.Context) (pattern.Verifier, error, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	age := keysFresh
	if v.away != nil {
		age = 10 * time.Second // each order that comes must not wait for a server that is down
	}
	if !v.fixed && time.Since(v.asked) > age {
		if err := v.refresh(ctx); err != nil {
			return pattern.Verifier{}, nil, fmt.Errorf("%w: %w", agent.ErrUnverified, err)
		}
	}
	return v.verifier, v.away, nil
}

// open verifies an order. One whose key is not among those that are there, while others are away, is not refused.
func (v *sourceVerifier) open(ctx context.Context, raw []byte) (pattern.Opened, token.Report, error) {
	verifier, away, err := v.now(ctx)
	if err != nil {
		return pattern.Opened{}, nil, err
	}
	opened, report, err := verifier.Open(ctx, raw)
	if err != nil && away != nil && (errors.Is(err, token.ErrSignature) || errors.Is(err, token.ErrAlgorithm) || errors.Is(err, token.ErrKey) || errors.Is(err, pattern.ErrNoVerify)) {
		return pattern.Opened{}, nil, fmt.Errorf("%w: %w", agent.ErrUnverified, away)
	}
	return opened, report, err
}
