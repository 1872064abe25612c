package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"
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
		defer removeAll(dir)
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
