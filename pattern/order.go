package pattern

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/token"
)

// Order is the claims of a pattern token (the second seed): a Pattern's files, with what its build found out.
type Order struct {
	token.Registered
	BuildManifest string            `json:"etchaBuildManifest"`
	Bundle        Bundle            `json:"etchaPattern"`
	RunVars       map[string]any    `json:"etchaRunVars"`
	RunEnv        map[string]string `json:"etchaRunEnv,omitzero"` // what Etcha called RunVars before; it is read, never written
	Version       string            `json:"etchaVersion"`
}

// Vars are the run vars under both names, the newer winning.
func (o Order) Vars() map[string]any {
	vars := make(map[string]any, len(o.RunVars)+len(o.RunEnv))
	for name, value := range o.RunEnv {
		vars[name] = value
	}
	for name, value := range o.RunVars {
		vars[name] = value
	}
	return vars
}

// ErrNoPattern means that a token carries no Pattern: it is no order, whoever signed it.
var ErrNoPattern = errors.New("the token carries no etchaPattern, so it is no order")

// Validate checks what the claims must have to be an order's: a Pattern.
func (o *Order) Validate() error {
	if o.Bundle.Files == nil && o.Bundle.Entrypoint == "" {
		return ErrNoPattern
	}
	return o.Bundle.Validate()
}

// payload is an Order as it is written: members sorted, aud a text where there is one and a list where there are several,
// and only what is set of exp, iss, jti and sub, all as Etcha does.
type payload struct {
	Audience      any            `json:"aud,omitzero"`
	BuildManifest string         `json:"etchaBuildManifest"`
	Bundle        Bundle         `json:"etchaPattern"`
	RunVars       map[string]any `json:"etchaRunVars"`
	Version       string         `json:"etchaVersion"`
	Expiry        int64          `json:"exp,omitzero"`
	IssuedAt      int64          `json:"iat"`
	Issuer        string         `json:"iss,omitzero"`
	ID            string         `json:"jti,omitzero"`
	NotBefore     int64          `json:"nbf"`
	Subject       string         `json:"sub,omitzero"`
}

// Payload is the order's JSON: the same order gives the same bytes. What no verifier would take is an error.
func (o Order) Payload() ([]byte, error) {
	for _, claim := range []struct {
		name, property string
		value          token.NumericDate
	}{{"exp", "expiresIn", o.Expiry}, {"nbf", "notBefore", o.NotBefore}} {
		if claim.value < 0 || claim.value > latest || claim.name == "nbf" && claim.value == 0 {
			return nil, fmt.Errorf("%s: the token's %s would be %s; want a time from 1970 to 9999", claim.property, claim.name, utc(claim.value))
		}
	}
	p := payload{
		BuildManifest: o.BuildManifest, Bundle: o.Bundle, RunVars: o.Vars(), Version: o.Version,
		Expiry: int64(o.Expiry), IssuedAt: int64(o.IssuedAt), Issuer: o.Issuer, ID: o.ID, NotBefore: int64(o.NotBefore), Subject: o.Subject,
	}
	switch len(o.Audience) {
	case 0:
	case 1:
		p.Audience = o.Audience[0]
	default:
		p.Audience = []string(o.Audience)
	}
	text, err := json.Marshal(p, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("encode the order: %w", err)
	}
	if n := base64.RawURLEncoding.EncodedLen(len(text)); n > token.MaxOrderBytes-roomAround {
		return nil, fmt.Errorf("the order would have about %d bytes; at most %d are taken", n, token.MaxOrderBytes)
	}
	return text, nil
}

// latest is the last second that a NumericDate may be: the end of the year 9999.
const latest = 253402300799

// roomAround is what a token has beside its payload, at most.
const roomAround = 64 << 10

// Warnings are what is said of an order that can be signed, and that no machine will ever run or none will now.
func (o Order) Warnings() []string {
	built := o.IssuedAt.Time()
	switch {
	case o.Expiry == 0:
		return nil
	case !o.Expiry.Time().After(built):
		return []string{fmt.Sprintf("expiresIn: the order has expired already, at %s", utc(o.Expiry))}
	case o.Expiry <= o.NotBefore:
		return []string{fmt.Sprintf("expiresIn: the order expires at %s, and is not valid before %s: it never is", utc(o.Expiry), utc(o.NotBefore))}
	}
	return nil
}

func utc(d token.NumericDate) string { return d.Time().UTC().Format(time.RFC3339) }

// NewOrder makes the claims of an order out of a Pattern, its files and what its build Commands found out.
func NewOrder(p Pattern, b Bundle, manifest string, vars map[string]any, version string, now time.Time) Order {
	o := Order{BuildManifest: manifest, Bundle: b, RunVars: Vars(p.RunVars, vars), Version: version}
	for name, value := range p.RunEnv {
		if _, newer := o.RunVars[name]; !newer {
			o.RunVars[name] = value
		}
	}
	o.Issuer, o.Subject, o.ID, o.Audience = p.Issuer, p.Subject, p.ID, p.Audience
	o.IssuedAt = token.NumericDate(now.Unix())
	o.NotBefore = token.NumericDate(p.NotBefore.From(now).Unix())
	if p.ExpiresIn != 0 {
		o.Expiry = token.NumericDate(now.Add(p.ExpiresIn).Unix())
		if o.Expiry == 0 {
			o.Expiry = -1 // 0 would be never; neither is a time that a token can have
		}
	}
	return o
}
