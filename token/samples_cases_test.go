package token_test

import (
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
)

func (s *sampler) signatures() {
	const rule = "rfc8725bis 3.3"
	good := s.ours("", goodPayload)
	dot := strings.LastIndexByte(good, '.')
	input, signature := good[:dot], good[dot+1:]
	s.add("signature-strangers", "reject", "signature", rule, "a stranger's key under our kid", s.by(s.strangers, `{"alg":"EdDSA","kid":"ed"}`, goodPayload))
	s.add("signature-empty", "reject", "signature", rule, "nothing after the last dot", input+".")
	s.add("signature-one-bit", "reject", "signature", rule, "one bit of the signature is another", s.flipped(good))
	s.add("signature-zeros", "reject", "signature", rule, "a signature of zeros", input+"."+encode(strings.Repeat("\x00", 64)))
	s.add("payload-changed", "reject", "signature", rule, "another team's subject under the old signature", strings.Split(good, ".")[0]+"."+encode(other("sub", `"admin/deploy"`))+"."+signature)
	s.add("header-changed", "reject", "signature", rule, "a member was added to the header", encode(`{"alg":"EdDSA","kid":"ed","typ":"JWT","x":1}`)+"."+strings.SplitN(good, ".", 2)[1])
	s.add("signature-of-another-token", "reject", "signature", rule, "the good signature of another token", input+"."+s.ours("", more(`"x":1`))[strings.LastIndexByte(s.ours("", more(`"x":1`)), '.')+1:])
	ec := s.by(s.ec, `{"alg":"ES256","kid":"ec","typ":"JWT"}`, goodPayload)
	dot = strings.LastIndexByte(ec, '.')
	raw, err := base64.RawURLEncoding.DecodeString(ec[dot+1:])
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	if err != nil {
		s.t.Fatal(err)
	}
	s.add("es256-asn1", "reject", "signature", "RFC 7518 3.4", "ES256 with the signature in ASN.1", ec[:dot]+"."+encode(string(der)))
	s.add("es256-zeros", "reject", "signature", "rfc8725bis 3.4", "ES256 with r and s of 0 (CVE-2022-21449)", ec[:dot]+"."+encode(strings.Repeat("\x00", 64)))
	order, _ := new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)
	s.add("es256-order", "reject", "signature", "rfc8725bis 3.4", "ES256 with r and s of the group's order", ec[:dot]+"."+encode(strings.Repeat(string(order.Bytes()), 2)))
	s.add("es256-longer", "reject", "signature", "RFC 7518 3.4", "ES256 with a zero byte before r and before s", ec[:dot]+"."+encode("\x00"+string(raw[:32])+"\x00"+string(raw[32:])))
	inner := s.ours("", goodPayload)
	s.add("nested", "reject", "type", rule, "a good token within a good token", s.ours(`,"cty":"JWT"`, inner))
	s.add("nested-unsaid", "reject", "claims", rule, "a good token within a good token, without cty", s.ours("", inner))
	s.add("jwe", "reject", "format", rule, "five parts: an encrypted token", encode(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)+".AAAA.AAAA.AAAA.AAAA")
	s.add("jwe-bomb", "reject", "format", "rfc8725bis 3.15", "five parts and zip", encode(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`)+".."+"AAAA.AAAA.AAAA")
	s.add("pbes2", "reject", "format", "rfc8725bis 3.13", "five parts that ask for 2^31-1 iterations", encode(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAAAAAAAAA"}`)+".AAAA.AAAA.AAAA.AAAA")
	s.add("enc-in-a-signed-token", "strict", "type", rule, "enc in the header of a signed token", s.ours(`,"enc":"A256GCM"`, goodPayload))
}

// flipped changes one bit in the middle of the signature.
func (s *sampler) flipped(raw string) string {
	s.t.Helper()
	dot := strings.LastIndexByte(raw, '.')
	signature, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
	if err != nil {
		s.t.Fatal(err)
	}
	signature = slices.Clone(signature)
	signature[len(signature)/2] ^= 1
	return raw[:dot+1] + encode(string(signature))
}

