package key

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBytes bounds the text of a key or key set: 1 MiB holds a set of a thousand RSA keys.
const maxBytes = 1 << 20

// jwk are the members of a JSON Web Key that we read and write (RFC 7517 section 4, RFC 7518 section 6, RFC 8037
// section 2). Members that we do not know are ignored (RFC 7517 section 4).
type jwk struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use,omitzero"`
	Operations []string `json:"key_ops,omitzero"`
	Algorithm  string   `json:"alg,omitzero"`
	ID         string   `json:"kid,omitzero"`
	Curve      string   `json:"crv,omitzero"`

	N string `json:"n,omitzero"`
	E string `json:"e,omitzero"`
	X string `json:"x,omitzero"`
	Y string `json:"y,omitzero"`

	D  string `json:"d,omitzero"`
	P  string `json:"p,omitzero"`
	Q  string `json:"q,omitzero"`
	DP string `json:"dp,omitzero"`
	DQ string `json:"dq,omitzero"`
	QI string `json:"qi,omitzero"`
	K  string `json:"k,omitzero"`

	Other jsontext.Value `json:"oth,omitzero"`
}

// errUnknownType is a key type or curve that is not ours: a key set skips it (RFC 7517 section 5).
var errUnknownType = errors.New("not one of RSA, EC with P-256, OKP with Ed25519")

// decodeJWK reads one JSON object. Duplicate members and bytes that are not UTF-8 are refused.
func decodeJWK(data []byte) (jwk, error) {
	var k jwk
	if err := json.Unmarshal(data, &k); err != nil {
		return jwk{}, jsonError("JWK", err)
	}
	return k, nil
}

// jsonError names the place and the kind of a mistake without quoting the text, which may be a private key.
func jsonError(what string, err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		if semantic.JSONPointer != "" {
			return fmt.Errorf("%s: member %q has the wrong type", what, string(semantic.JSONPointer))
		}
		return fmt.Errorf("%s: not a JSON object", what)
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("%s: duplicate member at byte %d", what, syntax.ByteOffset)
		}
		return fmt.Errorf("%s: not JSON at byte %d", what, syntax.ByteOffset)
	}
	return fmt.Errorf("%s: not JSON", what)
}

// private tells whether the JWK holds private (or symmetric) material.
func (k jwk) private() bool {
	return k.D != "" || k.P != "" || k.Q != "" || k.DP != "" || k.DQ != "" || k.QI != "" || k.K != "" || len(k.Other) > 0
}

// check refuses a key that was made for something else than signatures with the algorithm of its type.
func (k jwk) check() (Algorithm, error) {
	var algorithm Algorithm
	switch {
	case k.Type == "":
		return "", errors.New(`JWK: no member "kty"`)
	case k.Type == "RSA":
		algorithm = RS256
	case k.Type == "EC" && k.Curve == "P-256":
		algorithm = ES256
	case k.Type == "OKP" && k.Curve == "Ed25519":
		algorithm = EdDSA
	case k.Curve != "":
		return "", fmt.Errorf("JWK: kty %.20q with crv %.20q is %w", k.Type, k.Curve, errUnknownType)
	default:
		return "", fmt.Errorf("JWK: kty %.20q is %w", k.Type, errUnknownType)
	}
	if k.Algorithm != "" && k.Algorithm != string(algorithm) && !(algorithm == EdDSA && k.Algorithm == "Ed25519") {
		return "", fmt.Errorf("JWK: alg %.20q with kty %s %s; want %s: %w", k.Algorithm, k.Type, k.Curve, algorithm, errUnknownType)
	}
	if k.Use != "" && k.Use != "sig" {
		return "", fmt.Errorf("JWK: use %.20q; want sig: %w", k.Use, errUnknownType)
	}
	for _, operation := range k.Operations {
		if operation != "sign" && operation != "verify" {
			return "", fmt.Errorf("JWK: key_ops has %.20q; want only sign and verify: %w", operation, errUnknownType)
		}
	}
	return algorithm, nil
}

// public reads the public half.
func (k jwk) public() (Public, error) {
	algorithm, err := k.check()
	if err != nil {
		return Public{}, err
	}
	var pub crypto.PublicKey
	switch algorithm {
	case RS256:
		pub, err = k.rsa()
	case ES256:
		pub, err = k.ec()
	case EdDSA:
		var x []byte
		x, err = fixed("x", k.X, ed25519.PublicKeySize)
		pub = ed25519.PublicKey(x)
	}
	if err != nil {
		return Public{}, err
	}
	return NewPublic(pub, k.ID)
}

func (k jwk) rsa() (*rsa.PublicKey, error) {
	n, err := integer("n", k.N)
	if err != nil {
		return nil, err
	}
	e, err := integer("e", k.E)
	if err != nil {
		return nil, err
	}
	if e.BitLen() > 31 {
		return nil, errors.New("JWK: e is over 2^31-1")
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
}

func (k jwk) ec() (*ecdsa.PublicKey, error) {
	x, err := fixed("x", k.X, 32)
	if err != nil {
		return nil, err
	}
	y, err := fixed("y", k.Y, 32)
	if err != nil {
		return nil, err
	}
	point := append(append([]byte{4}, x...), y...)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errors.New("JWK: x and y are not a point of P-256")
	}
	return pub, nil
}

