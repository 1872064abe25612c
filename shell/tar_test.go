package shell

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTarStaysBelow: what an archive names outside of its directory, itself or through a link, is not written there.
func TestTarStaysBelow(t *testing.T) {
	t.Parallel()
	ours := links(t)
	for _, c := range []struct {
		name    string
		headers []tar.Header
	}{
		{"dots", []tar.Header{{Name: "../outside", Typeflag: tar.TypeReg, Mode: 0o644}}},
		{"link", []tar.Header{{Name: "l", Linkname: "..", Typeflag: tar.TypeSymlink}, {Name: "l/outside", Typeflag: tar.TypeReg, Mode: 0o644}}},
		{"file link", []tar.Header{{Name: "l", Linkname: "../outside", Typeflag: tar.TypeSymlink}, {Name: "l", Typeflag: tar.TypeReg, Mode: 0o644}}},
		{"hard link", []tar.Header{{Name: "h", Linkname: "../secret", Typeflag: tar.TypeLink}}},
		{"link to directory", []tar.Header{{Name: "l", Linkname: "..", Typeflag: tar.TypeSymlink}, {Name: "l/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "l/outside", Typeflag: tar.TypeReg, Mode: 0o644}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			inside := filepath.Join(above, "in")
			if err := os.Mkdir(inside, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(above, "secret"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			var archive bytes.Buffer
			writer := tar.NewWriter(&archive)
			for _, header := range c.headers {
				if err := writer.WriteHeader(&header); err != nil {
					t.Fatal(err)
				}
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			process := exec.Command(filepath.Join(ours, "tar"), "xf", "-", "-C", inside)
			process.Stdin = &archive
			output, _ := process.CombinedOutput()
			if _, err := os.Lstat(filepath.Join(above, "outside")); err == nil {
				t.Errorf("it is outside: %s", output)
			}
			if info, err := os.Stat(filepath.Join(inside, "h")); err == nil {
				t.Errorf("a link out was made: %v", info)
			}
		})
	}
}
