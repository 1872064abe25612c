package token_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
)

// Run is what this relying party wants to know: the registered claims, and those of its own choice.
type Run struct {
	token.Registered
	Team     string `json:"team"`
	Pipeline string `json:"pipeline"`
	Build    int64  `json:"buildid"`
}

// exampleTime is when the examples' tokens are issued and looked at.
var exampleTime = time.Unix(1_800_000_000, 0)

// issue is what the issuer does.
func issue(k key.Private, issuer string) string {
	at := token.NumericDate(exampleTime.Unix())
	raw, err := token.NewSigner(k).SignToken(context.Background(), "JWT", Run{
		Registered: token.Registered{Issuer: issuer, Subject: "infra/deploy", Audience: token.Audience{"https://registry.example.com"}, IssuedAt: at, NotBefore: at, Expiry: at + 600},
		Team:       "infra", Pipeline: "deploy", Build: 42,
	})
	if err != nil {
		panic(err)
	}
	return raw
}

// newKey makes an issuer's key.
func newKey() key.Private {
	k, err := key.Generate(key.EdDSA, "")
	if err != nil {
		panic(err)
	}
	return k
}

// With keys that are given: a JWKS, a JWK or PEM, out of a file.
func ExampleVerify() {
	signing := newKey()
	jwks, err := signing.Public().PEM() // what the file holds
	if err != nil {
		panic(err)
	}

	keys, err := key.ParseSet(jwks)
	if err != nil {
		panic(err)
	}
	profile := token.Profile{
		Issuer:   "https://ci.example.com",
		Audience: []string{"https://registry.example.com"},
		Now:      func() time.Time { return exampleTime }, // leave it out in earnest
	}
	verified, _, err := token.Verify[Run](context.Background(), issue(signing, "https://ci.example.com"), keys, profile)
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	fmt.Println("build", verified.Claims().Build, "of", verified.Claims().Subject)
	// Output: build 42 of infra/deploy
}

// With the keys that an issuer publishes: make one set for each issuer and keep it, since it caches.
func ExampleVerify_keysByURL() {
	signing := newKey()
	issuer := httptest.NewServer(published(signing)) // in earnest: https://ci.example.com
	defer issuer.Close()

	keys, err := remote.New(remote.Config{Issuer: issuer.URL})
	if err != nil {
		panic(err)
	}
	profile := token.Profile{
		Issuer:   issuer.URL,
		Audience: []string{"https://registry.example.com"},
		Now:      func() time.Time { return exampleTime },
	}
	verified, _, err := token.Verify[Run](context.Background(), issue(signing, issuer.URL), keys, profile)
	switch {
	case errors.Is(err, remote.ErrUnreachable): // not the token's fault: 503, say, and not 401
		fmt.Println("cannot tell:", err)
	case err != nil:
		fmt.Println("refused:", err)
	default:
		fmt.Println("team", verified.Claims().Team)
	}
	// Output: team infra
}

// published is discovery and key set of an issuer.
func published(k key.Private) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":"http://%s","jwks_uri":"http://%s/keys"}`, r.Host, r.Host)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		set, err := key.NewSet(k.Public())
		if err != nil {
			panic(err)
		}
		text, err := set.MarshalJSON()
		if err != nil {
			panic(err)
		}
		w.Write(text)
	})
	return mux
}

// A refused token's report names every check that failed, with what was wanted and what was found. It holds neither
// token nor secret. Tell strangers nothing of it: only where the signature holds did the issuer write the claims.
func ExampleReport() {
	signing := newKey()
	keys, err := key.NewSet(signing.Public())
	if err != nil {
		panic(err)
	}
	profile := token.Profile{
		Issuer:   "https://ci.example.com",
		Audience: []string{"https://vault.example.com"},
		Now:      func() time.Time { return exampleTime.Add(time.Hour) },
	}
	_, report, err := token.Verify[Run](context.Background(), issue(signing, "https://ci.example.com"), keys, profile)
	for _, check := range report {
		if check.Outcome == token.Failed || check.Outcome == token.Passed && check.Name == "signature" {
			fmt.Printf("%s %s: want %s, got %s\n", check.Name, check.Outcome, check.Want, check.Got)
		}
	}
	fmt.Println("expired:", errors.Is(err, token.ErrExpired), "- another audience:", errors.Is(err, token.ErrAudience))
	fmt.Println("may say why:", report.SignatureHolds())
	// Output:
	// signature passed: want of that key, got it holds
	// aud failed: want "https://vault.example.com", got "https://registry.example.com"
	// exp failed: want after 2027-01-15T09:00:00Z, got 2027-01-15T08:10:00Z
	// expired: true - another audience: true
	// may say why: true
}
