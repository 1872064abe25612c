// Package workload says who a run is: its Subject, the identity claims made of it, and the Session through which it mints.
//
//	Open(minter, subject) --> Session --Mint--> token ... --Close--> every token of it turns inactive
//	                             \--Task--> Session of one task of that build, closed with it
package workload

import (
	"context"
	"time"

	"github.com/writ-run/writ/key"
)

// RunID is the handle of a registered run: a secret between its minter and its session (never a claim, never logged).
type RunID string

// IDs are the stable numbers of a run: a name keeps its id, no two builds share a BuildID.
type IDs struct {
	TeamID     int64 `json:"teamid"`
	PipelineID int64 `json:"pipelineid,omitzero"`
	JobID      int64 `json:"jobid,omitzero"`
	BuildID    int64 `json:"buildid"`
}

// Limits bound a run.
type Limits struct {
	Life time.Duration // no token outlives this from Begin on (a task's own timeout); 0: no limit
}

// Run is a registered run, as its minter knows it.
type Run struct {
	ID     RunID
	IDs    IDs
	Build  string // the build's name within its job, "42"
	Issuer string // issuer URL
	Grant  Grant
}

// Grant is what issuer.identity gives to a run: what delivery puts into it and which audiences it may ask for.
type Grant struct {
	Enabled    bool     `json:"enabled"`              // false: the run has no identity; Mint refuses
	Env        bool     `json:"env"`                  // CONCOURSE_CI_JWT is set
	Audiences  []string `json:"audiences"`            // what api.sock gives; the first is the delivered token's aud. Default [issuer URL]
	Restricted bool     `json:"restricted,omitempty"` // the rule named its audiences: the issuer refuses any other, also for var sources
	Files      []File   `json:"files,omitempty"`      // further audiences, each a file under /run/writ
}

// File is a further token in /run/writ.
type File struct {
	Path     string `json:"path"` // one path element
	Audience string `json:"audience"`
}

// Request asks for one token.
type Request struct {
	Audience  []string      // empty: the grant's first
	Life      time.Duration // 0: the issuer's default (1 h); more than 24 h or negative is refused
	Scope     Scope
	Algorithm key.Algorithm // empty: the issuer's default
}

// Minted is a token just minted. It prints without its token.
type Minted struct {
	Token  string
	Claims Identity
}

// Minter registers runs and mints their identity tokens: the issuer in this process, or api.Client.
type Minter interface {
	Begin(ctx context.Context, s Subject, l Limits) (Run, error)
	Mint(ctx context.Context, id RunID, q Request) (Minted, error)
	End(ctx context.Context, id RunID) error
}

// Renewer is a Minter that can tell when tokens have lost their worth before they expire: the key that signed them was
// withdrawn.
type Renewer interface {
	// Renewal returns a channel that is closed at the next withdrawal, after which it returns another. Nil: it cannot tell.
	Renewal(id RunID) <-chan struct{}
}
