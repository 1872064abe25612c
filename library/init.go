package library

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/writ-run/writ/machine"
)

// State is what Init did with a file.
type State string

// The states of a file.
const (
	Made    State = "made"
	Updated State = "updated" // one of the library's that nobody had edited, or with force
	Kept    State = "kept"    // it was there
	Edited  State = "edited"  // one of the library's that somebody has edited: kept
)

// Laid is a file of the directory.
type Laid struct {
	Path  string // below the directory
	State State
}

// places are where the files of the skeleton go.
var places = map[string]string{
	"README.md": "README.md", "gitignore": ".gitignore", "hello.jsonnet": "patterns/hello.jsonnet", "writ.jsonnet": "writ.jsonnet",
}

// LibraryDir is where the library goes.
const LibraryDir = "lib/writ"

// Init lays out a directory, which it makes where there is none. What is there is kept, except files of the library that
// are as some version of writ wrote them (with force: any): those become this version's.
func Init(ctx context.Context, directory, version string, force bool) ([]Laid, error) {
	var laid []Laid
	for _, below := range []string{".", "patterns", LibraryDir} {
		if _, err := (machine.Dir{Path: filepath.Join(directory, below), Parents: true}).Change(ctx); err != nil {
			return nil, err
		}
	}
	texts, err := read(skeleton, "skeleton")
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		state, err := once(ctx, filepath.Join(directory, places[name]), texts[name])
		if err != nil {
			return nil, err
		}
		laid = append(laid, Laid{places[name], state})
	}
	texts, err = Files()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := LibraryDir + "/" + name
		state, err := vendor(ctx, filepath.Join(directory, path), texts[name], version, force)
		if err != nil {
			return nil, err
		}
		laid = append(laid, Laid{path, state})
	}
	return laid, nil
}

// once writes a file where there is none.
func once(ctx context.Context, path, text string) (State, error) {
	differences, err := machine.File{Path: path}.Check(ctx)
	if err != nil || !differences.Absent() {
		return Kept, err
	}
	_, err = machine.File{Path: path, Contents: &text}.Change(ctx)
	return Made, err
}

// header is the first line of a file of the library. The digest is of what follows.
var header = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile("^// Written by writ [^\n]*\\(sha256:([0-9a-f]{64})\\)[^\n]*\n")
})

func withHeader(text, version string) string {
	return fmt.Sprintf("// Written by writ %s (sha256:%s); `writ init` keeps it where it was edited.\n%s", version, digest(text), text)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// vendor writes a file of the library. One with the same text keeps the header of the version that wrote it.
func vendor(ctx context.Context, path, text, version string, force bool) (State, error) {
	differences, err := machine.File{Path: path}.Check(ctx)
	if err != nil {
		return "", err
	}
	state := Made
	if len(differences) > 0 && !differences.Absent() {
		return "", fmt.Errorf("%s: %s", machine.Show(path), differences)
	}
	if len(differences) == 0 {
		before, err := readText(path)
		if err != nil {
			return "", err
		}
		found := header().FindStringSubmatch(before)
		written := len(found) > 0 && digest(before[len(found[0]):]) == found[1]
		switch {
		case written && found[1] == digest(text):
			return Kept, nil
		case !written && !force:
			return Edited, nil
		}
		state = Updated
	}
	text = withHeader(strings.ReplaceAll(text, "\r", ""), strings.Join(strings.Fields(version), " "))
	_, err = machine.File{Path: path, Contents: &text}.Change(ctx)
	return state, err
}

// maxText is more than any version's files.
const maxText = 1 << 20

// readText reads a file; one that is larger than any of ours is an edited one, however it ends.
func readText(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxText))
	return string(text), err
}
