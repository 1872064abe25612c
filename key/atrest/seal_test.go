package atrest_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/writ-run/writ/key/atrest"
)

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// names lists a directory.
func names(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

// must fails the test on an error.
func must(t testing.TB) func(data []byte, err error) []byte {
	return func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
}

func sealer(t *testing.T, path string) *atrest.Sealer {
	t.Helper()
	s, err := atrest.OpenSealer(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSealer: the identity is made once, for its user alone, and opens what it sealed after it was read again.
func TestSealer(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(directory, "identity")
	first := sealer(t, path)
	if got := mode(t, path); got != 0o600 {
		t.Errorf("identity file is %v, want -rw-------", got)
	}
	if got := mode(t, directory).Perm(); got != 0o700 {
		t.Errorf("its directory is %#o, want 0700", got)
	}
	if got := names(t, directory); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	before := must(t)(os.ReadFile(path))
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("key"), 1000), make([]byte, 1<<20)} {
		sealed := must(t)(first.Seal(plain))
		if !atrest.Sealed(sealed) || len(plain) > 2 && bytes.Contains(sealed, plain) {
			t.Errorf("%d bytes are not sealed", len(plain))
		}
		opened := must(t)(sealer(t, path).Open(sealed))
		if !bytes.Equal(opened, plain) {
			t.Errorf("%d bytes: opened %d other ones", len(plain), len(opened))
		}
	}
	if !bytes.Equal(must(t)(os.ReadFile(path)), before) {
		t.Error("opening the identity file has changed it")
	}
}

// TestSealerRefusesFiles: an identity that is not the user's own secret is none.
func TestSealerRefusesFiles(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "identity")
	sealer(t, source)
	identity := must(t)(os.ReadFile(source))
	secret := string(identity[bytes.Index(identity, []byte("AGE-SECRET-KEY-1"))+16:])[:16] // no message holds it
	tests := map[string]struct {
		data []byte
		mode os.FileMode
		want string
	}{
		"read by group":  {identity, 0o640, "mode is 0640: others may read it; want 0600"},
		"read by all":    {identity, 0o604, "mode is 0604: others may read it"},
		"written by all": {identity, 0o602, "mode is 0602"},
		"empty":          {nil, 0o600, "empty: no age identity in it"},
		"only comments":  {[]byte("# a\n\n#b\n"), 0o600, "empty: no age identity in it"},
		"of SSH":         {[]byte("-----BEGIN OPENSSH PRIVATE KEY-----\n"), 0o600, "not an age X25519 identity"},
		"cut off":        {identity[:len(identity)-10], 0o600, "not an age X25519 identity"},
		"a recipient":    {[]byte("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n"), 0o600, "not an age X25519 identity"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "identity")
			if err := os.WriteFile(path, test.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := atrest.OpenSealer(path)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %v, want %q with the path", err, test.want)
			}
			if !bytes.Equal(must(t)(os.ReadFile(path)), test.data) {
				t.Error("the refused file was changed")
			}
		})
	}
	t.Run("a directory", func(t *testing.T) {
		t.Parallel()
		if _, err := atrest.OpenSealer(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a pipe", func(t *testing.T) { // and nobody waits for its other end
		t.Parallel()
		path := filepath.Join(t.TempDir(), "identity")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := atrest.OpenSealer(path); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a link to nowhere", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "identity")
		if err := os.Symlink("missing", path); err != nil {
			t.Fatal(err)
		}
		if _, err := atrest.OpenSealer(path); err == nil {
			t.Error("taken")
		}
	})
}

// TestOpenRefuses: what is not sealed, not for us, damaged, or too large.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	ours, other := sealer(t, filepath.Join(directory, "ours")), sealer(t, filepath.Join(directory, "other"))
	sealed := must(t)(ours.Seal([]byte("a private key")))
	header := bytes.Index(sealed, []byte("\n--- ")) + 1
	changed := func(at int) []byte {
		out := bytes.Clone(sealed)
		out[at] ^= 1
		return out
	}
	large := make([]byte, 1<<20+1)
	if _, err := rand.Read(large); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		sealed []byte
		want   string
	}{
		"nothing":             {nil, "not encrypted with age"},
		"plain":               {[]byte(`{"kty":"OKP"}`), "not encrypted with age"},
		"another age version": {append([]byte("age-encryption.org/v2\n"), sealed[22:]...), "not encrypted with age"},
		"to another identity": {must(t)(other.Seal([]byte("x"))), "encrypted to another identity file"},
		"only the first line": {sealed[:22], "damaged: the age header cannot be read"},
		"header cut off":      {sealed[:header], "damaged: the age header cannot be read"},
		"mac changed":         {changed(header + 5), "damaged"},
		"nonce changed":       {changed(len(sealed) - 13 - 16 - 1), "damaged: decryption failed"},
		"last byte changed":   {changed(len(sealed) - 1), "damaged: decryption failed"},
		"last byte cut off":   {sealed[:len(sealed)-1], "damaged: decryption failed"},
		"payload cut off":     {sealed[:len(sealed)-29], "damaged: decryption failed"},
		"with more after it":  {append(bytes.Clone(sealed), 'x'), "damaged: decryption failed"},
		"more than it holds":  {must(t)(ours.Seal(large)), "holds more than 1048576 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if plain, err := ours.Open(test.sealed); err == nil || !strings.Contains(err.Error(), test.want) || plain != nil {
				t.Errorf("got %d bytes, %v; want %q", len(plain), err, test.want)
			}
		})
	}
	// Every single byte counts.
	for i := range sealed {
		if _, err := ours.Open(changed(i)); err == nil {
			t.Errorf("byte %d of %d changed, and it opens", i, len(sealed))
		}
	}
}

