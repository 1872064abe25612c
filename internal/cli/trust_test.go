package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrustGuide runs every command of docs/trust.md, as its reader would.
func TestTrustGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "trust.md"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "sh", "-eu", "-c", shellBlocks(string(text)))
	script.Dir = directory
	script.Env = append(os.Environ(), "HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"vault write auth/jwt/role/web-release", "aws iam create-role", "gcloud iam workload-identity-pools create writ-web",
		"az ad app federated-credential create", "kubectl apply -f -", "OIDCOAuthVerifyJwksUri",
		"FAIL  algorithm", "exit status 1", `AWS cannot check runtime == "oci"`, "in   another job of the pipeline",
	} {
		if !strings.Contains(string(output), want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("the page left %v, %v: it is said to configure nothing", left, err)
	}
}
