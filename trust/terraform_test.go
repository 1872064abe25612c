package trust_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

// hostile are names that want to be more than names.
var hostile = []string{
	`we'b`, `a"b`, `$(touch pwned)`, "`touch pwned`", `${HOME}`, `%{ if true }x%{ endif }`, `\`, `a b`, `-x`, `*`, `?`, `~`, `#x`, `a;b|c&d>e<f`, `END`,
	`日本 😀`, `$$${x}%%{y}`, `a, b,c`, `"${jsonencode("x")}"`, `</x>`, `a/b`, `{a: b}`, `null`, `true`, `1`,
}

// parseHCL is what HashiCorp's own parser makes of Terraform: attributes by "TYPE.NAME".
func parseHCL(t *testing.T, text string) map[string]map[string]any {
	t.Helper()
	process := exec.Command(program.Build(t, "hcl", "."))
	process.Stdin = strings.NewReader(text)
	var problems bytes.Buffer
	process.Stderr = &problems
	output, err := process.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, problems.String(), text)
	}
	var resources map[string]map[string]any
	if err := json.Unmarshal(output, &resources); err != nil {
		t.Fatal(err)
	}
	return resources
}

// option is the value of an option of a recorded call, "--name value" or "--name=value".
func option(t *testing.T, directory, client, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, client+".calls"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var arguments []string
		if err := json.Unmarshal([]byte(line), &arguments); err != nil {
			t.Fatal(err)
		}
		for i, argument := range arguments {
			if value, is := strings.CutPrefix(argument, name+"="); is {
				return value
			}
			if argument == name {
				return arguments[i+1]
			}
		}
	}
	t.Fatalf("no call of %s with %s", client, name)
	return ""
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return object
}

// TestTerraform: for hostile names, the Terraform says to the letter what the commands say, and both say the name.
func TestTerraform(t *testing.T) {
	t.Parallel()
	k, err := key.Generate(key.ES256, "")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := key.NewSet(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range hostile {
		wish := trust.Wish{
			Issuer: "https://ci.example.com", Run: workload.Subject{Team: name, Pipeline: name}, Role: "web", Mount: "jwt", Policies: []string{"p"},
			Account: "123456789012", Project: "1", Pool: "writ", ServiceAccount: "a@p.iam.gserviceaccount.com", Application: "11111111-2222-3333-4444-555555555555",
		}
		sub, err := wish.Run.Sub(workload.ScopePipeline)
		if err != nil {
			t.Fatal(err)
		}
		plan := func(party_ string, w trust.Wish) (*trust.Plan, map[string]map[string]any) {
			p, err := party(t, party_).Plan(w)
			if err != nil {
				t.Fatalf("%s, %q: %v", party_, name, err)
			}
			return p, parseHCL(t, p.Terraform)
		}
		same := func(what string, got, want any) {
			t.Helper()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %s is %q, want %q", name, what, got, want)
			}
		}

		vaultWish := wish
		vaultWish.Audience = "https://vault.example.com"
		_, resources := plan("vault", vaultWish)
		role := resources["vault_jwt_auth_backend_role.writ_web"]
		same("Vault's bound_claims", role["bound_claims"], map[string]any{"team": name, "pipeline": name})
		same("Vault's parsing of commas", role["disable_bound_claims_parsing"] == true, strings.Contains(name, ","))
		vaultWish.Rule = "not privileged"
		_, resources = plan("vault", vaultWish)
		data := decode(t, resources["vault_generic_endpoint.writ_web"]["data_json"].(string))
		same("Vault's data_json", data["bound_claims"], map[string]any{"team": name, "pipeline": name, "privileged": false})

		awsWish := wish
		awsWish.Policies = nil
		p, resources := plan("aws", awsWish)
		told := decode(t, readJSON(t, filepath.Join(runCommands(t, p.Commands), "create-role.json"))["assume-role-policy-document"].(string))
		written := decode(t, resources["aws_iam_role.writ_web"]["assume_role_policy"].(string))
		condition := func(policy map[string]any) any {
			return policy["Statement"].([]any)[0].(map[string]any)["Condition"]
		}
		same("AWS's condition", condition(written), condition(told))
		same("AWS's sub", condition(told).(map[string]any)["StringEquals"].(map[string]any)["ci.example.com:sub"], strings.ReplaceAll(sub, "${", "${$}{"))

		gcpWish := wish
		gcpWish.Keys = keys
		p, resources = plan("gcp", gcpWish)
		directory := runCommands(t, p.Commands)
		provider := resources["google_iam_workload_identity_pool_provider.writ"]
		same("Google's condition", provider["attribute_condition"], option(t, directory, "gcloud", "--attribute-condition"))
		uploaded := readJSON(t, filepath.Join(directory, "issuer.jwks.json"))
		same("Google's keys", decode(t, provider["oidc"].(map[string]any)["jwks_json"].(string)), uploaded)

		p, resources = plan("azure", wish)
		parameters := decode(t, option(t, runCommands(t, p.Commands), "az", "--parameters"))
		same("Azure's subject", parameters["subject"], sub)
		same("Azure's subject in Terraform", resources["azuread_application_federated_identity_credential.writ_web"]["subject"], sub)

		p, resources = plan("kubernetes", wish)
		applied := readJSON(t, filepath.Join(runCommands(t, p.Commands), "applied.json"))
		bound := applied["subjects"].([]any)[0].(map[string]any)["name"]
		same("Kubernetes' group", bound, "writ:pipeline:"+sub)
		same("Kubernetes' group in Terraform", resources["kubernetes_cluster_role_binding_v1.writ"]["subject"].(map[string]any)["name"], bound)
	}
}
