package token

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
)

// maxTried bounds how many keys a token without kid is tried with.
const maxTried = 32

// Verified holds claims whose every check passed. Only Verify and VerifyOrder make one; the zero value holds nothing.
type Verified[C Claims] struct {
	claims  *C
	used    used
	payload []byte
}

// used is the key that a signature holds for: a public one, or of an order a shared secret, of which only the id stays.
type used struct {
	public key.Public
	id     string
}

// Claims returns the claims.
func (v Verified[C]) Claims() C {
	if v.claims == nil {
		var none C
		return none
	}
	return *v.claims
}

// Key returns the public key that the token was verified with. Of an order under a shared secret there is none.
func (v Verified[C]) Key() key.Public { return v.used.public }

// KeyID returns the id of the key that the token was verified with, whatever kid the token names. A shared secret may
// have none.
func (v Verified[C]) KeyID() string { return v.used.id }

// Payload returns the payload's JSON as it was signed. It must not be changed.
func (v Verified[C]) Payload() []byte { return v.payload }

// Members calls f with the name and the JSON of every claim, in their order, until f returns false. Neither must be
// changed or kept.
func (v Verified[C]) Members(f func(name, value []byte) bool) {
	if v.payload == nil {
		return
	}
	scan(v.payload, func(name, value []byte) error {
		if !f(name, value) {
			return errStop
		}
		return nil
	})
}

// errStop ends a scan.
var errStop = errors.New("enough")

// Verify checks a compact JWS (RFC 7515 section 7.1) with claims in JSON (RFC 7519) against a key set and a profile.
// The report lists every check in order. The error is an *Error, and errors.Is finds a sentinel for every failed check
// in it; where the key set cannot be asked, it wraps that cause too. Where the profile does not say what to check, the
// token is not looked at, and the error is ErrProfile.
func Verify[C Claims](ctx context.Context, raw string, keys KeySet, p Profile) (Verified[C], Report, error) {
	r := &reporter{report: make(Report, 0, len(listed)+len(p.Required))}
	v, standard, verified := verify[C](ctx, r, raw, keys, p)
	if !verified {
		r.skipRest(listed[:])
		return Verified[C]{}, r.report, r.err()
	}
	checkClaims(r, standard, v.payload, p)
	if err := r.err(); err != nil {
		return Verified[C]{}, r.report, err
	}
	return v, r.report, nil
}

// listed is how checks are listed.
var listed = [...]string{"format", "type", "crit", "algorithm", "key", "signature", "claims", "iss", "aud", "nbf", "exp", "life"}

// skipRest lists the checks that were not reached.
func (r *reporter) skipRest(names []string) {
	for _, name := range names {
		if !slices.ContainsFunc(r.report, func(c Check) bool { return c.Name == name }) {
			r.skip(name, "")
		}
	}
}

// verify does all that stands before the claims' own checks.
func verify[C Claims](ctx context.Context, r *reporter, raw string, keys KeySet, p Profile) (v Verified[C], standard Registered, ok bool) {
	if keys == nil {
		r.fail("profile", "a key set", "none", ErrProfile)
		return v, standard, false
	}
	if !p.check(r) {
		return v, standard, false
	}
	s, err := split(raw, p.MaxBytes)
	h, ok := checkFormat(r, s, err, p)
	if !ok {
		return v, standard, false
	}
	used, ok := checkSignature(ctx, r, h, s, keys, p.Algorithms)
	if !ok {
		return v, standard, false
	}
	return readClaims[C](r, s, used, false)
}

// checkFormat reads the header of what was split, or of what could not be, and checks all of it but the algorithm.
func checkFormat(r *reporter, s segments, err error, p Profile) (header, bool) {
	const compact = "a signed token of three parts (compact JWS)"
	if err != nil {
		r.fail("format", compact, err.Error(), ErrMalformed)
		return header{}, false
	}
	h, err := decodeHeader(s.header)
	if err != nil {
		r.fail("format", "a header of one JSON object", err.Error(), ErrMalformed)
		return header{}, false
	}
	r.pass("format", compact, "one")
	return h, checkHeader(r, h, p)
}

