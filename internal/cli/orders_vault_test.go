package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/test/vaulttest"
)

// TestOrdersVaultGuide follows docs/orders-vault.md.
func TestOrdersVaultGuide(t *testing.T) {
	t.Parallel()
	program.Find(t, "curl")
	program.Find(t, "basenc")
	vault := vaulttest.Start(t)
	g := guide(t, "orders-vault.md", nil, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
	g.says("web.jwt: 1 file(s), ", "build.signingCommands: command \"vault\": change: exit status 22: curl: ", "exit status 1", "verified\nheader", "want a key for EdDSA",
		"got vault", "the verify commands do not take it: the event etcha:jwt was fired with nothing printed", "refused")
	if n := strings.Count(g.output, "local/hello | hello from an order"); n != 2 { // with the key, and with Vault
		t.Errorf("it ran %d times, want twice, in\n%s", n, g.output)
	}
	g.saysNot()
}

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
