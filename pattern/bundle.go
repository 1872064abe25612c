package pattern

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/writ-run/writ/jsonnet"
)

// Bundle is a Pattern's own text with all that it imports, as a token carries it (the second seed, etchaPattern). Keys of
// Files begin with a slash.
type Bundle struct {
	Entrypoint string            `json:"entrypoint"`
	Files      map[string]string `json:"files"`
}

// Bounds of a bundle.
const (
	maxFiles      = 10_000
	maxBundle     = 32 << 20
	maxNameLength = 4096
)

// Pack collects a program's files. Each is keyed by its path less the deepest directory that all of them share, as Etcha
// does, so that relative imports hold within the bundle. What is not UTF-8 cannot be carried.
func Pack(ctx context.Context, program jsonnet.Program, l jsonnet.Limits) (Bundle, error) {
	b, names, err := gather(ctx, program, l)
	if err != nil {
		return Bundle{}, err
	}
	size := 0
	for name, text := range b.Files {
		if !utf8.ValidString(text) {
			return Bundle{}, fmt.Errorf("%s: is not UTF-8, and a token carries text", names[name])
		}
		if size += len(text); size > maxBundle {
			return Bundle{}, fmt.Errorf("%s: its files have over %d bytes in all", program.Entrypoint, maxBundle)
		}
	}
	return b, nil
}

// Digest is that of the bundle that a program would be packed into.
func Digest(ctx context.Context, program jsonnet.Program, l jsonnet.Limits) (string, error) {
	b, _, err := gather(ctx, program, l)
	if err != nil {
		return "", err
	}
	return b.Digest(), nil
}

// gather collects a program's files; names are what they were found as.
func gather(ctx context.Context, program jsonnet.Program, l jsonnet.Limits) (b Bundle, names map[string]string, err error) {
	files, err := jsonnet.Dependencies(ctx, program, l)
	if err != nil {
		return Bundle{}, nil, err
	}
	if len(files) > maxFiles {
		return Bundle{}, nil, fmt.Errorf("%s: imports %d files; at most %d are packed", program.Entrypoint, len(files), maxFiles)
	}
	entrypoint, _, err := program.Import("", program.Entrypoint)
	if err != nil {
		return Bundle{}, nil, err
	}
	base := shared(slices.Collect(maps.Keys(files)))
	b = Bundle{Entrypoint: keyOf(base, entrypoint), Files: make(map[string]string, len(files))}
	names = make(map[string]string, len(files))
	for path, text := range files {
		name := keyOf(base, path)
		b.Files[name], names[name] = string(text), path
	}
	return b, names, nil
}

// shared is the deepest directory that holds all paths, by whole elements.
func shared(paths []string) string {
	slices.Sort(paths)
	base := filepath.Dir(paths[0])
	for base != "/" && base != "." && !within(base, paths[len(paths)-1]) {
		base = filepath.Dir(base)
	}
	return base
}

func within(base, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(base, "/")+"/")
}

// keyOf is a path below the base, with a slash before it.
func keyOf(base, path string) string {
	if base != "." {
		path = strings.TrimPrefix(path, strings.TrimSuffix(base, "/"))
	}
	return "/" + strings.TrimPrefix(filepath.ToSlash(path), "/")
}

// Validate checks a bundle that was received, and gives the entrypoint its slash where it has none.
func (b *Bundle) Validate() error {
	if !strings.HasPrefix(b.Entrypoint, "/") {
		b.Entrypoint = "/" + b.Entrypoint
	}
	if _, there := b.Files[b.Entrypoint]; !there {
		return fmt.Errorf("etchaPattern.entrypoint %.80q is not among etchaPattern.files", b.Entrypoint)
	}
	if len(b.Files) > maxFiles {
		return fmt.Errorf("etchaPattern.files has %d members; at most %d are read", len(b.Files), maxFiles)
	}
	for name := range b.Files {
		switch {
		case !strings.HasPrefix(name, "/"):
			return fmt.Errorf("etchaPattern.files: %.80q does not begin with /", name)
		case len(name) > maxNameLength, strings.ContainsRune(name, 0), name != filepath.Clean(name):
			return fmt.Errorf("etchaPattern.files: %.80q is not a clean path of at most %d bytes", name, maxNameLength)
		}
	}
	return nil
}

// Program is the bundle as it is rendered: from itself and nothing else.
func (b Bundle) Program() jsonnet.Program {
	return jsonnet.Program{Entrypoint: b.Entrypoint, Import: jsonnet.Memory(b.Files)}
}

// Digest is the SHA-256, in hex, of the names and texts: equal bundles have equal ones.
func (b Bundle) Digest() string {
	sum := sha256.New()
	add := func(text string) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		sum.Write(length[:])
		sum.Write([]byte(text))
	}
	add(b.Entrypoint)
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		add(name)
		add(b.Files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
