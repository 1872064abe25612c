package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumented: docs/configuration.md names every key, every one that is retired with what to write, and no other.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for i, quoted := range strings.Split(string(text), "`") {
		if i%2 == 1 {
			documented[quoted] = true
		}
	}
	name := func(key string) string { return strings.ReplaceAll(key, "*", "NAME") }
	known := map[string]bool{}
	schema().walk(func(n *node) {
		known[name(n.key)] = true
		for _, h := range execs() { // documented once, as keys of exec
			if rest, of := strings.CutPrefix(n.key, h.key+"."); of && h.key != "exec" {
				if prefix := strings.TrimSuffix(name(h.key), ".NAME"); !documented[prefix] {
					t.Errorf("%s is not documented (for %s)", prefix, rest)
				}
				return
			}
		}
		spelling := n.alias != nil && !n.alias.retired
		if (n.field != nil || n.alias != nil) && !documented[name(n.key)] && !(spelling && documented[n.name]) {
			t.Errorf("%s is not documented", name(n.key))
		}
		if n.alias != nil && n.alias.retired && !documented[name(n.alias.to)] {
			t.Errorf("%s is not documented, which is to be written for %s", name(n.alias.to), name(n.key))
		}
	})
	for key := range documented {
		section, _, below := strings.Cut(key, ".")
		if below && schema().member(section, false) != nil && !known[key] && !strings.ContainsAny(key, " '(=[") && key != "targets.web1.example.com.port" {
			t.Errorf("%s is documented and unknown", key)
		}
	}
}
