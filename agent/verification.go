package agent

import (
	"errors"
	"fmt"
	"strings"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/policy"
)

// Verification is what an order has to pass.
type Verification struct {
	JWTRule        string        // expression over the order's claims that has to hold; empty: none
	VerifyCommands command.List  // print the order as the event jwt where they have verified it; in place of keys; nil: not said
	VerifyExec     *command.Exec // of VerifyCommands, in place of the main one; nil: the main one
	VerifyKeys     []Secret      // keys in any form: text, PEM, JWK; nil: not said, empty: none is trusted
}

// Required tells whether anything to verify with is there. Then an order that does not pass is refused, and without it
// every order is.
func (v Verification) Required() bool {
	return v.JWTRule != "" || v.VerifyCommands != nil || v.VerifyKeys != nil
}

// Within is what an order of a source has to pass, where v is what the source says and all what all sources have: keys
// add up, the rest is replaced. An exec is replaced only where the outer one allows it; false: it did not.
func (v Verification) Within(all Verification) (Verification, bool) {
	merged := all
	if v.JWTRule != "" {
		merged.JWTRule = v.JWTRule
	}
	if v.VerifyCommands != nil {
		merged.VerifyCommands = v.VerifyCommands
	}
	if v.VerifyKeys != nil {
		merged.VerifyKeys = append(append([]Secret{}, all.VerifyKeys...), v.VerifyKeys...)
	}
	switch {
	case v.VerifyExec == nil:
	case all.VerifyExec != nil && !all.VerifyExec.AllowOverride:
		return merged, false
	default:
		merged.VerifyExec = v.VerifyExec
	}
	return merged, true
}

func (v Verification) validate() error {
	problems := []error{v.VerifyCommands.Validate("verifyCommands")}
	if v.JWTRule != "" {
		if _, err := policy.Compile(v.JWTRule); err != nil {
			reason, _, _ := strings.Cut(err.Error(), "\n") // below it the rule is drawn, which is already there
			problems = append(problems, fmt.Errorf("jwtRule %q: %s", v.JWTRule, reason))
		}
	}
	if v.VerifyExec != nil {
		problems = append(problems, v.VerifyExec.Validate("verifyExec"))
	}
	for i, k := range v.VerifyKeys {
		if k == "" {
			problems = append(problems, fmt.Errorf("verifyKeys[%d] is empty", i))
		}
	}
	return errors.Join(problems...)
}
