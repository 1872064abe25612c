package key_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

var algorithms = []key.Algorithm{key.RS256, key.ES256, key.EdDSA}

func generate(t testing.TB, algorithm key.Algorithm, id string) key.Private {
	t.Helper()
	k, err := key.Generate(algorithm, id)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// must fails the test on an error.
func must(t testing.TB) func(data []byte, err error) []byte {
	return func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	return must(t)(os.ReadFile(filepath.Join("testdata", "vectors", name)))
}

// holds tells whether signature is a JWS signature of input, by the standard library and nothing of ours.
func holds(k key.Public, input, signature []byte) bool {
	sum := sha256.Sum256(input)
	switch pub := k.Crypto().(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		return len(signature) == 64 &&
			ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(pub, input, signature)
	}
	return false
}

// TestRoundTrip: every key comes back from every form it is written in, with its id where the form has room for one.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		for _, id := range []string{"", "2026-11"} {
			t.Run(string(algorithm)+" "+id, func(t *testing.T) {
				t.Parallel()
				k := generate(t, algorithm, id)
				public := k.Public()
				if public.Algorithm() != algorithm {
					t.Errorf("algorithm %s", public.Algorithm())
				}
				thumbprint := public.Thumbprint()
				if id == "" && public.ID() != thumbprint || id != "" && public.ID() != id {
					t.Errorf("id %q, thumbprint %q", public.ID(), thumbprint)
				}

				fromJWK, err := key.ParsePrivate(must(t)(k.JWK()))
				if err != nil || !fromJWK.Public().Equal(public) {
					t.Fatalf("from JWK: %v, %v", fromJWK, err)
				}
				if again := must(t)(fromJWK.JWK()); !bytes.Equal(again, must(t)(k.JWK())) {
					t.Error("the JWK is written differently the second time")
				}
				fromPEM, err := key.ParsePrivate(must(t)(k.PEM()))
				if err != nil || fromPEM.Public().ID() != thumbprint || fromPEM.Public().Thumbprint() != thumbprint {
					t.Fatalf("from PEM: %v, %v", fromPEM, err)
				}

				publicJWK, err := key.ParsePublic(must(t)(public.MarshalJSON()))
				if err != nil || !publicJWK.Equal(public) {
					t.Fatalf("from public JWK: %v, %v", publicJWK.ID(), err)
				}
				publicPEM, err := key.ParsePublic(must(t)(public.PEM()))
				if err != nil || publicPEM.Thumbprint() != thumbprint || publicPEM.ID() != thumbprint {
					t.Fatalf("from public PEM: %v, %v", publicPEM.ID(), err)
				}

				input := []byte("header.payload")
				for form, signer := range map[string]key.Private{"generated": k, "JWK": fromJWK, "PEM": fromPEM} {
					if signature := must(t)(signer.Sign(t.Context(), input)); !holds(public, input, signature) {
						t.Errorf("%s: the signature does not hold", form)
					} else if holds(public, []byte("header.payloae"), signature) {
						t.Errorf("%s: the signature holds for another text", form)
					}
				}
			})
		}
	}
}

// TestPublicJWKMembers: what is published holds the members of RFC 7517, and none that is private.
func TestPublicJWKMembers(t *testing.T) {
	t.Parallel()
	want := map[key.Algorithm]string{
		key.RS256: "alg e kid kty n use", key.ES256: "alg crv kid kty use x y", key.EdDSA: "alg crv kid kty use x",
	}
	for _, algorithm := range algorithms {
		var members map[string]string
		if err := json.Unmarshal(must(t)(generate(t, algorithm, "k").Public().MarshalJSON()), &members); err != nil {
			t.Fatal(err)
		}
		if members["use"] != "sig" || members["alg"] != string(algorithm) || members["kid"] != "k" {
			t.Errorf("%s: members %v", algorithm, members)
		}
		for _, name := range strings.Fields(want[algorithm]) {
			if members[name] == "" {
				t.Errorf("%s: no member %s", algorithm, name)
			}
			delete(members, name)
		}
		if len(members) > 0 {
			t.Errorf("%s: more members than expected: %d", algorithm, len(members))
		}
	}
}

