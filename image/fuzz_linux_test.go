package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/writ-run/writ/internal/scratch"
)

// FuzzUnpack holds that no archive makes the unpacker panic, or leaves anything outside of its directory.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, directory("a"), file("a/b", "c"), link("l", "/etc"), file("l/x", ""), file(".wh.a", "")))
	f.Add(archive(f, file("a/.wh..wh..opq", ""), tar.Header{Name: "h", Typeflag: tar.TypeLink, Linkname: "a"}, file("../x", "")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		outer := t.TempDir()
		dir := filepath.Join(outer, "fs")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer scratch.RemoveAll(dir)
		left := &budget{}
		left.bytes.give(1 << 20)
		left.entries.give(100)
		_, _ = unpack(newUncompressed(bytes.NewReader(raw), &left.bytes, 1<<20), dir, true, left, Limits{})
		if entries, err := os.ReadDir(outer); err != nil || len(entries) != 1 {
			t.Errorf("outside: %v %v", entries, err)
		}
	})
}

// FuzzDocuments holds that what is taken for a manifest or a configuration is within the limits.
func FuzzDocuments(f *testing.F) {
	digest := digestOf(nil)
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"` + digest + `","size":1},"layers":[{"digest":"` + digest + `","size":1}]}`))
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"` + digest + `","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}`))
	f.Add([]byte(`{"os":"linux","config":{"Env":["A=b"]},"rootfs":{"diff_ids":["` + digest + `"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := parseManifest("x", raw, Limits{Layers: 2}); err == nil {
			for _, layer := range m.Layers {
				if checkDigest(layer.Digest.String()) != nil || layer.Size < 0 {
					t.Errorf("layer %+v", layer)
				}
			}
			if chosen, err := m.choose("x", Platform{}); err == nil && checkDigest(chosen.Digest.String()) != nil {
				t.Errorf("chosen %+v", chosen)
			}
		}
		if c, err := parseConfiguration("x", raw, 1, Platform{}); err == nil {
			for _, id := range c.RootFS.DiffIDs {
				if checkDigest(id.String()) != nil {
					t.Errorf("diff id %q", id)
				}
			}
		}
	})
}

// FuzzUnpackEntries makes archives of few names and all kinds, so that entries meet and replace one another: nothing is
// ever written to, removed or linked outside, and all that is refused is refused without a panic.
func FuzzUnpackEntries(f *testing.F) {
	names := []string{"a", "b", "a/b", "a/b/c", "b/a", "./a", "./b", "/b", "..", "../keep", "a/../b", ".", "out", "out/keep", "out/new",
		".wh.a", ".wh.b", "a/.wh.b", ".wh..wh..opq", "a/.wh..wh..opq", "out/.wh.keep", ".wh.", ".wh..", "a/.wh...", "b/.wh..wh.x"}
	kinds := []byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo, tar.TypeChar, tar.TypeBlock}
	f.Add([]byte{12, 2, 12, 13, 0, 0, 0, 1, 0, 15, 0, 0, 2, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 3, 0, 0, 1, 0, 0, 2, 12, 2, 0, 0})
	f.Fuzz(func(t *testing.T, choices []byte) {
		outer := t.TempDir()
		dir, out := filepath.Join(outer, "fs"), filepath.Join(outer, "out")
		write(t, filepath.Join(out, "keep"), "kept")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		defer scratch.RemoveAll(dir)
		targets := append([]string{out, filepath.Join(out, "keep"), "../out", "/"}, names...)
		var headers []tar.Header
		for ; len(choices) >= 3 && len(headers) < 40; choices = choices[3:] {
			header := tar.Header{Name: names[int(choices[0])%len(names)], Typeflag: kinds[int(choices[1])%len(kinds)], Mode: int64(choices[2])<<2 | 1}
			switch header.Typeflag {
			case tar.TypeSymlink, tar.TypeLink:
				header.Linkname = targets[int(choices[2])%len(targets)]
			case tar.TypeReg:
				header.PAXRecords = map[string]string{"content": "new"}
			}
			headers = append(headers, header)
		}
		_, _, _ = unpackTo(dir, archive(t, headers...), Limits{})
		wantFile(t, filepath.Join(out, "keep"), "kept")
		for place, want := range map[string]int{outer: 2, out: 1} {
			if entries, err := os.ReadDir(place); err != nil || len(entries) != want {
				t.Errorf("%s holds %v %v, want %d", place, entries, err, want)
			}
		}
		if info, err := os.Stat(filepath.Join(out, "keep")); err != nil || info.Sys().(*syscall.Stat_t).Nlink != 1 || info.Mode() != 0o600 {
			t.Errorf("keep: %v %v", info, err)
		}
	})
}
