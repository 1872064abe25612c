package relying

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/kubetest"
	"github.com/writ-run/writ/test/program"
)

const kubeAudience = "https://kube.example.com"

// authentication is a structured authentication configuration (it is YAML, so it may be JSON).
func authentication(t *testing.T, issuer *issuertest.Issuer) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthenticationConfiguration",
		"jwt": []any{map[string]any{
			"issuer": map[string]any{"url": issuer.URL, "audiences": []string{kubeAudience}, "certificateAuthority": string(issuer.Authority.PEM)},
			"claimValidationRules": []any{
				map[string]any{"expression": `claims.team == "infra" && claims.job == "release"`, "message": "only the job release of infra"},
			},
			"claimMappings": map[string]any{
				"username": map[string]any{"expression": `"writ:" + claims.sub`},
				"groups":   map[string]any{"expression": `["writ:" + claims.team]`},
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestKubernetes: the API server overlooks nothing.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	made := mint(t, issuer, kubeAudience)
	kube := kubetest.Start(t, kubetest.Nobody)
	review := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
	login := func(raw string) (bool, any) {
		status, answer := kube.As(t, raw, "POST", "apis/authentication.k8s.io/v1/selfsubjectreviews", review)
		if status != 201 {
			return false, answer
		}
		told, _ := answer["status"].(map[string]any)
		user, _ := told["userInfo"].(map[string]any)
		if user["username"] != "writ:infra/deploy" {
			t.Errorf("logged in as %v", user)
		}
		return true, answer
	}
	if in, said := login(made.good[key.RS256]); in {
		t.Fatalf("let in before the issuer was trusted: %v", said)
	}
	kube.Configure(t, authentication(t, issuer))
	made.judge(t, login, []key.Algorithm{key.RS256, key.ES256})
	if status, _ := kube.As(t, made.good[key.RS256], "GET", "api/v1/namespaces/default/configmaps", nil); status != 403 {
		t.Errorf("who is let in may do what nobody allowed: status %d, want 403", status)
	}
	kube.Do(t, "POST", "apis/rbac.authorization.k8s.io/v1/namespaces/default/roles", map[string]any{
		"metadata": map[string]any{"name": "reader"},
		"rules":    []any{map[string]any{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "verbs": []string{"list"}}},
	})
	kube.Do(t, "POST", "apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings", map[string]any{
		"metadata": map[string]any{"name": "reader"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
		"subjects": []any{map[string]any{"kind": "User", "name": "writ:infra/deploy", "apiGroup": "rbac.authorization.k8s.io"}},
	})
	// The server's authorizer hears of a role by a watch, on a busy machine not at once.
	if err := program.Eventually(t.Context(), func() error {
		status, answer := kube.As(t, made.good[key.RS256], "GET", "api/v1/namespaces/default/configmaps", nil)
		if status != 200 {
			return fmt.Errorf("who is let in may not do what is allowed: status %d: %v", status, answer)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
