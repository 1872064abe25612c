package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// FuzzVerifyOrder: of all texts only the signed orders themselves verify, with public keys and with a shared secret.
func FuzzVerifyOrder(f *testing.F) {
	var public []key.Public
	signed := map[string]bool{}
	for _, k := range rfcKeys(f) {
		public = append(public, k.Public())
		algorithm := string(k.Public().Algorithm())
		if k.Public().Algorithm() != key.ES256 { // of which there is a second signature, see FuzzVerify
			signed[forge(f, k, `{"alg":"`+algorithm+`","kid":"wrong"}`, orderPayload)] = true
			signed[forge(f, k, `{"alg":"`+algorithm+`","kid":""}`, orderPayload)] = true
			f.Add(forge(f, k, `{"alg":"ES256"}`, orderPayload))
		}
		f.Add(forge(f, k, `{"alg":"none"}`, orderPayload))
		f.Add(forge(f, k, `{"alg":"`+algorithm+`"}`, goodPayload))
		f.Add(forge(f, k, `{"alg":"`+algorithm+`"}`, `{"etchaPattern":{},"iat":1e99}`))
	}
	secret, err := key.NewHMAC([]byte("thirty-two bytes of a known text"), "")
	if err != nil {
		f.Fatal(err)
	}
	shared := forgeBy(f, secret, `{"alg":"HS256","typ":"JWT"}`, orderPayload)
	signed[shared] = true
	f.Add(forgeBy(f, secret, `{"alg":"EdDSA"}`, orderPayload))
	for raw := range signed {
		f.Add(raw)
		f.Add(raw + "\n")
	}
	keys, secrets := orderKeys(f, public...), sharedKeys(f, secret)
	for raw := range signed {
		_, _, byPublic := token.VerifyOrder[order]([]byte(raw), keys, orderProfile())
		_, _, bySecret := token.VerifyOrder[order]([]byte(raw), secrets, orderProfile())
		if (byPublic == nil) == (raw == shared) || (bySecret == nil) != (raw == shared) {
			f.Fatalf("what is signed: %v, %v", byPublic, bySecret)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		accepted := false
		for _, o := range []key.OrderKeys{keys, secrets} {
			v, report, err := token.VerifyOrder[order]([]byte(raw), o, orderProfile())
			accepted = accepted || err == nil
			checkOrderReport(t, report, err != nil)
			if err == nil {
				continue
			}
			known := false
			for _, sentinel := range sentinels {
				known = known || errors.Is(err, sentinel)
			}
			if !known || v.Payload() != nil || len(raw) > 64 && strings.Contains(err.Error(), raw) {
				t.Errorf("refused with %v", err)
			}
		}
		if accepted != signed[raw] {
			t.Errorf("accepted: %v", accepted)
		}
	})
}
