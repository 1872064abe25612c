package trust_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/idtoken"
	"github.com/writ-run/writ/vars/vault"
	"github.com/writ-run/writ/workload"
)

// TestJob: how the job comes to its token is said in words that Writ takes.
func TestJob(t *testing.T) {
	t.Parallel()
	kinds := map[string]vars.Kind{"vault": vault.Kind{}, "idtoken": idtoken.Kind{}}
	for _, p := range trust.Parties() {
		for _, run := range []workload.Subject{{Team: "main"}, {Team: "main", Pipeline: "web"}, {Team: "main", Pipeline: "web", Job: `re"lease`}} {
			wish := trust.Wish{
				Issuer: "https://ci.example.com", Audience: `https://"x" y`, Run: run, Role: "web", Mount: "ci/jwt", Location: "/",
				Account: "123456789012", Project: "1", Pool: "writ", ServiceAccount: "a@p.iam.gserviceaccount.com", Application: "11111111-2222-3333-4444-555555555555",
			}
			if p.Name() == "vault" {
				wish.Policies, wish.Audience = []string{"p"}, "https://vault.example.com"
			}
			plan, err := p.Plan(wish)
			if err != nil {
				t.Fatalf("%s: %v", p.Name(), err)
			}
			if strings.Contains(plan.Job, "issuer: {") {
				checkConfig(t, plan.Job)
				continue
			}
			var pipeline struct {
				Sources []struct {
					Type   string
					Config map[string]any
				} `yaml:"var_sources"`
			}
			if err := yaml.Unmarshal([]byte(plan.Job), &pipeline); err != nil || len(pipeline.Sources) != 1 {
				t.Fatalf("%s: %v in %s", p.Name(), err, plan.Job)
			}
			source := pipeline.Sources[0]
			if err := kinds[source.Type].Validate(source.Config); err != nil {
				t.Errorf("%s: %v in %s", p.Name(), err, plan.Job)
			}
		}
	}
}

func checkConfig(t *testing.T, text string) {
	t.Helper()
	home := t.TempDir()
	file := filepath.Join(home, "writ.jsonnet")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(t.Context(), config.Options{Path: file, Dir: home, Environ: []string{"HOME=" + home}})
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(c.Issuer.Identity) != 1 || len(c.Issuer.Identity[0].Files) != 1 {
		t.Errorf("%+v of %s", c.Issuer.Identity, text)
	}
}
