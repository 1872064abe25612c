"""Authlib. Usage: authlib.py ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line."""
import sys

sys.path.pop(0)  # this directory: the file has the name of the library
import json
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken

issuer, audience, subject, mode = sys.argv[1:]
discovery = json.load(urllib.request.urlopen(issuer + "/.well-known/openid-configuration"))
assert discovery["issuer"] == issuer
keys = JsonWebKey.import_key_set(json.load(urllib.request.urlopen(discovery["jwks_uri"])))
jwt = JsonWebToken(["RS256", "ES256", "EdDSA"])


def default(raw):
    return jwt.decode(raw, keys)


def strict(raw):
    claims = jwt.decode(raw, keys, claims_options={
        "iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience},
        "exp": {"essential": True}, "nbf": {"essential": True}, "sub": {"essential": True, "value": subject},
    })
    claims.validate()
    if claims.header.get("typ", "JWT") != "JWT" or "crit" in claims.header:
        raise ValueError("the header has another typ, or crit")
    return claims


verify = {"default": default, "strict": strict}[mode]
for line in sys.stdin:
    try:
        print("accepted", verify(line.strip())["sub"])
    except Exception as e:
        print("refused", type(e).__name__ + ":", " ".join(str(e).split()))
