package token

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/key"
)

// MaxOrderBytes bounds an order: its payload holds whole files.
const MaxOrderBytes = 64 << 20

// OrderLeeway is what an order may be off the clock: exp may be past and nbf ahead by it, iat ahead.
const OrderLeeway = 30 * time.Second

// patternClaim is what makes a token an order: no identity has it.
const patternClaim = "etchaPattern"

// VerifyOrder checks an order, as Verify checks an identity, and differs from it in this:
//
//   - Every key whose type fits alg is tried, those with the token's kid first. The kid may be missing, empty or wrong.
//   - HS256 is taken where the keys are shared secrets, and then alone.
//   - exp, nbf and iat are whole numbers, without fraction or exponent.
//   - exp is optional; it and nbf are compared with OrderLeeway. The profile's NoExpiry and Leeway do not matter.
//   - iat may be at most OrderLeeway ahead of the clock. Whether it must be there is for Required.
//   - etchaPattern must be there.
//   - MaxBytes may be up to MaxOrderBytes, which is also what 0 means. Until a signature holds, an order costs as many
//     hashes of its text as there are keys for EdDSA.
//
// raw is not changed, and not kept.
func VerifyOrder[C Claims](raw []byte, keys key.OrderKeys, p Profile) (Verified[C], Report, error) {
	r := &reporter{report: make(Report, 0, len(listedOrder)+len(p.Required)+1)}
	p = p.forOrders()
	v, standard, verified := verifyOrder[C](r, raw, keys, p)
	if !verified {
		r.skipRest(listedOrder[:])
		return Verified[C]{}, r.report, r.err()
	}
	checkClaims(r, standard, v.payload, p)
	if err := r.err(); err != nil {
		return Verified[C]{}, r.report, err
	}
	return v, r.report, nil
}

// VouchedOrder checks an order as VerifyOrder does, but for its algorithm, key and signature: voucher, a program that the
// verifier's own configuration names, has verified this very token. It is named in the report. SignatureHolds is then true. One
// without a signature (alg none, RFC 7515 section 3.6) is refused, whoever vouches for it.
func VouchedOrder[C Claims](raw []byte, voucher string, p Profile) (Verified[C], Report, error) {
	r := &reporter{report: make(Report, 0, len(listedOrder)+len(p.Required)+1)}
	p = p.forOrders()
	v, standard, verified := vouchedOrder[C](r, raw, voucher, p)
	if !verified {
		r.skipRest(listedOrder[:])
		return Verified[C]{}, r.report, r.err()
	}
	checkClaims(r, standard, v.payload, p)
	if err := r.err(); err != nil {
		return Verified[C]{}, r.report, err
	}
	return v, r.report, nil
}

func vouchedOrder[C Claims](r *reporter, raw []byte, voucher string, p Profile) (v Verified[C], standard Registered, ok bool) {
	switch {
	case voucher == "":
		r.fail("profile", "the name of what has verified the token", "none", ErrProfile)
		return v, standard, false
	case !p.check(r):
		return v, standard, false
	}
	s, err := splitBytes(raw, p.MaxBytes)
	h, ok := checkFormat(r, s, err, p)
	if !ok {
		return v, standard, false
	}
	if strings.EqualFold(h.Algorithm.text, "none") { // nobody has verified a signature then
		r.fail("algorithm", "one that signs", h.Algorithm.text, ErrAlgorithm)
		return v, standard, false
	}
	r.skip("algorithm", "")
	r.skip("key", "")
	r.pass("signature", "one that "+voucher+" take", "taken")
	return readClaims[C](r, s, used{id: voucher}, true)
}

// listedOrder is how the checks of an order are listed.
var listedOrder = [...]string{"format", "type", "crit", "algorithm", "key", "signature", "claims", "iss", "aud", "nbf", "exp", "life", "iat"}

// forOrders puts what holds for every order into the profile.
func (p Profile) forOrders() Profile {
	p.NoExpiry, p.Leeway, p.order = true, OrderLeeway, true
	if p.MaxBytes == 0 {
		p.MaxBytes = MaxOrderBytes
	}
	if !slices.Contains(p.Required, patternClaim) {
		p.Required = append(slices.Clone(p.Required), patternClaim)
	}
	return p
}

func verifyOrder[C Claims](r *reporter, raw []byte, keys key.OrderKeys, p Profile) (v Verified[C], standard Registered, ok bool) {
	if !p.check(r) {
		return v, standard, false
	}
	if p.MaxBytes > MaxOrderBytes {
		r.fail("profile", fmt.Sprintf("MaxBytes of at most %d", MaxOrderBytes), fmt.Sprint(p.MaxBytes), ErrProfile)
		return v, standard, false
	}
	s, err := splitBytes(raw, p.MaxBytes)
	h, ok := checkFormat(r, s, err, p)
	if !ok {
		return v, standard, false
	}
	algorithm, ok := orderAlgorithm(r, h, s, keys, p.Algorithms)
	if !ok {
		return v, standard, false
	}
	by, ok := checkOrderSignature(r, h, s, keys, algorithm)
	if !ok {
		return v, standard, false
	}
	return readClaims[C](r, s, by, true)
}

