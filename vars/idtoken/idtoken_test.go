package idtoken_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/idtoken"
	"github.com/writ-run/writ/workload"
	"github.com/writ-run/writ/workload/workloadtest"
)

func TestGetMints(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	var kind vars.Kind = idtoken.Kind{}
	config := map[string]any{"audience": []any{"sts.amazonaws.com", "b"}, "subject_scope": "job", "expires_in": "10m", "algorithm": "ES256"}
	if err := kind.Validate(config); err != nil {
		t.Fatal(err)
	}
	source, err := kind.Open(t.Context(), minter.Open(t), config)
	if err != nil {
		t.Fatal(err)
	}
	first, found, err := source.Get(t.Context(), vars.Ref{Source: "aws", Path: "token"})
	if err != nil || !found {
		t.Fatal(found, err)
	}
	second, _, err := source.Get(t.Context(), vars.Ref{Source: "aws", Path: "token"})
	if err != nil || first == second {
		t.Errorf("a second Get: %v, and the same token (%v): a token is never kept", err, first == second)
	}
	want := workload.Request{Audience: []string{"sts.amazonaws.com", "b"}, Life: 10 * time.Minute, Scope: workload.ScopeJob, Algorithm: key.ES256}
	if got := minter.Requests(); len(got) != 2 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("asked the minter for %+v, want twice %+v", got, want)
	}
	if _, found, err := source.Get(t.Context(), vars.Ref{Source: "aws", Path: "jwt"}); found || err != nil {
		t.Errorf("another var: %v, %v; want not found", found, err)
	}
}

// Two builds with one configuration: each gets its own identity.
func TestSourcesKeepIdentitiesApart(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	config := map[string]any{"audience": []any{"a"}}
	for _, team := range []string{"blue", "red"} {
		session, err := workload.Open(t.Context(), minter, workload.Subject{Team: team, Pipeline: "p", Job: "j"}, workload.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var minted []workload.Minted
		session.OnMint(func(m workload.Minted) { minted = append(minted, m) })
		source, err := idtoken.Kind{}.Open(t.Context(), session, config)
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := source.Get(t.Context(), vars.Ref{Path: "token"})
		if err != nil || len(minted) != 1 || value != minted[0].Token || minted[0].Claims.Team != team || minted[0].Claims.Subject != team+"/p" {
			t.Errorf("team %s: %v, claims %+v", team, err, minted)
		}
	}
}

func TestGetRefusedAudience(t *testing.T) {
	t.Parallel()
	minter := workloadtest.New(t)
	minter.SetGrant(workload.Grant{Enabled: true, Audiences: []string{"only-this"}, Restricted: true})
	source, err := idtoken.Kind{}.Open(t.Context(), minter.Open(t), map[string]any{"audience": []any{"other"}})
	if err != nil {
		t.Fatal(err)
	}
	_, found, err := source.Get(t.Context(), vars.Ref{Path: "token"})
	want := `mint an identity token for audience ["other"]: refused by the issuer: audience "other" is not granted to this run`
	if found || !errors.Is(err, workload.ErrRefused) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		field string
		value any
		want  string
	}{
		{"expires_in", "0", "expires_in: 0; it must be from 1s to 24h"},
		{"expires_in", 0, "expires_in: 0; it must be from 1s to 24h"},
		{"expires_in", "0s", "expires_in: 0s; it must be from 1s to 24h"},
		{"expires_in", "25h", "expires_in: 25h; it must be from 1s to 24h"},
		{"expires_in", "-1h", "expires_in: -1h; it must be from 1s to 24h"},
		{"expires_in", "1ms", "expires_in: 1ms; it must be from 1s to 24h"},
		{"expires_in", 3600, `expires_in: 3600: a duration needs a unit, as in "1h" or "90s"`},
		{"expires_in", "a day", `expires_in: "a day" is not a duration such as "1h" or "90s"`},
		{"audience", "sts.amazonaws.com", "audience: a string; it must be a list of strings"},
		{"audience", []any{"a", ""}, "audience: an empty string; each audience names who may accept the token"},
		{"audience", []any{}, "audience: an empty list; leave it out for the issuer's own audience, or name who may accept the token"},
		{"audience", []any{1}, "audience: item 1 is a number; it must be a list of strings"},
		{"subject_scope", "task", `subject_scope: "task"; it must be team, pipeline, instance or job`},
		{"subject_scope", "Team", `subject_scope: "Team"; it must be team, pipeline, instance or job`},
		{"algorithm", "HS256", `algorithm: "HS256"; it must be RS256, ES256 or EdDSA`},
		{"audiences", []any{"a"}, `unknown field "audiences"; did you mean "audience"?`},
		{"expiresin", "1h", `unknown field "expiresin"; did you mean "expires_in"?`},
	} {
		config := map[string]any{test.field: test.value}
		if err := (idtoken.Kind{}).Validate(config); fmt.Sprint(err) != test.want {
			t.Errorf("%s: %v: got  %v\nwant %s", test.field, test.value, err, test.want)
		}
		if _, err := (idtoken.Kind{}).Open(t.Context(), nil, config); fmt.Sprint(err) != test.want {
			t.Errorf("%s: %v: Open: %v", test.field, test.value, err)
		}
	}
	for _, config := range []map[string]any{{}, {"expires_in": "24h"}, {"expires_in": "1s"}, {"audience": "((aud))", "expires_in": "((life))"}, {"algorithm": "EdDSA"}} {
		if err := (idtoken.Kind{}).Validate(config); err != nil {
			t.Errorf("%v: %v", config, err)
		}
	}
}
