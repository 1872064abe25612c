package key_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// member returns one member of a JWK as text.
func member(t *testing.T, jwk []byte, name string) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(jwk, &members); err != nil {
		t.Fatal(err)
	}
	text, isText := members[name].(string)
	if !isText {
		t.Fatalf("no member %s", name)
	}
	return text
}

// with returns a JWK with members set or, where the value is nil, removed.
func with(t *testing.T, jwk []byte, changes map[string]any) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(jwk, &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if members[name] = value; value == nil {
			delete(members, name)
		}
	}
	return string(must(t)(json.Marshal(members)))
}

type change = map[string]any

func bigText(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// modulus returns a number of exactly this many bits that ends in the bit low.
func modulus(bits int, low uint) string {
	n := new(big.Int).SetBit(new(big.Int), bits-1, 1)
	return bigText(n.SetBit(n, 0, low))
}

// TestHostilePublic is what somebody might hand in as a public key, and what the refusal says.
func TestHostilePublic(t *testing.T) {
	t.Parallel()
	rsaKey, ed := vector(t, "rfc7638-3.1-rsa-public.json"), vector(t, "rfc8037-a2-ed25519-public.json")
	ec := []byte(with(t, vector(t, "rfc7515-a3-p256.json"), change{"d": nil}))
	x, n := member(t, ec, "x"), member(t, rsaKey, "n")
	edX := member(t, ed, "x")
	tests := map[string]struct{ text, want string }{
		"nothing":                  {"", "the text is empty"},
		"blanks":                   {" \n\t", "the text is empty"},
		"over 1 MiB":               {strings.Repeat(" ", 1<<20) + string(ed), "want at most 1048576"},
		"no form":                  {"hello", "not a key: want Etcha's text, TYPE:BASE64[:KID] with a type of ed25519public, "},
		"DER without a type":       {"MCowBQYDK2VwAyEAuDA3Myikmb7ADMmxAWRcGzWoB4V+JmGqlcywwiR2pRc=", "; PEM; or JSON, a JWK or JWKS"},
		"cut off":                  {string(ed[:40]), "not JSON at byte"},
		"two objects":              {string(ed) + string(ed), "not JSON at byte"},
		"a list":                   {"[" + string(ed) + "]", "not a JSON object"},
		"not UTF-8":                {"{\"kty\":\"\xff\"}", "not JSON at byte"},
		"null":                     {"null", `no member "kty"`},
		"no members":               {"{}", `no member "kty"`},
		"members in capitals":      {strings.Replace(string(ed), `"kty"`, `"KTY"`, 1), `no member "kty"`},
		"kty is a number":          {`{"kty":1}`, `member "/kty" has the wrong type`},
		"duplicate kty":            {strings.Replace(string(ed), `"kty"`, `"kty":"RSA","kty"`, 1), "duplicate member at byte"},
		"duplicate, escaped":       {strings.Replace(string(ed), `"kty"`, `"\u006bty":"OKP","kty"`, 1), "duplicate member at byte"},
		"duplicate of unknown":     {strings.Replace(string(ed), `"kty"`, `"z":1,"z":2,"kty"`, 1), "duplicate member at byte"},
		"kty oct":                  {`{"kty":"oct"}`, `kty "oct" is not one of RSA, EC with P-256, OKP with Ed25519`},
		"kty long":                 {`{"kty":"` + strings.Repeat("A", 99) + `"}`, `kty "AAAAAAAAAAAAAAAAAAAA" is not one of`},
		"ec without crv":           {with(t, ec, change{"crv": nil}), `kty "EC" is not one of`},
		"ec with P-384":            {with(t, ec, change{"crv": "P-384"}), `kty "EC" with crv "P-384" is not one of`},
		"ec with Ed25519":          {with(t, ec, change{"crv": "Ed25519"}), `kty "EC" with crv "Ed25519" is not one of`},
		"okp with X25519":          {with(t, ed, change{"crv": "X25519"}), `kty "OKP" with crv "X25519" is not one of`},
		"rsa with alg ES256":       {with(t, rsaKey, change{"alg": "ES256"}), `alg "ES256" with kty RSA ; want RS256`},
		"rsa with alg PS256":       {with(t, rsaKey, change{"alg": "PS256"}), `alg "PS256"`},
		"rsa with alg none":        {with(t, rsaKey, change{"alg": "none"}), `alg "none"`},
		"ec with alg RS256":        {with(t, ec, change{"alg": "RS256"}), `alg "RS256" with kty EC P-256; want ES256`},
		"okp with alg Ed448":       {with(t, ed, change{"alg": "Ed448"}), `alg "Ed448" with kty OKP Ed25519; want EdDSA`},
		"rsa with alg Ed25519":     {with(t, rsaKey, change{"alg": "Ed25519"}), `alg "Ed25519"`},
		"use enc":                  {with(t, ed, change{"use": "enc"}), `use "enc"; want sig`},
		"key_ops encrypt":          {with(t, ed, change{"key_ops": []string{"verify", "encrypt"}}), `key_ops has "encrypt"`},
		"key_ops is text":          {with(t, ed, change{"key_ops": "verify"}), `member "/key_ops" has the wrong type`},
		"kid with control":         {with(t, ed, change{"kid": "a\x1b[2J"}), `kid "a\x1b[2J" has a character that is not printable ASCII`},
		"kid with newline":         {with(t, ed, change{"kid": "a\nb"}), `not printable ASCII`},
		"kid not ASCII":            {with(t, ed, change{"kid": "ключ"}), `not printable ASCII`},
		"kid with delete":          {with(t, ed, change{"kid": "a\x7f"}), `not printable ASCII`},
		"kid too long":             {with(t, ed, change{"kid": strings.Repeat("k", 257)}), "kid has 257 bytes, want at most 256"},
		"kid is a number":          {with(t, ed, change{"kid": 1}), `member "/kid" has the wrong type`},
		"okp without x":            {with(t, ed, change{"x": nil}), `no member "x"`},
		"okp x empty":              {with(t, ed, change{"x": ""}), `no member "x"`},
		"okp x padded":             {with(t, ed, change{"x": edX + "="}), `member "x" is not base64url without padding`},
		"okp x with newline":       {with(t, ed, change{"x": edX[:20] + "\n" + edX[20:]}), `member "x" is not base64url without padding`},
		"okp x with return":        {with(t, ed, change{"x": edX + "\r"}), `member "x" is not base64url without padding`},
		"okp x in standard base64": {with(t, ed, change{"x": strings.Replace(edX, "_", "/", 1)}), `member "x" is not base64url without padding`},
		"okp x with trailing bits": {with(t, ed, change{"x": edX[:42] + "p"}), `member "x" is not base64url without padding`},
		"okp x too short":          {with(t, ed, change{"x": edX[:40]}), `member "x" has 30 bytes, want 32`},
		"okp x too long":           {with(t, ed, change{"x": "AAAA" + edX}), `member "x" has 35 bytes, want 32`},
		"ec without y":             {with(t, ec, change{"y": nil}), `no member "y"`},
		"ec x with leading zero":   {with(t, ec, change{"x": bigTextZero(t, x)}), `member "x" has 33 bytes, want 32`},
		"ec not on the curve":      {with(t, ec, change{"y": x}), "x and y are not a point of P-256"},
		"ec zero":                  {with(t, ec, change{"x": zeros(32), "y": zeros(32)}), "x and y are not a point of P-256"},
		"ec x over the prime":      {with(t, ec, change{"x": strings.Repeat("_", 42) + "8"}), "x and y are not a point of P-256"},
		"rsa without n":            {with(t, rsaKey, change{"n": nil}), `no member "n"`},
		"rsa without e":            {with(t, rsaKey, change{"e": nil}), `no member "e"`},
		"rsa n with leading zero":  {with(t, rsaKey, change{"n": bigTextZero(t, n)}), `member "n" starts with a zero byte`},
		"rsa n zero":               {with(t, rsaKey, change{"n": "AA"}), `member "n" starts with a zero byte`},
		"rsa e with leading zero":  {with(t, rsaKey, change{"e": "AAEAAQ"}), `member "e" starts with a zero byte`},
		"rsa e 1":                  {with(t, rsaKey, change{"e": "AQ"}), "RSA exponent 1 is not an odd number from 3"},
		"rsa e 2":                  {with(t, rsaKey, change{"e": "Ag"}), "RSA exponent 2 is not an odd number from 3"},
		"rsa e 65536":              {with(t, rsaKey, change{"e": "AQAA"}), "RSA exponent 65536 is not an odd number"},
		"rsa e 2^31":               {with(t, rsaKey, change{"e": "gAAAAQ"}), "e is over 2^31-1"},
		"rsa e of 2048 bits":       {with(t, rsaKey, change{"e": n}), "e is over 2^31-1"},
		"rsa of 1024 bits":         {with(t, rsaKey, change{"n": modulus(1024, 1)}), "RSA modulus has 1024 bits, want 2048 to 8192"},
		"rsa of 2047 bits":         {with(t, rsaKey, change{"n": modulus(2047, 1)}), "RSA modulus has 2047 bits"},
		"rsa of 8193 bits":         {with(t, rsaKey, change{"n": modulus(8193, 1)}), `member "n" has 1025 bytes, want at most 1024`},
		"rsa with even n":          {with(t, rsaKey, change{"n": modulus(2048, 0)}), "RSA modulus is even"},
		"private okp":              {string(vector(t, "rfc8037-a1-ed25519.json")), "this is a private key where a public one belongs"},
		"private ec":               {string(vector(t, "rfc7515-a3-p256.json")), "this is a private key where a public one belongs"},
		"private rsa":              {string(vector(t, "rfc7515-a2-rsa.json")), "this is a private key where a public one belongs"},
		"rsa with p only":          {with(t, rsaKey, change{"p": "AQ"}), "this is a private key where a public one belongs"},
		"okp with k":               {with(t, ed, change{"k": "AQ"}), "this is a private key where a public one belongs"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if k, err := key.ParsePublic([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, %v; want %q", k.ID(), err, test.want)
			}
			if len(test.text) > 1<<20 {
				return
			}
			// A private key with these public members is no better.
			if k, err := key.ParsePrivate([]byte(test.text)); err == nil && !strings.Contains(test.want, "private key") {
				t.Errorf("taken as %s", k)
			}
		})
	}
	for _, good := range [][]byte{rsaKey, ed, ec} {
		if _, err := key.ParsePublic(good); err != nil {
			t.Errorf("the key that the hostile ones are made of is refused: %v", err)
		}
	}
	if _, err := key.ParsePublic([]byte(with(t, ed, change{"alg": "Ed25519", "kid": strings.Repeat("k", 256), "use": "sig", "key_ops": []string{"verify"}, "x5c": 1, "ext": true}))); err != nil {
		t.Errorf("a key with every optional member is refused: %v", err)
	}
}

// bigTextZero puts a zero byte before a base64url number.
func bigTextZero(t *testing.T, text string) string {
	t.Helper()
	data := must(t)(base64.RawURLEncoding.DecodeString(text))
	return base64.RawURLEncoding.EncodeToString(append([]byte{0}, data...))
}

func zeros(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }

// TestHostilePrivate is what somebody might hand in as a private key. No refusal says what is in it.
func TestHostilePrivate(t *testing.T) {
	t.Parallel()
	rsaKey, ec, ed := vector(t, "rfc7515-a2-rsa.json"), vector(t, "rfc7515-a3-p256.json"), vector(t, "rfc8037-a1-ed25519.json")
	other := func(algorithm key.Algorithm) []byte { return must(t)(generate(t, algorithm, "").JWK()) }
	otherRSA, otherEC, otherEd := other(key.RS256), other(key.ES256), other(key.EdDSA)
	p, q := member(t, rsaKey, "p"), member(t, rsaKey, "q")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	k, err := key.ParsePrivate(ed)
	if err != nil {
		t.Fatal(err)
	}
	edPEM := string(must(t)(k.PEM()))
	edPublicPEM := string(must(t)(k.Public().PEM()))
	der, _ := pem.Decode([]byte(edPEM))
	order := elliptic.P256().Params().N
	tests := map[string]struct{ text, want string }{
		"public okp":            {with(t, ed, change{"d": nil}), `no member "d": this is a public key`},
		"public rsa":            {string(vector(t, "rfc7638-3.1-rsa-public.json")), `no member "d": this is a public key`},
		"okp without x":         {with(t, ed, change{"x": nil}), `no member "x"`},
		"okp of two keys":       {with(t, ed, change{"x": member(t, otherEd, "x")}), "the private and the public members are of different keys"},
		"ec of two keys":        {with(t, ec, change{"d": member(t, otherEC, "d")}), "the private and the public members are of different keys"},
		"rsa of two keys":       {with(t, rsaKey, change{"n": member(t, otherRSA, "n")}), "RSA private key does not fit together"},
		"rsa with d of another": {with(t, rsaKey, change{"d": member(t, otherRSA, "d")}), "RSA private key does not fit together"},
		"rsa with p twice":      {with(t, rsaKey, change{"q": p}), "RSA private key does not fit together"},
		"rsa with p 1":          {with(t, rsaKey, change{"p": "AQ", "q": member(t, rsaKey, "n")}), "RSA private key does not fit together"},
		"rsa with d 1":          {with(t, rsaKey, change{"d": "AQ"}), "RSA private key does not fit together"},
		"rsa without primes":    {with(t, rsaKey, change{"p": nil, "q": nil}), `RSA private key without member "p"`},
		"rsa without q":         {with(t, rsaKey, change{"q": nil}), `RSA private key without member "q"`},
		"rsa with three primes": {with(t, rsaKey, change{"oth": []change{{"r": q}}}), `more than two primes ("oth")`},
		"rsa d with newline":    {with(t, rsaKey, change{"d": member(t, rsaKey, "d") + "\n"}), `member "d" is not base64url without padding`},
		"rsa p with zero byte":  {with(t, rsaKey, change{"p": bigTextZero(t, p)}), `member "p" starts with a zero byte`},
		"rsa d of 8200 bits":    {with(t, rsaKey, change{"d": modulus(8200, 1)}), `member "d" has 1025 bytes, want at most 1024`},
		"okp d of 64 bytes":     {with(t, ed, change{"d": member(t, ed, "d") + strings.Repeat("A", 43)}), `member "d" has 64 bytes, want 32`},
		"okp d padded":          {with(t, ed, change{"d": member(t, ed, "d") + "="}), `member "d" is not base64url without padding`},
		"ec d zero":             {with(t, ec, change{"d": zeros(32)}), "d is not a private key of P-256"},
		"ec d is the order":     {with(t, ec, change{"d": bigText(order)}), "d is not a private key of P-256"},
		"ec d too short":        {with(t, ec, change{"d": "AQ"}), `member "d" has 1 bytes, want 32`},
		"alg of another":        {with(t, ed, change{"alg": "ES256"}), `alg "ES256"`},
		"use enc":               {with(t, ec, change{"use": "enc"}), `use "enc"`},
		"duplicate d":           {strings.Replace(string(ed), `"d"`, `"d":"AA","d"`, 1), "duplicate member at byte"},
		"d is a number":         {with(t, ed, change{"d": 12345}), `member "/d" has the wrong type`},
		"no form":               {"MC4CAQAwBQYDK2VwBCIEIAtMGJsxXZgejHdD44", "not a key: want Etcha's text, "},
		"cut off":               {string(ed[:60]), "not JSON at byte"},
		"oct":                   {`{"kty":"oct","k":"c2VjcmV0"}`, `kty "oct" is not one of`},
		"pem cut off":           {edPEM[:60], "PEM: no complete block"},
		"pem twice":             {edPEM + edPEM, "PEM: more than one block"},
		"pem public":            {edPublicPEM, `PEM: block "PUBLIC KEY"; want PRIVATE KEY`},
		"pem encrypted":         {block("ENCRYPTED PRIVATE KEY", []byte("x")), "encrypted with a passphrase"},
		"pem of openssl, old encryption": {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES-128-CBC,00"}, Bytes: der.Bytes})),
			"PRIVATE KEY block: not a private key of a known form"},
		"pem of openssh": {block("OPENSSH PRIVATE KEY", []byte("x")), `PEM: block "OPENSSH PRIVATE KEY"; want`},
		"pem P-384":      {block("EC PRIVATE KEY", must(t)(x509.MarshalECPrivateKey(p384))), "elliptic curve is not P-256"},
		"pem garbage":    {block("PRIVATE KEY", []byte{1, 2, 3}), "PRIVATE KEY block: not a private key of a known form"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := key.ParsePrivate([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, %v; want %q", k, err, test.want)
			}
			for _, jwk := range [][]byte{rsaKey, ec, ed, otherEd} {
				if strings.Contains(err.Error(), member(t, jwk, "d")[:12]) {
					t.Error("the error quotes the key")
				}
			}
		})
	}
}

// TestHostileSet is what a JWKS endpoint or a file of keys might hold.
func TestHostileSet(t *testing.T) {
	t.Parallel()
	ed, rsaKey := string(vector(t, "rfc8037-a2-ed25519-public.json")), string(vector(t, "rfc7638-3.1-rsa-public.json"))
	private := string(vector(t, "rfc8037-a1-ed25519.json"))
	edOther := string(must(t)(generate(t, key.EdDSA, "2011-04-29").Public().MarshalJSON()))
	edOther2 := string(must(t)(generate(t, key.EdDSA, "2011-04-29").Public().MarshalJSON()))
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	k := generate(t, key.EdDSA, "")
	pems := string(must(t)(k.Public().PEM()))
	const unusable = "JWKS has no key that this program can use"
	refused := map[string]struct{ text, want string }{
		"nothing":               {"", "the text is empty"},
		"over 1 MiB":            {set(ed) + strings.Repeat(" ", 1<<20), "want at most 1048576"},
		"no keys":               {set(), unusable},
		"only oct":              {set(`{"kty":"oct"}`), unusable},
		"only unknown":          {set(`{"kty":"AKP","alg":"ML-DSA-44"}`, with(t, []byte(ed), change{"use": "enc"}), with(t, []byte(ed), change{"crv": "X25519"})), unusable},
		"oct with its secret":   {set(ed, `{"kty":"oct","k":"c2VjcmV0"}`), "JWKS: key 2: this is a private key"},
		"private":               {set(rsaKey, private), "JWKS: key 2: this is a private key"},
		"one private JWK":       {private, "this is a private key"},
		"broken":                {set(ed, rsaKey, strings.Replace(ed, "11qY", "11=Y", 1)), `JWKS: key 3: JWK: member "x" is not base64url`},
		"a key is null":         {set("null"), `JWKS: key 1: JWK: no member "kty"`},
		"a key is text":         {set(`"x"`), "JWKS: key 1: JWK: not a JSON object"},
		"keys is an object":     {`{"keys":{}}`, `member "/keys" has the wrong type`},
		"duplicate keys":        {`{"keys":[],"keys":[` + ed + `]}`, "JWKS: duplicate member at byte"},
		"duplicate in a key":    {set(strings.Replace(ed, `"kty"`, `"kty":"RSA","kty"`, 1)), "duplicate member at byte"},
		"keys in capitals":      {`{"KEYS":[` + ed + `]}`, `no member "kty"`},
		"a list":                {"[" + ed + "]", "JWKS: not a JSON object"},
		"two keys with one kid": {set(edOther, edOther2), `two different EdDSA keys with kid "2011-04-29"`},
		"257 keys":              {set(strings.TrimSuffix(strings.Repeat(ed+",", 257), ",")), "JWKS has 257 keys, want at most 256"},
		"257 unknown keys":      {set(strings.TrimSuffix(strings.Repeat("{},", 257), ",")), "JWKS has 257 keys, want at most 256"},
		"deep":                  {`{"keys":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}", "JWKS: not JSON at byte"},
		"257 PEM blocks":        {strings.Repeat(pems, 257), "PEM has more than 256 keys"},
		"private PEM":           {pems + string(must(t)(k.PEM())), "key 2: this is a private key"},
		"PEM cut off":           {pems + pems[:50], "PEM: no complete block"},
		"certificate":           {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{0}})), `PEM: block "CERTIFICATE"; want PUBLIC KEY`},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := key.ParseSet([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d keys, %v; want %q", len(s.Keys()), err, test.want)
			}
		})
	}
	taken := map[string]struct {
		text string
		keys int
	}{
		"one JWK":             {ed, 1},
		"two":                 {set(ed, rsaKey), 2},
		"the same key twice":  {set(ed, rsaKey, ed), 2},
		"one kid, two kinds":  {set(rsaKey, edOther), 2},
		"unknown are skipped": {set(`{"kty":"AKP"}`, `{"kty":"EC","crv":"P-521"}`, ed, with(t, []byte(ed), change{"use": "enc"}), with(t, []byte(rsaKey), change{"alg": "PS256"})), 1},
		"unknown members":     {`{"more":{"a":[1]},"keys":[` + ed + `]}`, 1},
		"256 keys":            {set(strings.TrimSuffix(strings.Repeat(ed+",", 256), ",")), 1},
		"256 PEM blocks":      {strings.Repeat(pems, 256), 1},
	}
	for name, test := range taken {
		if s, err := key.ParseSet([]byte(test.text)); err != nil || len(s.Keys()) != test.keys {
			t.Errorf("%s: %d keys, %v; want %d", name, len(s.Keys()), err, test.keys)
		}
	}
}

func TestSetFind(t *testing.T) {
	t.Parallel()
	a, b, shared := generate(t, key.EdDSA, "a").Public(), generate(t, key.ES256, "b").Public(), generate(t, key.EdDSA, "b").Public()
	s, err := key.NewSet(a, b, shared, a)
	if err != nil {
		t.Fatal(err)
	}
	for kid, want := range map[string]int{"": 3, "a": 1, "b": 2, "A": 0, "a ": 0, "unknown": 0} {
		if found, err := s.Find(t.Context(), kid); len(found) != want || err != nil {
			t.Errorf("kid %q: %d keys, %v; want %d", kid, len(found), err, want)
		}
	}
	text := must(t)(s.MarshalJSON())
	again, err := key.ParseSet(text)
	if err != nil || !bytes.Equal(must(t)(again.MarshalJSON()), text) {
		t.Errorf("the set does not come back from its JWKS: %v", err)
	}
	many := make([]key.Public, 257)
	for i := range many {
		if many[i], err = key.NewPublic(a.Crypto(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := key.NewSet(many...); err == nil || !strings.Contains(err.Error(), "want at most 256") {
		t.Errorf("257 keys: %v", err)
	}
}
