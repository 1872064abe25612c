package cli

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/test/vaulttest"
)

// TestVaultSigns runs testdata/orders/transit.txtar: a real Vault signs and verifies orders.
func TestVaultSigns(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "basenc"} {
		program.Find(t, tool)
	}
	vault := vaulttest.Start(t)
	testscript.Run(t, testscript.Params{
		Files: []string{filepath.Join("testdata", "orders", "transit.txtar")},
		Setup: func(env *testscript.Env) error {
			env.Setenv("VAULT_ADDR", vault.URL)
			env.Setenv("VAULT_TOKEN", vault.Token)
			return setup(env)
		},
		Cmds: commands(),
	})
}
