// Package api is what goes over Writ's two Unix sockets and to its agents: the structs, and the Client of the issuer's.
//
// The issuer's socket registers and mints for any run that its peer may claim, and is never given to one:
//
//	POST   /v1/runs             BeginRequest -> one line of Run, and then the connection stays open: the run ends with it.
//	                            A line of Notice may follow at any time
//	POST   /v1/runs/{id}/tokens MintRequest  -> MintAnswer
//	DELETE /v1/runs/{id}        ends the run
//	GET    /v1/health           204
//
// A run's own api.sock speaks for that run alone: POST /identity, IdentityRequest -> IdentityAnswer.
//
// An agent takes orders over the network, from whoever can sign them (push.go): POST /etcha/v1/push/{source} -> Pushed.
package api

import (
	"time"

	"github.com/writ-run/writ/workload"
)

// The bounds of what is sent.
const (
	MaxRequest = 256 << 10 // bytes of a request; instance vars are the only large part
	MaxAnswer  = 1 << 20
)

// Error is the body of every answer that is not a success.
type Error struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// BeginRequest registers a run.
type BeginRequest struct {
	Subject workload.Subject `json:"subject"`
	Life    string           `json:"life,omitempty"` // a Go duration; empty: no limit
}

// Run is a registered run.
type Run struct {
	ID     string         `json:"id"` // the handle; secret
	IDs    workload.IDs   `json:"ids"`
	Build  string         `json:"build"`
	Issuer string         `json:"issuer"`
	Grant  workload.Grant `json:"grant"`
}

// Notice is what a server tells a registered run of its own accord. Unknown members are to be ignored.
type Notice struct {
	Renew bool `json:"renew,omitempty"` // a key was withdrawn: tokens should be minted anew
}

// MintRequest asks for one token of a registered run.
type MintRequest struct {
	Audience  []string `json:"audience,omitempty"`
	Life      string   `json:"life,omitempty"`
	Scope     string   `json:"scope,omitempty"`
	Algorithm string   `json:"algorithm,omitempty"`
}

// MintAnswer is a token with its claims.
type MintAnswer struct {
	Token  string            `json:"token"`
	Claims workload.Identity `json:"claims"`
}

// IdentityRequest asks a run's api.sock for a token.
type IdentityRequest struct {
	Audience  []string `json:"audience,omitempty"`
	ExpiresIn string   `json:"expires_in,omitempty"`
}

// IdentityAnswer is the token that api.sock gives.
type IdentityAnswer struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}