// secret reads a private key, and checks that it belongs to the public members beside it.
func (k jwk) secret() (Private, error) {
	public, err := k.public()
	if err != nil {
		return Private{}, err
	}
	if k.D == "" {
		return Private{}, errors.New(`JWK: no member "d": this is a public key`)
	}
	var signer crypto.Signer
	switch pub := public.key.(type) {
	case *rsa.PublicKey:
		signer, err = k.rsaPrivate(pub)
	case *ecdsa.PublicKey:
		var d []byte
		if d, err = fixed("d", k.D, 32); err == nil {
			if signer, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), d); err != nil {
				err = errors.New("JWK: d is not a private key of P-256")
			}
		}
	case ed25519.PublicKey:
		var d []byte
		if d, err = fixed("d", k.D, ed25519.SeedSize); err == nil {
			signer = ed25519.NewKeyFromSeed(d)
		}
	}
	if err != nil {
		return Private{}, err
	}
	private, err := newPrivate(signer, public.id)
	if err != nil {
		return Private{}, err
	}
	if !private.public.Equal(public) {
		return Private{}, errors.New("JWK: the private and the public members are of different keys")
	}
	return private, nil
}

func (k jwk) rsaPrivate(public *rsa.PublicKey) (*rsa.PrivateKey, error) {
	if len(k.Other) > 0 {
		return nil, errors.New(`JWK: RSA keys with more than two primes ("oth") are not taken`)
	}
	var values [3]*big.Int
	for i, member := range []struct{ name, text string }{{"d", k.D}, {"p", k.P}, {"q", k.Q}} {
		if member.text == "" {
			return nil, fmt.Errorf("JWK: RSA private key without member %q", member.name)
		}
		value, err := integer(member.name, member.text)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return &rsa.PrivateKey{PublicKey: *public, D: values[0], Primes: values[1:]}, nil
}

// fixed decodes a member of exactly n bytes.
func fixed(name, text string, n int) ([]byte, error) {
	data, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	if len(data) != n {
		return nil, fmt.Errorf("JWK: member %q has %d bytes, want %d", name, len(data), n)
	}
	return data, nil
}

// integer decodes a Base64urlUInt: no leading zero bytes (RFC 7518 section 2).
func integer(name, text string) (*big.Int, error) {
	data, err := decode(name, text)
	if err != nil {
		return nil, err
	}
	if data[0] == 0 {
		return nil, fmt.Errorf("JWK: member %q starts with a zero byte", name)
	}
	if len(data) > maxRSABits/8 {
		return nil, fmt.Errorf("JWK: member %q has %d bytes, want at most %d", name, len(data), maxRSABits/8)
	}
	return new(big.Int).SetBytes(data), nil
}

// strict takes base64url without padding, and only the one text that each value has (RFC 7515 section 2).
var strict = base64.RawURLEncoding.Strict()

func decode(name, text string) ([]byte, error) {
	if text == "" {
		return nil, fmt.Errorf("JWK: no member %q", name)
	}
	for i := range len(text) {
		if text[i] == '\n' || text[i] == '\r' { // the decoder would skip them
			return nil, fmt.Errorf("JWK: member %q is not base64url without padding", name)
		}
	}
	data, err := strict.DecodeString(text)
	if err != nil || len(data) == 0 {
		return nil, fmt.Errorf("JWK: member %q is not base64url without padding", name)
	}
	return data, nil
}

// MarshalJSON returns the public JWK with kid, use and alg.
func (p Public) MarshalJSON() ([]byte, error) {
	k, err := p.jwk()
	if err != nil {
		return nil, err
	}
	return json.Marshal(k, json.Deterministic(true))
}

func (p Public) jwk() (jwk, error) {
	k := jwk{Use: "sig", Algorithm: string(p.algorithm), ID: p.id}
	switch pub := p.key.(type) {
	case *rsa.PublicKey:
		k.Type, k.N, k.E = "RSA", encode(pub.N.Bytes()), encode(exponent(pub.E))
	case *ecdsa.PublicKey:
		x, y := coordinates(pub)
		k.Type, k.Curve, k.X, k.Y = "EC", "P-256", encode(x), encode(y)
	case ed25519.PublicKey:
		k.Type, k.Curve, k.X = "OKP", "Ed25519", encode(pub)
	default:
		return jwk{}, errors.New("no public key")
	}
	return k, nil
}

// JWK returns the private JWK. The caller keeps it secret.
func (p Private) JWK() ([]byte, error) {
	if p.key == nil {
		return nil, errors.New("no private key")
	}
	k, err := p.public.jwk()
	if err != nil {
		return nil, err
	}
	switch private := p.key().(type) {
	case *rsa.PrivateKey:
		k.D = encode(private.D.Bytes())
		k.P, k.Q = encode(private.Primes[0].Bytes()), encode(private.Primes[1].Bytes())
		k.DP, k.DQ = encode(private.Precomputed.Dp.Bytes()), encode(private.Precomputed.Dq.Bytes())
		k.QI = encode(private.Precomputed.Qinv.Bytes())
	case *ecdsa.PrivateKey:
		d, err := private.Bytes()
		if err != nil {
			return nil, errors.New("P-256 private key cannot be encoded")
		}
		k.D = encode(d)
	case ed25519.PrivateKey:
		k.D = encode(private.Seed())
	}
	return json.Marshal(k, json.Deterministic(true))
}
