package writ_test

import (
	"bufio"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/writ-run/writ"

// TestImports reads the import list in ARCHITECTURE.md and fails on any import of a room outside it, on a room that the
// list does not know, and on a line of the list that names no room. It uses go/build, not `go list`: the test cache
// would hide a violation.
func TestImports(t *testing.T) {
	allowed := readImportList(t)
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			return nil
		}
		name := entry.Name()
		if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
			return filepath.SkipDir
		}
		if path != "." {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
		}
		pkg, err := build.ImportDir(path, 0)
		if _, none := err.(*build.NoGoError); none {
			return nil
		}
		if err != nil {
			return err
		}
		if len(pkg.GoFiles) == 0 {
			return nil
		}
		room := filepath.ToSlash(path)
		seen[room] = true
		may, known := allowed[room]
		if !known {
			t.Errorf("%s: not in ARCHITECTURE.md's import list", room)
			return nil
		}
		for _, imported := range pkg.Imports {
			target, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.Contains(may, target) && !slices.Contains(may, "*") {
				t.Errorf("%s imports %s; ARCHITECTURE.md allows %s", room, target, strings.Join(may, ", "))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range allowed {
		if !seen[room] {
			t.Errorf("ARCHITECTURE.md's import list names %s, which has no package", room)
		}
	}
}

// readImportList parses the fenced block "imports": one "room -> room room" line each.
func readImportList(t *testing.T) map[string][]string {
	t.Helper()
	file, err := os.Open("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	list := map[string][]string{}
	inside := false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "```imports":
			inside = true
		case strings.HasPrefix(line, "```"):
			inside = false
		case inside && line != "":
			room, rooms, found := strings.Cut(line, "->")
			if !found {
				t.Fatalf("ARCHITECTURE.md: import list: %q is not \"room -> rooms\"", line)
			}
			list[strings.TrimSpace(room)] = strings.Fields(rooms)
		}
	}
	if len(list) == 0 {
		t.Fatal("ARCHITECTURE.md has no import list (a fenced block \"imports\")")
	}
	return list
}
