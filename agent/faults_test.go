package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// victim names, in the environment, the directory of an agent that a test kills.
const victim = "WRIT_TEST_AGENT_VICTIM"

func playVictim(string) {}

// files are those of the state, with what is in them.
func (m *machine) files() string {
	m.t.Helper()
	entries, err := os.ReadDir(m.state)
	must(m.t, err)
	var all []string
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(m.state, entry.Name()))
			must(m.t, err)
			all = append(all, fmt.Sprintf("%s: %s", entry.Name(), text))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
