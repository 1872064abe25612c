package relying

import (
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/vaulttest"
)

const vaultAudience = "https://vault.example.com"

// TestVault: a whole server, and the current logic of the auth method without one.
func TestVault(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *vaulttest.Server{"server": vaulttest.Start, "current method": vaulttest.StartMethod} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := issuertest.Start(t)
			made := mint(t, issuer, vaultAudience)
			vault := start(t)
			if vault.Token != "" { // of a server: the method has to be enabled first
				vault.Do(t, "POST", "sys/auth/jwt", map[string]any{"type": "jwt"})
			}
			configure := func(config map[string]any) {
				config["oidc_discovery_url"] = issuer.URL
				vault.Do(t, "POST", "auth/jwt/config", config)
				vault.Do(t, "POST", "auth/jwt/role/release", map[string]any{
					"role_type": "jwt", "user_claim": "sub", "bound_audiences": []string{vaultAudience},
					"bound_claims": map[string]any{"team": "infra", "job": "release"}, "token_ttl": "10m",
				})
			}
			login := func(raw string) (bool, any) {
				status, answer := vault.As(t, "", "POST", "auth/jwt/login", map[string]any{"role": "release", "jwt": raw})
				auth, _ := answer["auth"].(map[string]any)
				return status == 200 && auth != nil, answer
			}
			configure(map[string]any{"bound_issuer": issuer.URL})
			made.judge(t, login, algorithms)
			configure(map[string]any{"bound_issuer": issuer.URL, "jwt_supported_algs": []string{"RS256"}})
			made.judge(t, login, []key.Algorithm{key.RS256})
			configure(map[string]any{}) // why the page says: always bound_issuer
			made.judge(t, login, algorithms, "another issuer")
		})
	}
}
