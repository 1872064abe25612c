package token_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
)

// authenticated lets in who has a good token. A handler that takes a Verified cannot be called without one.
func authenticated(keys token.KeySet, p token.Profile, next func(http.ResponseWriter, *http.Request, token.Verified[Run])) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || len(r.Header.Values("Authorization")) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "a token is wanted", http.StatusUnauthorized)
			return
		}
		verified, _, err := token.Verify[Run](r.Context(), raw, keys, p)
		if errors.Is(err, remote.ErrUnreachable) || errors.Is(err, token.ErrProfile) {
			http.Error(w, "the token cannot be checked", http.StatusServiceUnavailable)
			return
		}
		if err != nil { // log err and the report; tell the caller nothing
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "the token is refused", http.StatusUnauthorized)
			return
		}
		next(w, r, verified)
	})
}

// A middleware for net/http.
func Example_middleware() {
	signing := newKey()
	keys, err := key.NewSet(signing.Public())
	if err != nil {
		panic(err)
	}
	profile := token.Profile{
		Issuer:   "https://ci.example.com",
		Audience: []string{"https://registry.example.com"},
		Now:      func() time.Time { return exampleTime },
	}
	handler := authenticated(keys, profile, func(w http.ResponseWriter, r *http.Request, run token.Verified[Run]) {
		fmt.Fprintf(w, "hello, %s", run.Claims().Subject)
	})

	good := issue(signing, "https://ci.example.com")
	for _, authorization := range []string{"", "Bearer " + good, "Bearer " + good[:len(good)-4] + "AAAA"} {
		request := httptest.NewRequest("GET", "/", nil)
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Println(answer.Code, strings.TrimSpace(answer.Body.String()))
	}
	// Output:
	// 401 a token is wanted
	// 200 hello, infra/deploy
	// 401 the token is refused
}
