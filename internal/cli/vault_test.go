package cli

import (
	"errors"
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
