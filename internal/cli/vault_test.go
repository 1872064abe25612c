package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/test/vaulttest"
)

// TestVaultScripts runs testdata/vault/CASE.txtar, each with a real Vault of its own.
func TestVaultScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join("testdata", "vault", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		for _, runtime := range []string{"process", "oci", "oci as nobody"} {
			t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar")+"/"+runtime, func(t *testing.T) {
				t.Parallel()
				vaultScript(t, script, runtime)
			})
		}
	}
}

// vaultScript runs a script with a Vault of its own and the runtime.
func vaultScript(t *testing.T, script, runtime string) {
	binaries := ""
	runtime, ordinary := strings.CutSuffix(runtime, " as nobody")
	if runtime == "oci" {
		binaries = needContainers(t)
	}
	if ordinary {
		binaries = asNobody(t, binaries)
	}
	vault := vaulttest.Start(t)
	testscript.Run(t, testscript.Params{
		Files: []string{script},
		Setup: func(env *testscript.Env) error {
			env.Setenv("VAULT_ADDR", vault.URL)
			env.Setenv("VAULT_TOKEN", vault.Token)
			err := setup(env)
			env.Setenv("RUNTIME", runtime)
			if binaries != "" {
				inContainers(env, binaries)
			}
			if ordinary {
				err = errors.Join(err, give(env.WorkDir))
			}
			return err
		},
		Cmds: commands(),
	})
}

// TestVaultGuide runs every command of docs/vault.md, as its reader would.
func TestVaultGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			vaulttest.Unavailable(t, tool+" is not installed")
		}
	}
	vault := vaulttest.Start(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "vault.md"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", shellBlocks(string(text)))
	script.Dir = directory
	script.Env = append(os.Environ(), "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token,
		"HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{
		"use-vars: succeeded", "use-vars | it is ((redacted))", "exit status 2", "somebody-else: errored", "claim \"job\" does not match",
	} {
		if !strings.Contains(string(output), want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
	if strings.Contains(string(output), "hello-im-a-username") {
		t.Errorf("the secret was printed:\n%s", output)
	}
}

// shellBlocks are the fenced blocks of a page that are marked sh.
func shellBlocks(page string) string {
	var script strings.Builder
	inside := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```sh"
		case inside:
			script.WriteString(line)
		}
	}
	return script.String()
}
