"""PyJWT. Usage: pyjwt.py ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line."""
import json
import sys
import urllib.request

import jwt

issuer, audience, subject, mode = sys.argv[1:]
discovery = json.load(urllib.request.urlopen(issuer + "/.well-known/openid-configuration"))
assert discovery["issuer"] == issuer
keys = jwt.PyJWKClient(discovery["jwks_uri"])
algorithms = ["RS256", "ES256", "EdDSA"]


def default(raw):
    key = keys.get_signing_key_from_jwt(raw).key
    return jwt.decode(raw, key, algorithms=algorithms, audience=audience)  # a token with aud is refused without audience


def strict(raw):
    header = jwt.get_unverified_header(raw)
    if header.get("typ", "JWT") != "JWT" or "crit" in header:
        raise jwt.InvalidTokenError("the header has another typ, or crit")
    key = keys.get_signing_key_from_jwt(raw)
    if header.get("alg") not in algorithms:
        raise jwt.InvalidAlgorithmError("alg")
    claims = jwt.decode(raw, key.key, algorithms=[header["alg"]], audience=audience, issuer=issuer,
                        options={"require": ["exp", "nbf", "iat", "sub", "jti"]})
    if claims["sub"] != subject:
        raise jwt.InvalidTokenError("another subject")
    return claims


verify = {"default": default, "strict": strict}[mode]
for line in sys.stdin:
    try:
        print("accepted", verify(line.strip())["sub"])
    except Exception as e:
        print("refused", type(e).__name__ + ":", " ".join(str(e).split()))
