package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"

	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
)

func claims() map[string]any {
	return map[string]any{
		"team": "infra", "teamid": float64(7), "pipeline": "deploy", "aud": []any{"vault", "aws"}, "privileged": false,
		"instance_vars": map[string]any{"env": "prod", "region": map[string]any{"name": "eu"}}, "nothing": nil,
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`team == "infra"`:                        true,
		`team == "other"`:                        false,
		`team == "infra" && runtime == "oci"`:    false, // missing
		`teamid == 7`:                            true,
		`teamid >= 7 and not privileged`:         true,
		`"vault" in aud`:                         true,
		`"vaul" in aud`:                          false,
		`any(aud, # == "aws")`:                   true,
		`all(aud, # matches "vault|aws")`:        true,
		`len(aud) == 2`:                          true,
		`aud[0] == "vault"`:                      true,
		`aud[5] == "vault"`:                      false, // missing
		`instance_vars.env == "prod"`:            true,
		`instance_vars["env"] == "prod"`:         true,
		`instance_vars.region.name == "eu"`:      true,
		`instance_vars.zone == "x"`:              false, // missing
		`instance_vars.zone != "x"`:              false, // missing
		`runtime != "process"`:                   false, // missing
		`not (runtime == "process")`:             false, // missing
		`runtime == nil`:                         false, // missing
		`has("runtime") && runtime == "oci"`:     false,
		`!has("runtime") || runtime == "oci"`:    true,
		`has("instance_vars.env")`:               true,
		`has("instance_vars.zone")`:              false,
		`has("instance_vars.region.name.deep")`:  false,
		`pipeline matches "dep"`:                 false, // anchored
		`pipeline matches "dep.*"`:               true,
		`pipeline matches "x|deploy"`:            true,
		`pipeline matches "deploy\nx"`:           false,
		`pipeline matches "(?m)^deploy$"`:        true,
		`pipeline startsWith "dep"`:              true,
		`lower(team) == "infra"`:                 true,
		`team in ["infra", "platform"]`:          true,
		`nothing == nil`:                         true,
		`true`:                                   true,
		`team`:                                   false, // not boolean
		`teamid`:                                 false,
		`team > 5`:                               false, // cannot be computed
		`privileged == false ? true : false`:     true,
		`team.name == "x"`:                       false, // a string has no members
		`Claim == "x"`:                           false, // a claim of that name, missing
		`instance_vars.region.name matches "e."`: true,
	} {
		rule, err := policy.Compile(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := rule.Eval(claims()); got != want {
			t.Errorf("%s: %v (%v), want %v", source, got, err, want)
		}
	}
}

func TestMissingClaimIsNamed(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`runtime == "oci"`: "runtime", `instance_vars.zone == "x"`: "zone", `aud[9] == ""`: "[9]",
	} {
		rule, err := policy.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		_, err = rule.Eval(claims())
		var missing *policy.MissingError
		if !errors.As(err, &missing) || missing.Claim != want {
			t.Errorf("%s: error %v, want the missing %q", source, err, want)
		}
	}
}

