package apart_test

import (
	"os"
	"testing"

	"github.com/writ-run/writ/jsonnet/apart"
)

// victimVariable has this binary play a process that is killed.
const victimVariable = "JSONNET_TEST_VICTIM"

// TestMain plays the child of Run.
func TestMain(m *testing.M) {
	if status, played := apart.Main(os.Args); played {
		os.Exit(status)
	}
	if os.Getenv(victimVariable) != "" {
		victim()
		return
	}
	os.Exit(m.Run())
}
