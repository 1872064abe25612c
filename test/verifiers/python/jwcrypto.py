"""jwcrypto. Usage: jwcrypto.py ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line."""
import sys

sys.path.pop(0)  # this directory: the file has the name of the library
import json
import urllib.request

from jwcrypto import jwk, jwt

issuer, audience, subject, mode = sys.argv[1:]


def fetch(url):
    return urllib.request.urlopen(url).read().decode()


discovery = json.loads(fetch(issuer + "/.well-known/openid-configuration"))
assert discovery["issuer"] == issuer
keys = jwk.JWKSet.from_json(fetch(discovery["jwks_uri"]))
algorithms = ["RS256", "ES256", "EdDSA"]


def default(raw):
    return json.loads(jwt.JWT(jwt=raw, key=keys).claims)


def strict(raw):
    checks = {"iss": issuer, "aud": audience, "exp": None, "nbf": None, "iat": None, "sub": subject, "jti": None}
    token = jwt.JWT(jwt=raw, key=keys, algs=algorithms, check_claims=checks)
    header = json.loads(token.header) if isinstance(token.header, str) else token.header
    if header.get("typ", "JWT") != "JWT":
        raise ValueError("the header has another typ")
    return json.loads(token.claims)


verify = {"default": default, "strict": strict}[mode]
for line in sys.stdin:
    try:
        print("accepted", verify(line.strip())["sub"])
    except Exception as e:
        print("refused", type(e).__name__ + ":", " ".join(str(e).split()))
