package pattern

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/rogpeppe/go-internal/diff"
)

// Difference is one in which two orders are not the same.
type Difference struct {
	What string `json:"what"`          // manifest, entrypoint, file, runVars or version
	Name string `json:"name,omitzero"` // of the file or var
	Text string `json:"text"`          // a unified diff, or "was X, is Y"
}

// Compare tells in what b is another order than a: empty where a machine that ran a would have nothing new to do with b.
// Who signed it when, for whom and for how long is no part of that.
func Compare(a, b Order, ignoreVersion bool) []Difference {
	var found []Difference
	if a.BuildManifest != b.BuildManifest {
		found = append(found, Difference{What: "manifest", Text: unified("manifest", a.BuildManifest, b.BuildManifest)})
	}
	if a.Bundle.Entrypoint != b.Bundle.Entrypoint {
		found = append(found, Difference{What: "entrypoint", Text: fmt.Sprintf("was %q, is %q", a.Bundle.Entrypoint, b.Bundle.Entrypoint)})
	}
	for _, name := range union(a.Bundle.Files, b.Bundle.Files) {
		before, was := a.Bundle.Files[name]
		after, is := b.Bundle.Files[name]
		if was == is && before == after {
			continue
		}
		text := unified(name, before, after)
		switch {
		case !was:
			text = "is new\n" + text
		case !is:
			text = "is gone\n" + text
		}
		found = append(found, Difference{"file", name, text})
	}
	before, after := a.Vars(), b.Vars()
	for _, name := range union(before, after) {
		if was, is := asJSON(before, name), asJSON(after, name); was != is {
			found = append(found, Difference{"runVars", name, fmt.Sprintf("was %s, is %s", was, is)})
		}
	}
	if !ignoreVersion && a.Version != b.Version {
		found = append(found, Difference{What: "version", Text: fmt.Sprintf("was %q, is %q", a.Version, b.Version)})
	}
	return found
}

// union are the names of both, sorted.
func union[V any](a, b map[string]V) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

// asJSON is a var as JSON.
func asJSON(vars map[string]any, name string) string {
	value, there := vars[name]
	if !there {
		return "not there"
	}
	text, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		return "not JSON"
	}
	canonical := jsontext.Value(text)
	if err := canonical.Canonicalize(); err != nil {
		return string(text)
	}
	return string(canonical)
}

// unified is a diff with three lines of context.
func unified(name, before, after string) string {
	text := diff.Diff("a"+slash(name), []byte(before), "b"+slash(name), []byte(after))
	_, text, _ = bytes.Cut(text, []byte("\n")) // its own first line, which repeats the names
	return string(text)
}

func slash(name string) string { return "/" + strings.TrimPrefix(name, "/") }
