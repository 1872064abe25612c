package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/vaulttest"
)

// TestRotationGuide runs every command of docs/rotation.md, as its reader would, on keys that are there.
func TestRotationGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"awk", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			vaulttest.Unavailable(t, tool+" is not installed")
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rotation.md"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "writ token mint --data data >token\n"+shellBlocks(string(text)))
	script.Dir = directory
	script.Env = append(os.Environ(), "HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for want, count := range map[string]int{
		"(a new key)": 6, "RS256      gone": 2 + 1, "once exported": 1, "public/.well-known/jwks.json": 2, "writ: hint: relying parties may read exported files": 1,
	} {
		if got := strings.Count(string(output), want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}
