// Package policy holds rules over verified claims. A rule is an expression that must be true; whatever cannot be decided
// refuses.
//
// Invariant: an Allowed exists only where a token was verified and every rule held. Expressions see the claims and
// nothing else: no clock, no environment, no functions with effects; their size and what they allocate is bounded.
//
//	token.Verified ──Allow(rules)──▶ Allowed
//	                    └─ false, not boolean, missing claim, error ──▶ refused, and the report says which rule
package policy

import (
	"errors"
	"fmt"

	"github.com/writ-run/writ/token"
)

// ErrRule is the cause of a refusal by a rule.
var ErrRule = errors.New("rule does not hold")

// MissingError is a claim that a rule reads and the token does not have.
type MissingError struct{ Claim string }

func (e *MissingError) Error() string { return fmt.Sprintf("the claim %q is missing", e.Claim) }

// Hint says how a rule may ask for a claim that is not always there.
func (e *MissingError) Hint() string {
	return fmt.Sprintf("for a claim that is not always there: has(%q) && ...", e.Claim)
}

// Allowed holds claims that were verified and that every rule allows. Only Allow makes one.
type Allowed[C token.Claims] struct{ verified token.Verified[C] }

// Claims returns the claims.
func (a Allowed[C]) Claims() C { return a.verified.Claims() }

// Allow checks every rule against a verified token's claims. The report has a check "rule" for each. Without rules a
// verified token is allowed; a zero Verified never is.
func Allow[C token.Claims](v token.Verified[C], rules ...Rule) (Allowed[C], token.Report, error) {
	if v.Payload() == nil {
		return Allowed[C]{}, nil, errors.New("nothing was verified")
	}
	var report token.Report
	var refusal error
	for _, r := range rules {
		holds, err := r.evalMembers(v)
		check := token.Check{Name: "rule", Want: r.source, Got: "true", Outcome: token.Passed}
		if !holds {
			check.Got, check.Outcome = "false", token.Failed
			if err != nil {
				check.Got = err.Error()
				refusal = errors.Join(refusal, fmt.Errorf("%w: %s: %w", ErrRule, r.source, err))
			} else {
				refusal = errors.Join(refusal, fmt.Errorf("%w: %s", ErrRule, r.source))
			}
		}
		report = append(report, check)
	}
	if refusal != nil {
		return Allowed[C]{}, report, refusal
	}
	return Allowed[C]{v}, report, nil
}
