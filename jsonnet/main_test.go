package jsonnet_test

import (
	"os"
	"testing"

	"github.com/writ-run/writ/jsonnet"
)

// TestMain plays the child of RunApart.
func TestMain(m *testing.M) {
	if status, played := jsonnet.Main(os.Args); played {
		os.Exit(status)
	}
	os.Exit(m.Run())
}
