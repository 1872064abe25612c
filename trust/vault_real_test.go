package trust_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/vaulttest"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

func party(t *testing.T, name string) trust.Party {
	t.Helper()
	p, err := trust.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVault runs the printed commands against a real Vault, which then says of thirty tokens what the model says.
func TestVault(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	vault, current := vaulttest.Start(t), vaulttest.StartMethod(t)
	k := issuerKey(t, issuer, key.RS256)
	wishes := []trust.Wish{
		{Run: workload.Subject{Team: "main", Pipeline: "web"}},
		{Run: workload.Subject{Team: "main", Pipeline: "web", Job: "release"}},
		{Run: workload.Subject{Team: "main", Pipeline: "web", InstanceVars: map[string]any{"env": "prod", "a/b~c": "x"}}},
		{Subject: "main/web"},
		{Rule: `team == "main" && (pipeline == "web" || pipeline == "api") && job matches "release.*"`},
		{Rule: `team in ["main", "other"] && pipeline == "web" && not privileged`},
		{Rule: `team == "main" && has("runtime")`},
		{Rule: `sub startsWith "main/"`},
		{Rule: `true`},
		{Run: workload.Subject{Team: `m'a"i $(touch pwned) ${HOME} \n, *?`, Pipeline: "日本 web"}},
	}
	for i, wish := range wishes {
		wish.Issuer, wish.Audience, wish.Mount, wish.Role, wish.Policies = issuer.URL, vault.URL, fmt.Sprintf("ci/writ-%d", i), fmt.Sprintf("role-%d", i), []string{"default"}
		plan, err := party(t, "vault").Plan(wish)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the commands can be run again
			runCommands(t, plan.Commands, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
		}
		login := func(raw string) (bool, string) {
			status, answer := vault.As(t, "", "POST", "auth/"+wish.Mount+"/login", map[string]any{"role": wish.Role, "jwt": raw})
			return status == 200, fmt.Sprint(answer["errors"])
		}
		admitted, refused := agree(t, plan, k, wish, login)
		// Today's Vault, whose method is always at auth/jwt.
		runCommands(t, strings.ReplaceAll(plan.Commands[strings.Index(plan.Commands, "vault write"):], "auth/"+wish.Mount, "auth/jwt"), "VAULT_ADDR="+current.URL)
		agree(t, plan, k, wish, func(raw string) (bool, string) {
			_, answer := current.As(t, "", "POST", "auth/jwt/login", map[string]any{"role": wish.Role, "jwt": raw})
			return answer["auth"] != nil, fmt.Sprint(answer["errors"])
		})
		if admitted == 0 || refused == 0 {
			t.Errorf("%+v: %d admitted, %d refused", wish.Run, admitted, refused)
		}
	}
}

// TestVaultKeys gives Vault the keys, where it cannot reach the issuer; with every algorithm.
func TestVaultKeys(t *testing.T) {
	t.Parallel()
	vault := vaulttest.Start(t)
	for _, algorithm := range []key.Algorithm{key.RS256, key.ES256, key.EdDSA} {
		k, err := key.Generate(algorithm, "")
		if err != nil {
			t.Fatal(err)
		}
		keys, err := key.NewSet(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		wish := trust.Wish{
			Issuer: "https://ci.unreachable.example", Audience: vault.URL, Mount: strings.ToLower(string(algorithm)), Role: "web", Policies: []string{"default"},
			Run: workload.Subject{Team: "main"}, Keys: keys,
		}
		plan, err := party(t, "vault").Plan(wish)
		if err != nil {
			t.Fatal(err)
		}
		runCommands(t, plan.Commands, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
		claims, err := plan.Claims(time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, answer := vault.As(t, "", "POST", "auth/"+wish.Mount+"/login", map[string]any{"role": "web", "jwt": sign(t, k, claims)}); status != 200 {
			t.Errorf("%s: status %d: %v", algorithm, status, answer)
		}
	}
}

// TestVaultForgets shows why the printed checks are there: without bound_issuer the same Vault takes another issuer's
// token, and this one, of 1.13, cannot compare numbers, as the notes say.
func TestVaultForgets(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	vault := vaulttest.Start(t)
	k := issuerKey(t, issuer, key.RS256)
	wish := trust.Wish{Issuer: issuer.URL, Audience: vault.URL, Mount: "jwt", Role: "web", Policies: []string{"default"}, Rule: `teamid == 1`}
	plan, err := party(t, "vault").Plan(wish)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(plan.Notes, "\n"), "teamid == 1: Vault 1.13 cannot compare numbers") {
		t.Errorf("notes %q", plan.Notes)
	}
	runCommands(t, plan.Commands, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
	claims, err := plan.Claims(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	login := func(claims map[string]any) (int, string) {
		status, answer := vault.As(t, "", "POST", "auth/jwt/login", map[string]any{"role": "web", "jwt": sign(t, k, claims)})
		return status, fmt.Sprint(answer)
	}
	if status, answer := login(claims); status == 200 || !strings.Contains(answer, "not a string or list") {
		t.Errorf("a number: %d, %s", status, answer)
	}
	current := vaulttest.StartMethod(t)
	runCommands(t, plan.Commands[strings.Index(plan.Commands, "vault write"):], "VAULT_ADDR="+current.URL)
	if _, answer := current.As(t, "", "POST", "auth/jwt/login", map[string]any{"role": "web", "jwt": sign(t, k, claims)}); answer["auth"] == nil {
		t.Errorf("a number, of a later Vault: %v", answer)
	}
	wish.Rule = `team == "some-team"`
	if plan, err = party(t, "vault").Plan(wish); err != nil {
		t.Fatal(err)
	}
	runCommands(t, plan.Commands, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
	claims["iss"] = "https://elsewhere.example"
	if status, answer := login(claims); status == 200 {
		t.Errorf("another issuer: %d, %s", status, answer)
	}
	vault.Do(t, "POST", "auth/jwt/config", map[string]any{"oidc_discovery_url": issuer.URL})
	if status, answer := login(claims); status != 200 {
		t.Errorf("another issuer without bound_issuer: %d, %s", status, answer)
	}
}
