package pattern

import (
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

// Validate checks what a verified token must have to be an order: a Pattern and the time when it was made.
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

// Payload is the order's JSON: the same order gives the same bytes.
func (o Order) Payload() ([]byte, error) {
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
	return text, nil
}

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
	}
	return o
}
