package pattern

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
// does, so that relative imports hold within the bundle. What is not UTF-8 cannot be carried, and what is imported by an
// absolute path would not be found again.
func Pack(ctx context.Context, program jsonnet.Program, l jsonnet.Limits) (Bundle, error) {
	r := relocation{program: program, strict: true, origins: map[string]string{}}
	b, origins, err := r.gather(ctx, l)
	if err != nil {
		return Bundle{}, err
	}
	size := 0
	for name, text := range b.Files {
		if !utf8.ValidString(text) {
			return Bundle{}, fmt.Errorf("%s: is not UTF-8, and a token carries text", origins[name])
		}
		if size += len(text); size > maxBundle {
			return Bundle{}, fmt.Errorf("%s: its files have over %d bytes in all", program.Entrypoint, maxBundle)
		}
	}
	return b, nil
}

// Digest is that of the bundle that a program would be packed into.
func Digest(ctx context.Context, program jsonnet.Program, l jsonnet.Limits) (string, error) {
	r := relocation{program: program, origins: map[string]string{}}
	b, _, err := r.gather(ctx, l)
	if err != nil {
		return "", err
	}
	return b.Digest(), nil
}

// relocation imports a program's files under the names by which a bundle finds them: each where the importing file looks
// first, which is beside itself. For most files that is where they are; a library's file is moved to there.
type relocation struct {
	program jsonnet.Program
	strict  bool
	origins map[string]string // what each was found as
}

func (r *relocation) find(from, path string) (string, []byte, error) {
	found, content, err := r.program.Import(r.origins[from], path)
	if err != nil {
		return "", nil, err
	}
	if from != "" && r.strict && filepath.IsAbs(path) {
		return "", nil, fmt.Errorf("an import of %q, an absolute path, holds on this machine alone, and cannot be packed", path)
	}
	name, err := filepath.Abs(found)
	if err != nil {
		return "", nil, err
	}
	if from != "" && !filepath.IsAbs(path) {
		name = filepath.Join(filepath.Dir(from), path)
	}
	if len(name) > maxNameLength {
		return "", nil, fmt.Errorf("%s: files that import one another through a library, over and over, cannot be packed", found)
	}
	if before, known := r.origins[name]; known && !sameName(before, found) {
		return "", nil, fmt.Errorf("%s and %s would be one file of the bundle, %s", before, found, name)
	}
	r.origins[name] = found
	return name, content, nil
}

// sameName tells whether two paths are one, written differently.
func sameName(a, b string) bool {
	if a == b {
		return true
	}
	first, err := filepath.Abs(a)
	second, also := filepath.Abs(b)
	return err == nil && also == nil && first == second
}

// gather collects the files; origins are what they were found as, by their keys.
func (r *relocation) gather(ctx context.Context, l jsonnet.Limits) (b Bundle, origins map[string]string, err error) {
	files, err := jsonnet.Dependencies(ctx, jsonnet.Program{Entrypoint: r.program.Entrypoint, Import: r.find}, l)
	if err != nil {
		var mistake *jsonnet.Error
		if errors.As(err, &mistake) { // its place is in the file as people know it
			mistake.File = cmp.Or(r.origins[mistake.File], mistake.File)
		}
		return Bundle{}, nil, err
	}
	if len(files) > maxFiles {
		return Bundle{}, nil, fmt.Errorf("%s: imports %d files; at most %d are packed", r.program.Entrypoint, len(files), maxFiles)
	}
	entrypoint, _, err := r.find("", r.program.Entrypoint)
	if err != nil {
		return Bundle{}, nil, err
	}
	base := shared(slices.Collect(maps.Keys(files)))
	b = Bundle{Entrypoint: keyOf(base, entrypoint), Files: make(map[string]string, len(files))}
	origins = make(map[string]string, len(files))
	for path, text := range files {
		name := keyOf(base, path)
		b.Files[name], origins[name] = string(text), r.origins[path]
	}
	return b, origins, nil
}

// shared is the deepest directory that holds all paths, by whole elements.
func shared(paths []string) string {
	slices.Sort(paths)
	base := filepath.Dir(paths[0])
	for base != "/" && !within(base, paths[len(paths)-1]) {
		base = filepath.Dir(base)
	}
	return base
}

func within(base, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(base, "/")+"/")
}

// keyOf is a path below the base, with a slash before it.
func keyOf(base, path string) string { return strings.TrimPrefix(path, strings.TrimSuffix(base, "/")) }

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