// TestNotBoolean: what a rule gives that is neither true nor false is named in the words of JSON.
func TestNotBoolean(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"team":                          "the rule gives a string, not true or false",
		"teamid":                        "the rule gives a number, not true or false",
		"aud":                           "the rule gives a list, not true or false",
		"instance_vars":                 "the rule gives an object, not true or false",
		`privileged ? aud : teamid`:     "the rule gives a number, not true or false",
		`team.name == "x"`:              "a string has no members",
		`teamid.name == "x"`:            "a number has no members",
		`instance_vars.zone == aud[40]`: "missing",
	} {
		rule, err := policy.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rule.Eval(claims()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

func TestRefusedWhenCompiled(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"":                                    "empty",
		"  ":                                  "empty",
		"team ==":                             "unexpected token",
		`"infra"`:                             "expected bool",
		`1 + 2`:                               "expected bool",
		`len(aud)`:                            "expected bool",
		`team matches pipeline`:               "literal pattern",
		`team matches "("`:                    "pattern",
		`now() > 1`:                           "now",
		`fromJSON("1") == 1`:                  "fromJSON",
		`foo(team)`:                           "foo is not a function",
		`Claim("team") == "x"`:                "Claim is not a function",
		`team.foo()`:                          "not a function",
		`any(1..1000000000, # == 1)`:          "ranges",
		`let x = 1; x == 1`:                   "not allowed",
		`instance_vars?.env == "x"`:           "not allowed",
		`(runtime ?? "oci") == "oci"`:         "not allowed",
		`has(team)`:                           "has takes a claim's name",
		`has("a", "b")`:                       "has takes one claim",
		`has("")`:                             "has takes a claim's name",
		`$env == nil`:                         "",
		strings.Repeat("a", 5000):             "at most 4096",
		strings.Repeat("true && ", 500) + "1": "",
	} {
		if _, err := policy.Compile(source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want one with %q", source, err, want)
		}
	}
}

func TestAudienceIsAlwaysAList(t *testing.T) {
	t.Parallel()
	rule, err := policy.Compile(`"vault" in aud && len(aud) == 1`)
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{"aud": "vault"}
	if holds, err := rule.Eval(c); !holds {
		t.Errorf("one audience as text: %v, %v", holds, err)
	}
	if c["aud"] != "vault" {
		t.Error("Eval changed its claims")
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	t.Parallel()
	if holds, err := (policy.Rule{}).Eval(claims()); holds || err == nil {
		t.Errorf("the zero Rule: %v, %v", holds, err)
	}
	if _, _, err := policy.Allow(token.Verified[workload.Identity]{}); err == nil {
		t.Error("a zero Verified is allowed")
	}
}

// verified mints and verifies a token as the benchmarks and TestAllow use it.
func verified(t testing.TB, algorithm key.Algorithm) (key.Private, key.Set, string) {
	t.Helper()
	k, err := key.Generate(algorithm, "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.NewSet(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	subject := workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release", Task: "build", Step: "build", Attempt: 1, Runtime: "process"}
	c := workload.NewIdentity(subject, workload.IDs{TeamID: 1, PipelineID: 2, JobID: 3, BuildID: 4}, "4")
	at := token.NumericDate(time.Now().Unix())
	c.Registered = token.Registered{
		Issuer: "https://ci.example.com", Subject: "infra/deploy", Audience: token.Audience{"https://vault.example.com"},
		IssuedAt: at, NotBefore: at, Expiry: at + 3600, ID: "0123456789abcdef.0123456789abcdef",
	}
	raw, err := token.NewSigner(k).SignToken(t.Context(), "JWT", c)
	if err != nil {
		t.Fatal(err)
	}
	return k, keys, raw
}

func TestAllow(t *testing.T) {
	t.Parallel()
	_, keys, raw := verified(t, key.EdDSA)
	v, _, err := token.Verify[workload.Identity](t.Context(), raw, keys, token.Profile{AnyIssuer: true, AnyAudience: true})
	if err != nil {
		t.Fatal(err)
	}
	rules := func(sources ...string) (rules []policy.Rule) {
		for _, s := range sources {
			r, err := policy.Compile(s)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, r)
		}
		return rules
	}
	allowed, report, err := policy.Allow(v, rules(`team == "infra"`, `"https://vault.example.com" in aud`)...)
	if err != nil || allowed.Claims().Team != "infra" || len(report) != 2 {
		t.Errorf("Allow: %v, %v", report, err)
	}
	allowed, report, err = policy.Allow(v, rules(`team == "infra"`, `team == "x"`, `image_digest == "y"`)...)
	if !errors.Is(err, policy.ErrRule) || allowed.Claims().Team != "" || len(report.Failed()) != 2 {
		t.Errorf("Allow: %v, %v, want two failed rules and no claims", report, err)
	}
	if !strings.Contains(err.Error(), `the claim "image_digest" is missing`) {
		t.Errorf("error %v does not name the missing claim", err)
	}
}

// FuzzCompile: whatever compiles evaluates without a panic, and refuses where claims are missing altogether.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{`team == "infra"`, `any(aud, # matches "a.*")`, `has("x") && x.y[0] == 1`, `a ? b : c`, `-a`, `{"a": 1}.a == 1`, `[1][0] == 1`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		rule, err := policy.Compile(source)
		if err != nil {
			return
		}
		rule.Eval(claims())
		rule.Eval(nil)
	})
}

// BenchmarkVerify: a token verified with one rule, at most 1.25 x the raw signature check for RS256, 1.15 x for EdDSA.
func BenchmarkVerify(b *testing.B) {
	for _, test := range []struct {
		algorithm key.Algorithm
		limit     float64
	}{{key.RS256, 1.25}, {key.EdDSA, 1.15}} {
		b.Run(string(test.algorithm), func(b *testing.B) {
			k, keys, raw := verified(b, test.algorithm)
			rule, err := policy.Compile(`team == "infra" && pipeline matches "dep.*"`)
			if err != nil {
				b.Fatal(err)
			}
			input := []byte(raw[:strings.LastIndexByte(raw, '.')])
			signature, err := k.Sign(b.Context(), input)
			if err != nil {
				b.Fatal(err)
			}
			profile := token.Profile{Issuer: "https://ci.example.com", Audience: []string{"https://vault.example.com"}}
			ratio.Run(b, test.limit,
				func() error { return rawVerify(k.Public(), input, signature) },
				func() error {
					v, _, err := token.Verify[workload.Identity](b.Context(), raw, keys, profile)
					if err != nil {
						return err
					}
					_, _, err = policy.Allow(v, rule)
					return err
				})
		})
	}
}

func rawVerify(k key.Public, input, signature []byte) error {
	switch pub := k.Crypto().(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.VerifyWithOptions(pub, input, signature, &ed25519.Options{})
	}
	return errors.New("no floor for this key")
}
