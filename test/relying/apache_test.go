package relying

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/apachetest"
	"github.com/writ-run/writ/test/issuertest"
)

const apacheAudience = "https://www.example.com"

// TestApacheLocally: mod_auth_openidc checks signatures with the key set. Which claims are wanted has to be said.
func TestApacheLocally(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	made := mint(t, issuer, apacheAudience)
	directives := fmt.Sprintf("OIDCOAuthVerifyJwksUri %s/.well-known/jwks.json\n", issuer.URL)
	visit := visits(t, issuer, directives, fmt.Sprintf(
		"<RequireAll>\nRequire claim iss:%s\nRequire claim aud:%s\nRequire claim team:infra\nRequire claim job:release\n</RequireAll>", issuer.URL, apacheAudience))
	made.judge(t, visit, []key.Algorithm{key.RS256, key.ES256}, "not yet valid", "unknown critical header")
	if in, said := visit(issuer.Ended(t, apacheAudience, key.RS256)); !in {
		t.Errorf("a signature says nothing of a run that has ended, and yet: %v", said)
	}
	made.judge(t, visits(t, issuer, directives, "Require valid-user"),
		[]key.Algorithm{key.RS256, key.ES256}, "not yet valid", "unknown critical header", "another audience", "another issuer", "another job")
}

// TestApacheIntrospection: the issuer is asked, so that it judges all but what the page's own rule has to.
func TestApacheIntrospection(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	made := mint(t, issuer, apacheAudience)
	directives := fmt.Sprintf("OIDCOAuthIntrospectionEndpoint %s/introspect\nOIDCOAuthIntrospectionEndpointAuth none\nOIDCOAuthIntrospectionEndpointParams audience=%s\n",
		issuer.URL, url.QueryEscape(apacheAudience))
	visit := visits(t, issuer, directives, "OIDCOAuthTokenIntrospectionInterval -1\n<RequireAll>\nRequire claim team:infra\nRequire claim job:release\n</RequireAll>")
	made.judge(t, visit, algorithms)
	if in, said := visit(issuer.Ended(t, apacheAudience, key.RS256)); in {
		t.Errorf("a token of a run that has ended was let in: %v", said)
	}
}

// visits starts an httpd that guards /protected, and returns who is let in there.
func visits(t *testing.T, issuer *issuertest.Issuer, directives, require string) func(string) (bool, any) {
	t.Helper()
	apache := apachetest.Start(t, "OIDCCABundlePath "+issuer.Authority.File+"\n"+directives+"<Location /protected>\nAuthType oauth20\n"+require+"\n</Location>\n")
	if status, _ := apache.Get(t, "/protected/hello.txt", ""); status != 401 {
		t.Errorf("without a token: status %d, want 401", status)
	}
	return func(raw string) (bool, any) {
		status, answer := apache.Get(t, "/protected/hello.txt", raw)
		return status == 200 && answer == "hello", status
	}
}
