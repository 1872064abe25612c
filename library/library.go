// Package library has the Jsonnet that comes with writ: functions that make Commands, and the directory that `writ init`
// lays out around them.
//
// Invariant: whatever a function is given, its text is one word of a script, or is refused; the scripts pass shellcheck.
// Init overwrites nothing that somebody has written: a file of the library carries the digest of what writ wrote, and one
// that no longer has it is kept.
//
//	writ/NAME.libsonnet ──embed──▶ Init ──header: version, digest──▶ DIR/lib/writ/NAME.libsonnet
//	skeleton/           ──embed──▶ Init ──where there is nothing──▶ DIR/writ.jsonnet, DIR/patterns/hello.jsonnet, ...
package library

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed writ/*.libsonnet
var library embed.FS

//go:embed skeleton
var skeleton embed.FS

// Files returns the files of the library: NAME to text, as file.libsonnet.
func Files() (map[string]string, error) { return read(library, "writ") }

func read(files fs.FS, directory string) (map[string]string, error) {
	entries, err := fs.ReadDir(files, directory)
	if err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(entries))
	for _, entry := range entries {
		text, err := fs.ReadFile(files, directory+"/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		texts[entry.Name()] = string(text)
	}
	return texts, nil
}
