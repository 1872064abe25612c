package container_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/writ-run/writ/container"
)

// TestExportTree leaves setuid and setgid behind, and CopyTree does not.
func TestExportTree(t *testing.T) {
	t.Parallel()
	src := t.TempDir()
	const special = fs.ModeSetuid | fs.ModeSetgid
	if err := os.MkdirAll(src+"/d/e", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(src+"/d/su", []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"d/su": special | 0o755, "d/e": fs.ModeSetgid | fs.ModeSticky | 0o777} {
		if err := os.Chmod(filepath.Join(src, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		copy func(dst string) error
		want fs.FileMode
	}{
		"copy":   {func(dst string) error { return container.CopyTree(t.Context(), dst, src) }, special},
		"export": {func(dst string) error { return container.ExportTree(t.Context(), dst, src) }, 0},
	} {
		dst := filepath.Join(t.TempDir(), "dst")
		if err := c.copy(dst); err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(dst + "/d/su")
		if err != nil || file.Mode()&special != c.want || file.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", name, file.Mode(), err)
		}
		directory, err := os.Stat(dst + "/d/e")
		if err != nil || directory.Mode()&special != c.want&fs.ModeSetgid || directory.Mode()&fs.ModeSticky == 0 {
			t.Errorf("%s: %v, %v", name, directory.Mode(), err)
		}
	}
}
