// Package idtoken is the var source of Concourse that mints identity tokens: ((source:token)) is a token of the build
// that uses it, with the audience, subject scope, life and algorithm of the source's config.
//
// Invariant: no token is kept. Each Get mints one through the build's own session, so a source can never hand one
// build's identity to another.
package idtoken

import (
	"context"
	"fmt"
	"slices"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// Kind is the type idtoken. Its config, as Concourse documents it:
//
//	audience       list of strings, the token's aud; without it the run's first granted audience
//	subject_scope  team, pipeline (default), instance or job
//	expires_in     life, from 1s to 24h; default 1h
//	algorithm      RS256 (the issuer's default), ES256; ours: EdDSA
type Kind struct{}

// Validate checks a config.
func (Kind) Validate(config map[string]any) error {
	_, err := parse(config, false)
	return err
}

// Open returns a source that mints through s.
func (Kind) Open(_ context.Context, s *workload.Session, config map[string]any) (vars.Source, error) {
	request, err := parse(config, true)
	if err != nil {
		return nil, err
	}
	return &source{session: s, request: request}, nil
}

type source struct {
	session *workload.Session
	request workload.Request
}

// Get mints a token where r is ((source:token)); the source has no other var. An audience that the run's grant does not
// hold is refused by the minter.
func (s *source) Get(ctx context.Context, r vars.Ref) (any, bool, error) {
	if r.Path != "token" {
		return nil, false, nil
	}
	minted, err := s.session.Mint(ctx, s.request)
	if err != nil {
		return nil, false, fmt.Errorf("mint an identity token for audience %q: %w", s.request.Audience, err)
	}
	return minted.Token, true, nil
}

func parse(config map[string]any, final bool) (workload.Request, error) {
	f := vars.NewFields(config, final)
	request := workload.Request{
		Audience:  f.Strings("audience"),
		Scope:     workload.Scope(f.String("subject_scope")),
		Algorithm: key.Algorithm(f.String("algorithm")),
	}
	if slices.Contains(request.Audience, "") {
		f.Fail("audience", "an empty string; each audience names who may accept the token")
	} else if list, isList := config["audience"].([]any); isList && len(list) == 0 {
		f.Fail("audience", "an empty list; leave it out for the issuer's own audience, or name who may accept the token")
	}
	scopes := []workload.Scope{"", workload.ScopeTeam, workload.ScopePipeline, workload.ScopeInstance, workload.ScopeJob}
	if !slices.Contains(scopes, request.Scope) {
		f.Fail("subject_scope", "%q; it must be team, pipeline, instance or job", request.Scope)
	}
	if life, set := f.Duration("expires_in"); set {
		request.Life = life
		if workload.CheckLife(life) != nil {
			f.Fail("expires_in", "%v; it must be from 1s to 24h", config["expires_in"])
		}
	}
	if !slices.Contains([]key.Algorithm{"", key.RS256, key.ES256, key.EdDSA}, request.Algorithm) {
		f.Fail("algorithm", "%q; it must be RS256, ES256 or EdDSA", request.Algorithm)
	}
	return request, f.Err()
}
