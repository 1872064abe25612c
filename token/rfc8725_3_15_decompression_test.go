package token_test

import (
	"go/build"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// TestRule3_15Decompression: a small token that would grow large is refused as it stands, since nothing in these rooms
// can decompress.
func TestRule3_15Decompression(t *testing.T) {
	t.Parallel()
	k := generate(t, key.EdDSA)
	bomb := deflate(t, `{"team":"`+strings.Repeat(" ", 16<<20)+`",`+goodPayload[1:])
	if len(bomb) > token.DefaultMaxBytes/2 {
		t.Fatalf("the bomb has %d bytes: it would be refused for its size", len(bomb))
	}
	refused(t, forge(t, k, `{"alg":"EdDSA","zip":"DEF"}`, bomb), set(t, k), profile(), token.ErrClaims)
	refused(t, forge(t, k, `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`, bomb), set(t, k), profile(), token.ErrType)
	refused(t, forge(t, k, `{"alg":"dir","enc":"A256GCM","zip":"DEF"}`, bomb)+".AAAA.AAAA", set(t, k), profile(), token.ErrMalformed)
	for _, room := range []string{".", filepath.Join("..", "key"), filepath.Join("..", "key", "remote"), filepath.Join("..", "policy")} {
		p, err := build.ImportDir(room, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "compress/") || strings.HasPrefix(imported, "archive/") || strings.Contains(imported, "/compress") {
				t.Errorf("%s imports %s", room, imported)
			}
		}
	}
}
