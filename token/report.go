package token

import (
	"errors"
	"fmt"
	"strings"
)

// What a verification fails for. errors.Is finds every one that applies, not only the first.
var (
	ErrMalformed   = errors.New("malformed token")
	ErrType        = errors.New("wrong type of token")
	ErrCritical    = errors.New("critical header parameter that is not understood")
	ErrAlgorithm   = errors.New("algorithm is not allowed")
	ErrKey         = errors.New("unknown key")
	ErrSignature   = errors.New("signature does not hold")
	ErrClaims      = errors.New("claims cannot be read")
	ErrRequired    = errors.New("required claim is missing")
	ErrIssuer      = errors.New("wrong issuer")
	ErrAudience    = errors.New("wrong audience")
	ErrNotYetValid = errors.New("not yet valid")
	ErrExpired     = errors.New("expired")
	ErrLife        = errors.New("life is too long")
	ErrProfile     = errors.New("profile does not say what to check") // the verifier's mistake, not the token's
)

// Outcome of a check.
type Outcome string

// The outcomes of a check.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // not checked: not asked for, or an earlier check failed
)

// Check is one line of a Report. Name is a stable code: format, type, crit, algorithm, key, signature, claims, iss,
// aud, nbf, exp, life, iat (of orders), required, rule; profile where the Profile itself is wrong. Want and Got never hold a token or a secret.
type Check struct {
	Name    string  `json:"name"`
	Want    string  `json:"want,omitempty"`
	Got     string  `json:"got,omitempty"`
	Outcome Outcome `json:"outcome"`
}

// Report lists every check in order; introspection, show and verify print the same list.
type Report []Check

// SignatureHolds tells whether the signature was checked and holds. Only then do the claims come from the issuer, and
// only then may a refusal say more than "no".
func (r Report) SignatureHolds() bool {
	for _, c := range r {
		if c.Name == "signature" {
			return c.Outcome == Passed
		}
	}
	return false
}

// Failed returns the checks that failed.
func (r Report) Failed() []Check {
	var failed []Check
	for _, c := range r {
		if c.Outcome == Failed {
			failed = append(failed, c)
		}
	}
	return failed
}

// Error is a refused token: the checks that failed, and why.
type Error struct {
	Failed []Check
	causes []error
}

// Error names every failed check with expected against got.
func (e *Error) Error() string {
	var out strings.Builder
	for i, c := range e.Failed {
		if i > 0 {
			out.WriteString("; ")
		}
		fmt.Fprintf(&out, "%s: want %s, got %s", c.Name, c.Want, c.Got)
	}
	return out.String()
}

// Unwrap returns a sentinel of this package for every failed check, and what a key set answered.
func (e *Error) Unwrap() []error { return e.causes }

// reporter collects a Report and the causes of what failed.
type reporter struct {
	report Report
	causes []error
}

func (r *reporter) pass(name, want, got string) {
	r.report = append(r.report, Check{name, want, got, Passed})
}

func (r *reporter) skip(name, want string) {
	r.report = append(r.report, Check{Name: name, Want: want, Outcome: Skipped})
}

func (r *reporter) fail(name, want, got string, causes ...error) {
	r.report = append(r.report, Check{name, want, got, Failed})
	r.causes = append(r.causes, causes...)
}

// err is the Error of what failed, or nil.
func (r *reporter) err() error {
	if len(r.causes) == 0 {
		return nil
	}
	return &Error{Failed: r.report.Failed(), causes: r.causes}
}
