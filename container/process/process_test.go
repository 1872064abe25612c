package process_test

import (
	"os"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/process"
)

var suite = containertest.Suite{
	New: func(base string, grace time.Duration) (container.Runtime, error) {
		return process.New(process.Config{BaseDir: base, KillGrace: grace})
	},
}

func TestMain(m *testing.M)    { os.Exit(containertest.Main(m, suite)) }
func TestRuntime(t *testing.T) { containertest.Run(t, suite) }