// TestSealersAgree: of many processes that start at once on a fresh host, one makes the identity and all use it.
func TestSealersAgree(t *testing.T) {
	t.Parallel()
	for range 10 {
		directory := filepath.Join(t.TempDir(), "new")
		path := filepath.Join(directory, "identity")
		const starters = 8
		var made [starters]*atrest.Sealer
		var failed [starters]error
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range starters {
			all.Go(func() {
				<-start
				made[i], failed[i] = atrest.OpenSealer(path)
			})
		}
		close(start)
		all.Wait()
		for i := range starters {
			if failed[i] != nil {
				t.Fatal(failed[i])
			}
			if made[i].String() != made[0].String() {
				t.Fatalf("two identities: %v and %v", made[i], made[0])
			}
		}
		if got := names(t, directory); len(got) != 1 {
			t.Errorf("left behind: %v", got)
		}
		if got := mode(t, path); got != 0o600 {
			t.Errorf("identity file is %v", got)
		}
	}
}

// TestWriteFile: 0600 in 0700, whatever stood there before, and nothing beside it.
func TestWriteFile(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(directory, "key")
	if err := atrest.WriteFile(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, directory).Perm(); got != 0o700 {
		t.Errorf("directory is %#o, want 0700", got)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := atrest.WriteFile(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if got := mode(t, path); got != 0o600 {
		t.Errorf("file is %v, want -rw-------", got)
	}
	if got := must(t)(os.ReadFile(path)); string(got) != "two" {
		t.Errorf("holds %q", got)
	}
	if got := names(t, directory); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	// A link is replaced, not followed: what it points to stays.
	target, link := filepath.Join(directory, "target"), filepath.Join(directory, "link")
	if err := os.WriteFile(target, []byte("target"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := atrest.WriteFile(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got := must(t)(os.ReadFile(target)); string(got) != "target" || !mode(t, link).IsRegular() {
		t.Errorf("the link was followed: target holds %q", got)
	}
}

// TestWriteFileFails leaves the old content and no temporary file.
func TestWriteFileFails(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "occupied")
	if err := os.MkdirAll(filepath.Join(path, "child"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := atrest.WriteFile(path, []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if got := names(t, directory); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	if err := os.WriteFile(filepath.Join(directory, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := atrest.WriteFile(filepath.Join(directory, "file", "key"), nil); err == nil {
		t.Error("a file was taken as a directory")
	}
}

// TestWriteFileIsAtomic: whoever reads while others write sees one of the contents, whole.
func TestWriteFileIsAtomic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	content := func(c byte) []byte { return bytes.Repeat([]byte{c}, 100_000) }
	if err := atrest.WriteFile(path, content('a')); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for _, c := range []byte("abc") {
		writers.Go(func() {
			for range 15 {
				if err := atrest.WriteFile(path, content(c)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		got := must(t)(os.ReadFile(path))
		if len(got) != 100_000 || !bytes.Equal(got, content(got[0])) {
			t.Fatalf("read %d bytes, not one whole content", len(got))
		}
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

// TestSealerIsNeverPrinted: it prints as what others may encrypt to.
func TestSealerIsNeverPrinted(t *testing.T) {
	t.Parallel()
	sealer, err := atrest.OpenSealer(filepath.Join(t.TempDir(), "identity"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{"pointer": sealer, "value": *sealer, "field": struct{ s *atrest.Sealer }{sealer}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "AGE-SECRET-KEY") {
				t.Errorf("%s: %s prints the identity", name, verb)
			}
		}
	}
	if text := fmt.Sprintf("%v", sealer); !strings.HasPrefix(text, "age1") {
		t.Errorf("prints as %q", text)
	}
}