func (s *sampler) headers() {
	const rule = "rfc8725bis 3.10"
	theirs := jwk(s.t, s.strangers)
	s.add("jwk-in-the-header", "reject", "signature", rule, "a stranger's signature with its key in jwk", s.by(s.strangers, `{"alg":"EdDSA","kid":"ed","jwk":`+theirs+`}`, goodPayload))
	s.add("jwk-without-kid", "reject", "signature", rule, "the same without kid", s.by(s.strangers, `{"alg":"EdDSA","jwk":`+theirs+`}`, goodPayload))
	s.add("jku", "reject", "signature", rule, "a stranger's signature with jku to its key set", s.by(s.strangers, `{"alg":"EdDSA","kid":"ed","jku":"https://evil.example/jwks.json"}`, goodPayload))
	s.add("x5u", "reject", "signature", rule, "a stranger's signature with x5u", s.by(s.strangers, `{"alg":"EdDSA","kid":"ed","x5u":"https://evil.example/cert.pem"}`, goodPayload))
	s.add("kid-unknown", "reject", "key", rule, "a kid that is in no key set", s.by(s.strangers, `{"alg":"EdDSA","kid":"stranger"}`, goodPayload))
	s.add("kid-path", "reject", "key", rule, "a kid that is a path", s.by(s.strangers, `{"alg":"EdDSA","kid":"../../../../dev/null"}`, goodPayload))
	s.add("kid-sql", "reject", "key", rule, "a kid that is SQL", s.by(s.strangers, `{"alg":"EdDSA","kid":"x' UNION SELECT 'key' --"}`, goodPayload))
	s.add("kid-number", "strict", "format", "RFC 7515 4.1.4", "a kid that is no text", s.by(s.ed, `{"alg":"EdDSA","kid":1}`, goodPayload))
	const crit = "RFC 7515 4.1.11"
	s.add("crit-unknown", "reject", "crit", crit, "crit names a parameter that is not understood", s.ours(`,"crit":["x"],"x":1`, goodPayload))
	s.add("crit-absent", "reject", "crit", crit, "crit names a parameter that is not there", s.ours(`,"crit":["x"]`, goodPayload))
	s.add("crit-empty", "reject", "crit", crit, "an empty crit", s.ours(`,"crit":[]`, goodPayload))
	s.add("crit-registered", "reject", "crit", crit, "crit names alg", s.ours(`,"crit":["alg"]`, goodPayload))
	s.add("b64", "reject", "crit", "RFC 7797 7", "b64 false with crit: not for a JWT", s.ours(`,"b64":false,"crit":["b64"]`, goodPayload))
	const typ = "rfc8725bis 3.11"
	s.add("typ-access-token", "strict", "type", typ, "typ at+jwt where a JWT is wanted", s.by(s.ed, `{"alg":"EdDSA","kid":"ed","typ":"at+jwt"}`, goodPayload))
	s.add("typ-pattern", "strict", "type", typ, "typ pattern+jwt where a JWT is wanted", s.by(s.ed, `{"alg":"EdDSA","kid":"ed","typ":"pattern+jwt"}`, goodPayload))
	s.add("typ-twice-prefixed", "strict", "type", typ, "typ application/application/jwt", s.by(s.ed, `{"alg":"EdDSA","kid":"ed","typ":"application/application/jwt"}`, goodPayload))
	s.add("header-list", "reject", "format", "RFC 7515 4", "a header that is a list", s.by(s.ed, `[]`, goodPayload))
	s.add("header-latin-1", "strict", "format", "rfc8725bis 3.7", "a header that is not UTF-8", s.by(s.ed, "{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"x\":\"caf\xe9\"}", goodPayload))
}

