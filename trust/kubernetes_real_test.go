package trust_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/kubetest"
	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

// TestKubernetes gives a real kube-apiserver the printed configuration and binding; it then says of thirty tokens what
// the model says, and of every rule what policy says of it.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	server := kubetest.Start(t, kubetest.Nobody)
	k := issuerKey(t, issuer, key.RS256)
	server.Do(t, "POST", "apis/rbac.authorization.k8s.io/v1/clusterroles", map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "reader"},
		"rules": []any{map[string]any{"apiGroups": []string{""}, "resources": []string{"configmaps"}, "verbs": []string{"list"}}},
	})
	server.Do(t, "POST", "api/v1/namespaces", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "web"}})
	wishes := []trust.Wish{
		{Run: workload.Subject{Team: "main", Pipeline: "web"}, Namespace: "web"},
		{Run: workload.Subject{Team: "main"}, Namespace: "web"},
		{Run: workload.Subject{Team: "main", Pipeline: "web", Job: "release"}, Rule: `not privileged && runtime == "oci"`},
		{Subject: "main/web//release", Rule: `teamid == 1 && teamid in [1, 2] && attempt < 3`},
		{Rule: `(runtime == "oci" || team == "xmain") && !(job == "releasex") && team matches "x?main"`},
		{Rule: `!has("runtime") || has("instance_vars.env") && instance_vars["a/b~c"] == "x" || runtime startsWith "oc"`},
		{Run: workload.Subject{Team: `m/a'i"n $x`, Pipeline: "日本 😀"}, Rule: `team contains "\"" && pipeline != "\\" && "kubernetes" in aud`},
	}
	inForce := ""
	for i, wish := range wishes {
		wish.Issuer, wish.CA, wish.Role = issuer.URL, string(issuer.Authority.PEM), "reader"
		plan, err := party(t, "kubernetes").Plan(wish)
		if err != nil {
			t.Fatal(err)
		}
		directory := runCommands(t, plan.Commands)
		configuration, err := os.ReadFile(filepath.Join(directory, "authentication.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if string(configuration) != inForce { // names alone do not change it
			server.Configure(t, string(configuration))
			inForce = string(configuration)
		}
		path := "api/v1/configmaps"
		if wish.Namespace != "" {
			path = "api/v1/namespaces/web/configmaps"
		}
		claims, err := plan.Claims(time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		sample := sign(t, k, claims)
		// RBAC sees a binding, and that it has gone, a moment later.
		await := func(want int) {
			if err := program.Eventually(t.Context(), func() error {
				status, answer := server.As(t, sample, "GET", path, nil)
				if status != want {
					return fmt.Errorf("wish %d: status %d, want %d: %v", i, status, want, answer["message"])
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		kind := bind(t, server, directory, "POST")
		await(200)
		admitted, refused := agree(t, plan, k, wish, func(raw string) (bool, string) {
			status, answer := server.As(t, raw, "GET", path, nil)
			return status == 200, fmt.Sprint(status, answer["message"])
		})
		if admitted == 0 || refused == 0 {
			t.Errorf("wish %d: %d admitted, %d refused", i, admitted, refused)
		}
		bind(t, server, directory, "DELETE")
		await(403)
		if want := map[bool]string{true: "RoleBinding", false: "ClusterRoleBinding"}[wish.Namespace != ""]; kind != want {
			t.Errorf("a %s, want a %s", kind, want)
		}
	}
}

// bind does with the binding what kubectl would, or undoes it.
func bind(t *testing.T, server *kubetest.Server, directory, method string) (kind string) {
	t.Helper()
	binding := readJSON(t, filepath.Join(directory, "applied.json"))
	metadata := binding["metadata"].(map[string]any)
	kind = binding["kind"].(string)
	path := "apis/rbac.authorization.k8s.io/v1/"
	if namespace, given := metadata["namespace"].(string); given {
		path += "namespaces/" + namespace + "/"
	}
	path += strings.ToLower(kind) + "s"
	if method == "DELETE" {
		server.Do(t, method, path+"/"+metadata["name"].(string), nil)
		return kind
	}
	server.Do(t, method, path, binding)
	return kind
}
