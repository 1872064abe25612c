package issuer_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// BenchmarkMint: at most 1.05 x the raw RSA signature, 1.35 x the raw Ed25519 signature.
func BenchmarkMint(b *testing.B) {
	for algorithm, limit := range map[key.Algorithm]float64{key.RS256: 1.05, key.EdDSA: 1.35} {
		b.Run(string(algorithm), func(b *testing.B) {
			w := newWorld(b, func(c *issuer.Config) { c.Log = nil })
			id := w.open(b, subject(), workload.Limits{}).Run().ID
			request := workload.Request{Algorithm: algorithm}
			minted, err := w.Mint(b.Context(), id, request)
			if err != nil {
				b.Fatal(err)
			}
			input := []byte(minted.Token[:strings.LastIndexByte(minted.Token, '.')])
			raw, err := key.Generate(algorithm, "")
			if err != nil {
				b.Fatal(err)
			}
			ratio.Run(b, limit,
				func() error { _, err := raw.Sign(b.Context(), input); return err },
				func() error { _, err := w.Mint(b.Context(), id, request); return err })
		})
	}
}

// BenchmarkIntrospect (RS256, from memory, keep-alive): at most 3 x a handler that does the raw verification alone.
func BenchmarkIntrospect(b *testing.B) {
	w := newWorld(b, func(c *issuer.Config) { c.Log, c.Rate = nil, 1e12 })
	minted := w.minted(b, workload.Request{})
	last := strings.LastIndexByte(minted.Token, '.')
	input := []byte(minted.Token[:last])
	signature, err := base64.RawURLEncoding.DecodeString(minted.Token[last+1:])
	if err != nil {
		b.Fatal(err)
	}
	public, is := w.ring.Set().Keys()[0].Crypto().(*rsa.PublicKey)
	if !is {
		b.Fatal("the key is not RSA")
	}
	body := url.Values{"token": {minted.Token}}.Encode()
	raw := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		sum := sha256.Sum256(input)
		if rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) != nil {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		rw.Write([]byte(`{"active":true}`))
	})
	post := func(address string) func() error {
		return request(func() (*http.Request, error) {
			r, err := http.NewRequest("POST", address+"/introspect", strings.NewReader(body))
			if err == nil {
				r.Header.Set("Content-Type", form)
			}
			return r, err
		}, `{"active":true`)
	}
	ratio.Run(b, 3, post(start(b, raw)), post(start(b, w.handler)))
}

// BenchmarkJWKS: at most 1.1 x a handler that writes static bytes.
func BenchmarkJWKS(b *testing.B) {
	w := newWorld(b, func(c *issuer.Config) { c.Log = nil })
	text, err := w.ring.Set().MarshalJSON()
	if err != nil {
		b.Fatal(err)
	}
	static := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", jsonType)
		rw.Write(text)
	})
	get := func(address string) func() error {
		return request(func() (*http.Request, error) { return http.NewRequest("GET", address+"/.well-known/jwks.json", nil) }, `{"keys":[`)
	}
	ratio.Run(b, 1.1, get(start(b, static)), get(start(b, w.handler)))
}

// start serves on loopback.
func start(b *testing.B, handler http.Handler) string {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return server.URL
}

// request sends one request over a connection that stays open.
func request(make func() (*http.Request, error), want string) func() error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1, DisableCompression: true}}
	return func() error {
		r, err := make()
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(text), want) {
			return errors.New(fmt.Sprint(answer.Status, " ", string(text)))
		}
		return nil
	}
}