// orderAlgorithm says which algorithm the header names, if that is one of the keys' kind.
func orderAlgorithm(r *reporter, h header, s segments, keys key.OrderKeys, allowed []key.Algorithm) (key.Algorithm, bool) {
	algorithm := key.Algorithm(h.Algorithm.text)
	if algorithm == "Ed25519" { // RFC 9864
		algorithm = key.EdDSA
	}
	want, got := "", describeAlgorithm(h.Algorithm.text)
	_, unknown := key.ParseAlgorithm(string(algorithm))
	switch shared := len(keys.Shared()) > 0; {
	case keys.Empty():
		r.fail("key", "a key to verify with", "none", ErrKey)
		return "", false
	case shared && unknown == nil:
		want, got = "HS256, of the shared secret", quote(h.Algorithm.text)+": of a key of two halves, never mixed with shared secrets"
	case shared && algorithm != key.HS256:
		want = "HS256, of the shared secret"
	case !shared && unknown != nil:
		want = "one of RS256, ES256, EdDSA"
	case len(allowed) > 0 && !slices.Contains(allowed, algorithm):
		want, got = "one of "+joined(allowed), h.Algorithm.text
	case algorithm == key.ES256 && len(s.signature) >= 256: // RSA with 2048 bits or more
		want = "ES256 with a signature of 64 bytes"
		got = fmt.Sprintf("one of %d bytes: an RSA signature under the name of ES256, which is what Etcha makes with an RSA key; sign with Ed25519 or P-256", len(s.signature))
	}
	if want != "" {
		r.fail("algorithm", want, got, ErrAlgorithm)
		return "", false
	}
	return algorithm, true
}

// checkOrderSignature tries every key that fits the algorithm.
func checkOrderSignature(r *reporter, h header, s segments, keys key.OrderKeys, algorithm key.Algorithm) (used, bool) {
	var by used
	var tried int
	var named, held bool
	if algorithm == key.HS256 {
		t := tryKeys(keys.Shared(), h.KeyID.text,
			func(key.HMAC) bool { return true },
			func(k key.HMAC) bool { return k.Verify(s.signed, s.signature) })
		by, tried, named, held = used{id: t.key.ID()}, t.tried, t.named, t.held
	} else {
		t := tryKeys(keys.Public(), h.KeyID.text,
			func(k key.Public) bool { return k.Algorithm() == algorithm },
			func(k key.Public) bool { return signatureHolds(k, s.signed, s.signature) })
		by, tried, named, held = used{t.key, t.key.ID()}, t.tried, t.named, t.held
	}
	if tried == 0 {
		var have []key.Algorithm
		for _, k := range keys.Public() {
			if !slices.Contains(have, k.Algorithm()) {
				have = append(have, k.Algorithm())
			}
		}
		r.fail("algorithm", joined(have)+", of the keys there are", h.Algorithm.text, ErrAlgorithm)
		return used{}, false
	}
	r.pass("algorithm", string(algorithm), h.Algorithm.text)
	want := "a key for " + string(algorithm)
	if !held {
		got := "one that does not hold: the token was changed, or another key signed it"
		if kid := h.KeyID.text; kid != "" && !named {
			got += "; its kid " + quote(kid) + " is of none of them"
		}
		r.pass("key", want, fmt.Sprint(tried))
		r.fail("signature", fmt.Sprintf("one by any of these %d", tried), got, ErrSignature)
		return used{}, false
	}
	r.pass("key", want, describeKey(by.id, h.KeyID.text))
	r.pass("signature", "of that key", "it holds")
	return by, true
}

// describeKey is the key's id, and the token's where that is another.
func describeKey(id, kid string) string {
	if id == "" {
		id = "one without kid"
	}
	if kid == "" || kid == id {
		return id
	}
	return strings.Join([]string{id, ", though the kid is ", quote(kid)}, "")
}

// trial is what came of trying keys.
type trial[K any] struct {
	key   K    // the one that holds, if any
	tried int  // how many fit and were tried
	named bool // the kid is of one that fits
	held  bool
}

// tryKeys tries the keys that fit, those with the kid first.
func tryKeys[K interface{ ID() string }](keys []K, kid string, fits, holds func(K) bool) trial[K] {
	var t trial[K]
	for _, named := range [...]bool{true, false} {
		for _, k := range keys {
			if !fits(k) || (k.ID() == kid) != named {
				continue
			}
			t.named = t.named || named
			if t.tried++; holds(k) {
				t.key, t.held = k, true
				return t
			}
		}
	}
	return t
}

// checkIssued checks iat against the clock: an order from the future would make every later one an old one.
func checkIssued(r *reporter, c Registered, now time.Time) {
	latest := now.Add(OrderLeeway).Unix()
	want := "at most " + instant(latest) + ", " + OrderLeeway.String() + " ahead of the clock"
	switch {
	case c.IssuedAt == 0: // where it is required, it is reported as that
		r.skip("iat", "")
	case int64(c.IssuedAt) > latest:
		r.fail("iat", want, instant(int64(c.IssuedAt)), ErrNotYetValid)
	default:
		r.pass("iat", want, instant(int64(c.IssuedAt)))
	}
}