func (s *sampler) texts() {
	const rule = "rfc8725bis 3.14"
	good := s.ours("", goodPayload)
	parts := strings.Split(good, ".")
	s.add("nothing", "reject", "format", rule, "no text at all", "")
	s.add("two-parts", "reject", "format", rule, "no signature part", parts[0]+"."+parts[1])
	s.add("four-parts", "reject", "format", rule, "one part more", good+".AAAA")
	s.add("json-flattened", "reject", "format", rule, "the JSON serialization, flattened", `{"protected":"`+parts[0]+`","payload":"`+parts[1]+`","signature":"`+parts[2]+`"}`)
	s.add("json-general", "reject", "format", rule, "the JSON serialization, general", `{"payload":"`+parts[1]+`","signatures":[{"protected":"`+parts[0]+`","signature":"`+parts[2]+`"}]}`)
	s.add("detached", "reject", "signature", rule, "an empty payload under the good signature", parts[0]+".."+parts[2])
	s.add("padding", "strict", "format", rule, "padding after the signature", good+"==")
	s.add("newline-after", "strict", "format", rule, "a newline after the token", good+"\n")
	s.add("blank-before", "strict", "format", rule, "a blank before the token", " "+good)
	s.add("newline-within", "strict", "format", rule, "a newline in the signature", good[:len(good)-8]+"\n"+good[len(good)-8:])
	s.add("base64", "strict", "format", rule, "the signature in base64 instead of base64url", parts[0]+"."+parts[1]+"."+strings.NewReplacer("-", "+", "_", "/").Replace(parts[2]))
	s.add("unused-bits", "strict", "format", rule, "unused bits of the last character are set: the same bytes, another text", unusedBits(s.t, good))
	s.add("too-large", "strict", "format", "-", "70,000 bytes", good+strings.Repeat("A", 70_000-len(good)))
}