// TestPEMForms reads what openssl and others write.
func TestPEMForms(t *testing.T) {
	t.Parallel()
	a2, err := key.ParsePrivate(vector(t, "rfc7515-a2-rsa.json"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(must(t)(a2.PEM()))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := parsed.(*rsa.PrivateKey)
	a3, err := key.ParsePrivate(vector(t, "rfc7515-a3-p256.json"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ = pem.Decode(must(t)(a3.PEM()))
	if parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes); err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	private := map[string]struct {
		pem  []byte
		want key.Private
	}{
		"PKCS #1": {encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), a2},
		"SEC 1":   {encode("EC PRIVATE KEY", must(t)(x509.MarshalECPrivateKey(parsed.(*ecdsa.PrivateKey)))), a3},
		"SEC 1 after its curve, as OpenSSL has it": {append(encode("EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}),
			encode("EC PRIVATE KEY", must(t)(x509.MarshalECPrivateKey(parsed.(*ecdsa.PrivateKey))))...), a3},
		"with text around": {append(append([]byte("the key of the test\n"), encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey))...),
			"# end\n"...), a2},
	}
	for name, test := range private {
		if k, err := key.ParsePrivate(test.pem); err != nil || !k.Public().Equal(test.want.Public()) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	public := encode("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey))
	if k, err := key.ParsePublic(public); err != nil || !k.Equal(a2.Public()) {
		t.Errorf("PKCS #1 public: %v, %v", k.ID(), err)
	}
	both := append(public, must(t)(a3.Public().PEM())...)
	if set, err := key.ParseSet(both); err != nil || len(set.Keys()) != 2 {
		t.Errorf("two PEM blocks: %d keys, %v", len(set.Keys()), err)
	}
}

// TestThumbprint: RFC 7638 section 3.1 and RFC 8037 appendix A.3. The JWK's own kid counts before the thumbprint.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ id, thumbprint string }{
		"rfc7638-3.1-rsa-public.json":    {"2011-04-29", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"rfc8037-a2-ed25519-public.json": {"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	}
	for file, want := range tests {
		k, err := key.ParsePublic(vector(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if k.ID() != want.id || k.Thumbprint() != want.thumbprint {
			t.Errorf("%s: id %s, thumbprint %s", file, k.ID(), k.Thumbprint())
		}
	}
}

// TestNoOption: the id that a key is made with is no option where it stands on a command line. One thumbprint in 64 would be.
func TestNoOption(t *testing.T) {
	t.Parallel()
	for range 1000 {
		if id := generate(t, key.EdDSA, "").Public().ID(); strings.HasPrefix(id, "-") {
			t.Fatalf("the id %s", id)
		}
	}
	if id := generate(t, key.EdDSA, "-mine").Public().ID(); id != "-mine" {
		t.Errorf("the id that was asked for is %s", id)
	}
}

// TestRFCSignatures: the private keys of RFC 7515 appendices A.2 and A.3 and of RFC 8037 appendix A.1, with the
// signatures printed there (A.2.1, A.3.1, RFC 8037 A.4). RS256 and EdDSA have one signature for each text; ours must be it.
func TestRFCSignatures(t *testing.T) {
	t.Parallel()
	const claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	tests := map[string]struct {
		algorithm        key.Algorithm
		input, signature string
		deterministic    bool
	}{
		"rfc7515-a2-rsa.json": {key.RS256, "eyJhbGciOiJSUzI1NiJ9." + claims,
			"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4" +
				"BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv" +
				"hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw", true},
		"rfc7515-a3-p256.json": {key.ES256, "eyJhbGciOiJFUzI1NiJ9." + claims,
			"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", false},
		"rfc8037-a1-ed25519.json": {key.EdDSA, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
			"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg", true},
	}
	for file, test := range tests {
		k, err := key.ParsePrivate(vector(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if k.Public().Algorithm() != test.algorithm {
			t.Errorf("%s: algorithm %s", file, k.Public().Algorithm())
		}
		signature, err := base64.RawURLEncoding.DecodeString(test.signature)
		if err != nil {
			t.Fatal(err)
		}
		if !holds(k.Public(), []byte(test.input), signature) {
			t.Errorf("%s: the RFC's signature does not hold", file)
		}
		ours := must(t)(k.Sign(t.Context(), []byte(test.input)))
		if !holds(k.Public(), []byte(test.input), ours) || test.deterministic && !bytes.Equal(ours, signature) {
			t.Errorf("%s: our signature is another one", file)
		}
	}
}

// TestRFC8037Public: appendix A.2 is the public half of appendix A.1.
func TestRFC8037Public(t *testing.T) {
	t.Parallel()
	private, err := key.ParsePrivate(vector(t, "rfc8037-a1-ed25519.json"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.ParsePublic(vector(t, "rfc8037-a2-ed25519-public.json"))
	if err != nil || !private.Public().Equal(public) {
		t.Errorf("A.2 is not the public half of A.1: %v", err)
	}
}

func TestParseAlgorithm(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		if got, err := key.ParseAlgorithm(string(algorithm)); got != algorithm || err != nil {
			t.Errorf("%s: %v, %v", algorithm, got, err)
		}
	}
	for _, name := range []string{"", "none", "HS256", "rs256", "RS512", "ES384", "PS256", "RS256 ", "Ed448"} {
		if got, err := key.ParseAlgorithm(name); err == nil || !strings.Contains(err.Error(), "is not one of RS256, ES256, EdDSA") {
			t.Errorf("%q: %v, %v", name, got, err)
		}
		if _, err := key.Generate(key.Algorithm(name), ""); err == nil {
			t.Errorf("Generate takes %q", name)
		}
	}
}
