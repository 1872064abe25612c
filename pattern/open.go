package pattern

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
)

// Verifier says what an order has to pass. The zero Verifier refuses everything: nothing to verify with means refuse.
type Verifier struct {
	Keys key.OrderKeys

	// Commands hands the token to the configured verify commands and returns what they print. Nil: the keys count.
	Commands func(ctx context.Context, raw string) (printed string, err error)

	Rules    []policy.Rule
	Audience []string         // an order that has an aud must name one of these; "*": it may name anybody; nil: aud is reported as not checked
	Now      func() time.Time // nil: time.Now
}

// Opened is an order that has passed every check. Only Open makes one.
type Opened struct {
	order Order
	raw   []byte
	key   string
}

// Order returns the claims. Nothing in them must be changed.
func (o Opened) Order() Order { return o.order }

// Raw returns the token as it came, without a line break at its end. It must not be changed.
func (o Opened) Raw() []byte { return o.raw }

// Key returns the id of the key that it was verified with, or who vouched for it.
func (o Opened) Key() string { return o.key }

// vouchers is how verify commands are named in a report.
const vouchers = "the verify commands"

// Errors of Open beside those of package token.
var (
	ErrVouch    = errors.New("the verify commands do not take it")
	ErrNoVerify = errors.New("there is nothing to verify orders with")
)

// Open verifies a token and reads the order in it. The report lists every check in order, whatever the error.
func (v Verifier) Open(ctx context.Context, raw []byte) (Opened, token.Report, error) {
	raw = trimmed(raw)
	profile := token.Profile{AnyIssuer: true, AnyAudience: true, Required: []string{"iat"}, Now: v.Now}
	verified, report, err := v.verify(ctx, raw, profile)
	if v.Commands == nil && v.Keys.Empty() {
		return Opened{}, report, ErrNoVerify
	}
	if err != nil {
		return Opened{}, report, err
	}
	order := verified.Claims()
	audience, err := v.checkAudience(order.Audience)
	for i := range report {
		if report[i].Name == audience.Name { // listed as not checked, since token leaves that to here
			report[i] = audience
		}
	}
	_, rules, refused := policy.Allow(verified, v.Rules...)
	bundle := token.Check{Name: "pattern", Want: "a bundle of files with its entrypoint", Got: order.Bundle.Entrypoint, Outcome: token.Passed}
	invalid := order.Validate()
	if invalid != nil {
		bundle.Got, bundle.Outcome = invalid.Error(), token.Failed
	}
	report = append(append(report, rules...), bundle)
	if err := errors.Join(err, refused, invalid); err != nil {
		return Opened{}, report, err
	}
	return Opened{order, raw, verified.KeyID()}, report, nil
}

func (v Verifier) verify(ctx context.Context, raw []byte, p token.Profile) (token.Verified[Order], token.Report, error) {
	if v.Commands == nil {
		return token.VerifyOrder[Order](raw, v.Keys, p)
	}
	refused := func(name, want, got string, err error) (token.Verified[Order], token.Report, error) {
		return token.Verified[Order]{}, token.Report{{Name: name, Want: want, Got: got, Outcome: token.Failed}}, err
	}
	if _, err := token.ParseOrder(raw); err != nil { // the commands are handed tokens, not whatever a stranger has sent
		return refused("format", "a signed token", strings.TrimPrefix(err.Error(), token.ErrMalformed.Error()+": "), err)
	}
	failed := func(got string, err error) (token.Verified[Order], token.Report, error) {
		return refused("signature", "one that "+vouchers+" take", got, err)
	}
	printed, err := v.Commands(ctx, string(raw))
	switch printed = strings.TrimSpace(printed); {
	case err != nil:
		return failed("they failed", fmt.Errorf("%w: %w", ErrVouch, err))
	case printed == "":
		return failed("they printed no token as the event jwt", fmt.Errorf("%w: they printed no token as the event jwt", ErrVouch))
	case printed != string(raw):
		return failed("they printed another token", fmt.Errorf("%w: they printed another token than the one they were given", ErrVouch))
	}
	return token.VouchedOrder[Order](raw, vouchers, p)
}

// checkAudience: an order without aud is for everybody who trusts its key.
func (v Verifier) checkAudience(aud []string) (token.Check, error) {
	c := token.Check{Name: "aud", Want: strings.Join(v.Audience, " or "), Got: strings.Join(aud, ", "), Outcome: token.Passed}
	switch {
	case v.Audience == nil:
		c.Want, c.Outcome = "", token.Skipped
		return c, nil
	case len(aud) == 0:
		c.Got = "none, so everybody"
		return c, nil
	case slices.Contains(v.Audience, "*"):
		return c, nil
	}
	for _, one := range aud {
		if slices.Contains(v.Audience, one) {
			return c, nil
		}
	}
	c.Outcome = token.Failed
	return c, fmt.Errorf("%w: the order is for %s, and not for %s", token.ErrAudience, quoteAll(aud), quoteAll(v.Audience))
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = fmt.Sprintf("%.80q", text)
	}
	return strings.Join(quoted, " or ")
}