func (s *sampler) claims() {
	const iss, aud, times, text = "rfc8725bis 3.8", "rfc8725bis 3.9", "RFC 7519 4.1", "rfc8725bis 3.7"
	for _, c := range []struct{ name, expect, check, source, what, payload string }{
		{"iss-another", "reject", "iss", iss, "another issuer", other("iss", `"https://evil.example"`)},
		{"iss-slash", "reject", "iss", iss, "a slash after the issuer", other("iss", `"https://ci.example.com/"`)},
		{"iss-case", "reject", "iss", iss, "the issuer in other letters", other("iss", `"https://CI.example.com"`)},
		{"iss-prefix", "reject", "iss", iss, "an issuer that begins with ours", other("iss", `"https://ci.example.com.evil.example"`)},
		{"iss-missing", "reject", "iss", iss, "no issuer", other("iss", "")},
		{"iss-list", "reject", "claims", iss, "a list with our issuer in it", other("iss", `["https://ci.example.com"]`)},
		{"sub-missing", "strict", "required", iss, "no subject", other("sub", "")},
		{"sub-list", "strict", "claims", iss, "a subject that is a list", other("sub", `["main/deploy"]`)},
		{"aud-another", "reject", "aud", aud, "another audience", other("aud", `"aws"`)},
		{"aud-prefix", "reject", "aud", aud, "an audience that begins with ours", other("aud", `"vault2"`)},
		{"aud-part", "reject", "aud", aud, "an audience that ours begins with", other("aud", `"vaul"`)},
		{"aud-case", "reject", "aud", aud, "our audience in other letters", other("aud", `"VAULT"`)},
		{"aud-words", "reject", "aud", aud, "two audiences in one text", other("aud", `"aws vault"`)},
		{"aud-star", "reject", "aud", aud, "an audience of *", other("aud", `"*"`)},
		{"aud-missing", "reject", "aud", aud, "no audience", other("aud", "")},
		{"aud-empty", "reject", "aud", aud, "an empty list of audiences", other("aud", "[]")},
		{"aud-object", "reject", "claims", aud, "an audience that is an object", other("aud", `{"vault":true}`)},
		{"exp-past", "reject", "exp", times, "expired a second ago", other("exp", "1799999999")},
		{"exp-now", "strict", "exp", times, "expires in this second: on or after exp it is over", other("exp", "1800000000")},
		{"exp-missing", "strict", "required", times, "no exp", other("exp", "")},
		{"exp-text", "strict", "claims", times, "exp is a text", other("exp", `"1800003600"`)},
		{"exp-null", "strict", "claims", times, "exp is null", other("exp", "null")},
		{"exp-negative", "reject", "claims", times, "exp is negative", other("exp", "-1")},
		{"exp-milliseconds", "strict", "claims", times, "exp in milliseconds: the year 59010", other("exp", "1800003600000")},
		{"exp-huge", "strict", "claims", times, "exp of 1e300", other("exp", "1e300")},
		{"exp-far", "strict", "life", "-", "a life of ten years", other("exp", "2115360000")},
		{"nbf-ahead", "reject", "nbf", times, "not valid for another hour", other("nbf", "1800003600")},
		{"nbf-text", "strict", "claims", times, "nbf is a text", other("nbf", `"1800000000"`)},
		{"iat-ahead", "strict", "life", times, "issued in an hour", other("iat", "1800003600")},
		{"claims-twice", "strict", "claims", "RFC 7519 4", "sub twice", more(`"sub":"admin/deploy"`)},
		{"claims-twice-escaped", "strict", "claims", "RFC 7519 4", "iss twice, once escaped", more(`"\u0069ss":"https://evil.example"`)},
		{"claims-twice-within", "strict", "claims", "RFC 7519 4", "a member twice, two levels down", more(`"x":[{"a":1,"a":2}]`)},
		{"claims-capitals-beside", "strict", "claims", "RFC 7519 4", "ISS beside iss", more(`"ISS":"https://evil.example"`)},
		{"claims-capitals", "reject", "claims", iss, "Iss instead of iss", strings.Replace(goodPayload, `"iss"`, `"Iss"`, 1)},
		{"claims-latin-1", "strict", "claims", text, "a claim in Latin-1", more("\"team\":\"caf\xe9\"")},
		{"claims-overlong", "strict", "claims", text, "an overlong UTF-8 sequence", more("\"team\":\"\xc0\xaf\"")},
		{"claims-surrogate", "strict", "claims", text, "half of a surrogate pair, escaped", more(`"team":"\ud800"`)},
		{"claims-utf-16", "reject", "claims", text, "claims in UTF-16", "\xff\xfe{\x00}\x00"},
		{"claims-bom", "strict", "claims", text, "a byte order mark before the claims", "\ufeff" + goodPayload},
		{"claims-list", "reject", "claims", "RFC 7519 7.2", "claims in a list", "[" + goodPayload + "]"},
		{"claims-null", "reject", "claims", "RFC 7519 7.2", "claims that are null", "null"},
		{"claims-empty", "reject", "iss", iss, "no claims", "{}"},
		{"claims-more-after", "reject", "claims", "RFC 7519 7.2", "a second object after the claims", goodPayload + "{}"},
		{"claims-comma", "strict", "claims", "RFC 8259 4", "a comma after the last claim", strings.TrimSuffix(goodPayload, "}") + ",}"},
		{"claims-deep", "strict", "claims", "-", "20,000 lists in one another", more(`"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000))},
	} {
		s.add(c.name, c.expect, c.check, c.source, c.what, s.ours("", c.payload))
	}
	s.add("payload-not-base64", "reject", "claims", "rfc8725bis 3.14", "the issuer signed a payload with padding", s.signedText("e30="))
}

// signedText signs a payload part as it stands.
func (s *sampler) signedText(payload string) string {
	s.t.Helper()
	input := encode(`{"alg":"EdDSA","kid":"ed"}`) + "." + payload
	signature, err := s.ed.Sign(s.t.Context(), []byte(input))
	if err != nil {
		s.t.Fatal(err)
	}
	return input + "." + encode(string(signature))
}