// readClaims decodes the payload once its signature holds. order: it is one.
func readClaims[C Claims](r *reporter, s segments, by used, order bool) (v Verified[C], standard Registered, ok bool) {
	payload, err := s.payload()
	if err == nil {
		v.claims = new(C)
		standard, err = decodeClaims(payload, v.claims, order)
	}
	if err != nil {
		r.fail("claims", "one JSON object of claims", err.Error(), ErrClaims)
		return v, standard, false
	}
	r.pass("claims", "one JSON object of claims", "one")
	v.used, v.payload = by, payload
	return v, standard, true
}

// checkHeader checks typ, cty, crit and b64.
func checkHeader(r *reporter, h header, p Profile) bool {
	want := "JWT"
	if len(p.Types) > 0 {
		want = strings.Join(p.Types, " or ")
	}
	switch {
	case len(h.Encrypted) > 0:
		r.fail("type", want, `"enc": an encrypted token`, ErrType)
		return false
	case mediaType(h.Content.text) == jwtType:
		r.fail("type", want, `cty "JWT": a token within a token`, ErrType)
		return false
	case !h.Type.set && len(p.Types) == 0:
		r.pass("type", want, "none")
	case !h.Type.set:
		r.fail("type", want, "none", ErrType)
		return false
	case !typeAllowed(h.Type.text, p.Types):
		r.fail("type", want, quote(h.Type.text), ErrType)
		return false
	default:
		r.pass("type", want, h.Type.text)
	}
	switch {
	case len(h.Critical) > 0:
		r.fail("crit", "none", quote(string(h.Critical)), ErrCritical)
		return false
	case len(h.Base64) > 0:
		r.fail("crit", "none", `"b64"`, ErrCritical)
		return false
	}
	r.pass("crit", "none", "none")
	return true
}

// jwtType is what every JWT may be called (RFC 7519 section 5.1).
const jwtType = "application/jwt"

func typeAllowed(typ string, allowed []string) bool {
	if typ == "JWT" && len(allowed) == 0 { // nearly every one
		return true
	}
	got := mediaType(typ)
	if len(allowed) == 0 {
		return got == jwtType
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return mediaType(a) == got })
}

// mediaType is the whole media type that a typ or cty stands for, in small letters: what has no "/" is short for
// "application/..." (RFC 7515 section 4.1.9). To leave "application/" away instead would make a/b of application/a/b.
func mediaType(typ string) string {
	typ = strings.ToLower(typ)
	if !strings.Contains(typ, "/") {
		return "application/" + typ
	}
	return typ
}

// quote shows text from an unverified token: short, and safe for terminals and logs.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// checkSignature finds the key, which decides the algorithm, and verifies.
func checkSignature(ctx context.Context, r *reporter, h header, s segments, keys KeySet, allowed []key.Algorithm) (used, bool) {
	const ours = "one of RS256, ES256, EdDSA"
	algorithm := key.Algorithm(h.Algorithm.text)
	switch algorithm {
	case key.RS256, key.ES256, key.EdDSA:
	case "Ed25519": // RFC 9864
		algorithm = key.EdDSA
	default:
		r.fail("algorithm", ours, describeAlgorithm(h.Algorithm.text), ErrAlgorithm)
		return used{}, false
	}
	if len(allowed) > 0 && !slices.Contains(allowed, algorithm) {
		r.fail("algorithm", "one of "+joined(allowed), h.Algorithm.text, ErrAlgorithm)
		return used{}, false
	}
	kid := h.KeyID.text
	if h.KeyID.set && kid == "" {
		r.fail("key", "a kid", "an empty one", ErrKey)
		return used{}, false
	}
	found, err := keys.Find(ctx, kid)
	if err != nil {
		r.fail("key", "an answer of the key set", err.Error(), ErrKey, err)
		return used{}, false
	}
	if len(found) == 0 {
		got := "no key at all"
		if kid != "" {
			got = "kid " + quote(kid) + ", which is unknown"
		}
		r.fail("key", "a key of the key set", got, ErrKey)
		return used{}, false
	}
	candidates := 0
	var first key.Public
	for _, k := range found {
		if k.Algorithm() == algorithm {
			if candidates++; candidates == 1 {
				first = k
			}
		}
	}
	if candidates == 0 {
		r.fail("algorithm", string(found[0].Algorithm())+", the key's one algorithm", h.Algorithm.text, ErrAlgorithm)
		return used{}, false
	}
	if candidates > maxTried {
		r.fail("key", "a kid", fmt.Sprintf("none, and %d keys to try", candidates), ErrKey)
		return used{}, false
	}
	r.pass("algorithm", string(algorithm), h.Algorithm.text)
	for _, k := range found {
		if k.Algorithm() == algorithm && signatureHolds(k, s.signed, s.signature) {
			r.pass("key", "a key of the key set", k.ID())
			r.pass("signature", "of that key", "it holds")
			return used{k, k.ID()}, true
		}
	}
	r.pass("key", "a key of the key set", first.ID())
	r.fail("signature", "one by key "+first.ID(), "one that does not hold: the token was changed, or another key signed it", ErrSignature)
	return used{}, false
}

