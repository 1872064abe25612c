package cli

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/image"
)

// loadImage CACHE FILE makes an image tarball as docker save writes it, and loads it into a cache.
func loadImage(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 2 {
		ts.Fatalf("usage: loadimage CACHE FILE")
	}
	pack := func(name string, content []byte, more ...[]byte) []byte {
		var raw bytes.Buffer
		writer := tar.NewWriter(&raw)
		all := append([][]byte{[]byte(name), content}, more...)
		for at := 0; at < len(all); at += 2 {
			ts.Check(writer.WriteHeader(&tar.Header{Name: string(all[at]), Mode: 0o644, Size: int64(len(all[at+1]))}))
			_, err := writer.Write(all[at+1])
			ts.Check(err)
		}
		ts.Check(writer.Close())
		return raw.Bytes()
	}
	layer := pack("etc/motd", bytes.Repeat([]byte("hello\n"), 1000))
	config := fmt.Appendf(nil, `{"os":"linux","architecture":%q,"rootfs":{"type":"layers","diff_ids":["sha256:%x"]}}`,
		runtime.GOARCH, sha256.Sum256(layer))
	saved := pack("manifest.json", []byte(`[{"Config":"config.json","Layers":["layer.tar"]}]`),
		[]byte("config.json"), config, []byte("layer.tar"), layer)
	path := ts.MkAbs(arguments[1])
	ts.Check(os.WriteFile(path, saved, 0o600))
	store, err := image.Open(image.Config{Dir: ts.MkAbs(arguments[0]), Rootless: os.Geteuid() != 0})
	ts.Check(err)
	loaded, err := store.LoadTarball(context.Background(), path)
	ts.Check(err)
	ts.Check(loaded.Close())
}
