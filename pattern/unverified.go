package pattern

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/token"
)

// Unverified is what a token says, whoever signed it: to be shown and compared, and rendered with nothing in reach. What
// runs is an Opened.
type Unverified struct {
	token token.Unverified
	raw   []byte
	order func() (Order, error) // decoded when it is asked for
}

// Decode reads a token without checking it. An error is one of a text that is no token; that its claims are no order's is
// an error of Order. raw is kept, and must not be changed.
func Decode(raw []byte) (Unverified, error) {
	raw = trimmed(raw)
	decoded, err := token.ParseOrder(raw)
	if err != nil {
		return Unverified{}, err
	}
	return Unverified{decoded, raw, sync.OnceValues(func() (o Order, err error) {
		if err := json.Unmarshal(decoded.Payload(), &o); err != nil {
			return Order{}, claimsError(err)
		}
		if err := o.Validate(); err != nil {
			return Order{}, err
		}
		return o, nil
	})}, nil
}

// BundleOf returns the files in the claims of an order; none where there are none that can be read.
func BundleOf(payload []byte) Bundle {
	var readable struct {
		Bundle Bundle `json:"etchaPattern"`
	}
	if json.Unmarshal(payload, &readable) != nil {
		return Bundle{}
	}
	return readable.Bundle
}

// ErrClaims means that a token's claims are not of the types that an order's have.
var ErrClaims = errors.New("the claims are not an order's")

// claimsError says which claim has another type.
func claimsError(err error) error {
	var wrong *json.SemanticError
	if !errors.As(err, &wrong) {
		return ErrClaims
	}
	reason := "of the wrong type"
	if wrong.Err != nil {
		reason = wrong.Err.Error()
	}
	return fmt.Errorf("%w: %.80q: %s", ErrClaims, strings.TrimPrefix(string(wrong.JSONPointer), "/"), reason)
}

// Header returns the header's JSON as it stands in the token.
func (u Unverified) Header() []byte { return u.token.Header() }

// Payload returns the claims' JSON as it stands in the token.
func (u Unverified) Payload() []byte { return u.token.Payload() }

// Order returns the claims, or why they are no order's. Nothing in them must be changed.
func (u Unverified) Order() (Order, error) { return u.order() }

// Render is Opened.Render without native functions that reach anything but the environment's vars.
func (u Unverified) Render(ctx context.Context, e Environment) (Pattern, error) {
	order, err := u.Order()
	if err != nil {
		return Pattern{}, err
	}
	e.Access = jsonnet.Access{}
	return order.render(ctx, u.raw, e)
}

// Render evaluates the order's Pattern from its own files and nothing else, in a process of its own. The order's run vars
// are under the environment's, over all is the token itself as the var "jwt", and what native functions kept of the build
// is there.
func (o Opened) Render(ctx context.Context, e Environment) (Pattern, error) {
	return o.order.render(ctx, o.raw, e)
}

func (o Order) render(ctx context.Context, raw []byte, e Environment) (Pattern, error) {
	e.Vars = Vars(o.Vars(), e.Vars, map[string]any{"jwt": string(raw)})
	e.Access.Cache = KeptBy(o.RunVars)
	e.Apart = true
	return Render(ctx, o.Bundle.Program(), e)
}

// trimmed is a token without the line break that ends its file.
func trimmed(raw []byte) []byte { return bytes.TrimRight(raw, "\r\n") }