// joined lists algorithms.
func joined(list []key.Algorithm) string {
	var names []string
	for _, a := range list {
		names = append(names, string(a))
	}
	return strings.Join(names, ", ")
}

// describeAlgorithm names the classic attacks.
func describeAlgorithm(name string) string {
	switch {
	case strings.EqualFold(name, "none"):
		return quote(name) + ": no signature"
	case strings.HasPrefix(strings.ToUpper(name), "HS"):
		return quote(name) + ": a shared secret, never mixed with public keys"
	}
	return quote(name)
}

// signatureHolds does the raw verification.
func signatureHolds(k key.Public, signed, signature []byte) bool {
	switch pub := k.Crypto().(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256(signed)
		return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		if len(signature) != 64 {
			return false
		}
		sum := sha256.Sum256(signed)
		return ecdsa.Verify(pub, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(pub, signed, signature)
	}
	return false
}

// checkClaims checks what the profile demands of the claims, all of it.
func checkClaims(r *reporter, c Registered, payload []byte, p Profile) {
	checkIssuer(r, c, p)
	checkAudience(r, c, p)
	now := time.Now()
	if p.Now != nil {
		now = p.Now()
	}
	checkTimes(r, c, p, now)
	if p.order {
		checkIssued(r, c, now)
	}
	if len(p.Required) == 0 {
		return
	}
	present := make(map[string]bool, 16)
	scan(payload, func(name, value []byte) error {
		present[string(name)] = string(value) != "null" && string(value) != `""`
		return nil
	})
	for _, name := range p.Required {
		there := present[name]
		if name == "aud" {
			there = len(c.Audience) > 0
		}
		if !there {
			r.fail("required", name, "none", ErrRequired)
		}
	}
}

func checkIssuer(r *reporter, c Registered, p Profile) {
	switch {
	case p.Issuer == "":
		r.skip("iss", "")
	case c.Issuer != p.Issuer:
		r.fail("iss", quote(p.Issuer), orNone(c.Issuer), ErrIssuer)
	default:
		r.pass("iss", p.Issuer, c.Issuer)
	}
}

func checkAudience(r *reporter, c Registered, p Profile) {
	if len(p.Audience) == 0 {
		r.skip("aud", "")
		return
	}
	want := strings.Join(p.Audience, " or ")
	if p.NoAudience && c.Audience == nil {
		r.pass("aud", want+", or no aud", "none")
		return
	}
	for _, one := range c.Audience {
		if slices.Contains(p.Audience, one) {
			r.pass("aud", want, one)
			return
		}
	}
	r.fail("aud", quote(want), orNone(strings.Join(c.Audience, ", ")), ErrAudience)
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return quote(text)
}
