package token_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// sizedOrder is the payload of an order of about size bytes in base64, with files of 500 bytes.
func sizedOrder(size int) string {
	var files []string
	for n := range max(1, size*3/4/540) {
		files = append(files, fmt.Sprintf(`"/lib/file%d.libsonnet":%q`, n, strings.Repeat("{ run: [{ id: 'a', check: 'test -f a' }] }\n", 11)))
	}
	return strings.Replace(orderPayload, `"/main.jsonnet":"{run: []}\n"`, strings.Join(files, ","), 1)
}

// BenchmarkVerifyOrder: of 4 KB, at most 1.2 x the raw signature check and the decoding of its JSON. Of 10 MB the base64
// weighs more.
func BenchmarkVerifyOrder(b *testing.B) {
	k := rfcKeys(b)[2]
	for name, of := range map[string]struct {
		size  int
		limit float64
	}{"4KB": {4 << 10, 1.2}, "10MB": {10 << 20, 2}} {
		b.Run(name, func(b *testing.B) {
			payload, size := sizedOrder(of.size), of.size
			raw := []byte(forge(b, k, `{"alg":"EdDSA","kid":"a","typ":"JWT"}`, payload))
			if n := len(raw); n < size*9/10 || n > size*11/10 {
				b.Fatalf("an order of %d bytes, want %d", n, size)
			}
			last := strings.LastIndexByte(string(raw), '.')
			signature, err := base64.RawURLEncoding.DecodeString(string(raw[last+1:]))
			if err != nil {
				b.Fatal(err)
			}
			decoded := []byte(payload)
			keys, p := orderKeys(b, k.Public()), orderProfile()
			ratio.Run(b, of.limit,
				func() error {
					if err := rawVerify(k.Public(), raw[:last], signature); err != nil {
						return err
					}
					var o order
					return json.Unmarshal(decoded, &o)
				},
				func() error {
					_, _, err := token.VerifyOrder[order](raw, keys, p)
					return err
				})
		})
	}
}

// BenchmarkVerifyOrderKeys: a kid that is right saves trying the others; one that is wrong costs one check a key.
func BenchmarkVerifyOrderKeys(b *testing.B) {
	var public []key.Public
	for range 15 {
		public = append(public, named(b, key.EdDSA, "other").Public())
	}
	k := named(b, key.EdDSA, "a")
	keys, p := orderKeys(b, append(public, k.Public())...), orderProfile()
	payload := sizedOrder(4 << 10)
	for name, of := range map[string]struct {
		kid   string
		limit float64
	}{"right": {"a", 1.6}, "wrong": {"b", 20}} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(forge(b, k, `{"alg":"EdDSA","kid":"`+of.kid+`","typ":"JWT"}`, payload))
			last := strings.LastIndexByte(string(raw), '.')
			signature, err := base64.RawURLEncoding.DecodeString(string(raw[last+1:]))
			if err != nil {
				b.Fatal(err)
			}
			ratio.Run(b, of.limit,
				func() error { return rawVerify(k.Public(), raw[:last], signature) },
				func() error {
					_, _, err := token.VerifyOrder[order](raw, keys, p)
					return err
				})
		})
	}
}
