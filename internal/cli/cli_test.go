package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"writ": func() { os.Exit(Main()) },
	})
}

// TestScripts runs testdata/script/VERB_CASE.txtar. WRIT_UPDATE_GOLDEN=1 rewrites what the program printed.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("testdata", "script"),
		UpdateScripts: os.Getenv("WRIT_UPDATE_GOLDEN") != "",
		Setup: func(env *testscript.Env) error {
			// Nothing of the developer's own configuration or data takes part.
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "share"))
			return nil
		},
	})
}
