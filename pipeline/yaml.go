package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The bounds of one file.
const (
	maxBytes = 1 << 20
	maxNodes = 100_000 // after aliases are followed: each use of an anchor counts again
	maxDepth = 64
)

// expander makes nodes of YAML nodes, within the bounds.
type expander struct {
	file  string
	count int
}

// readYAML reads the one document of a file. Every error is an Error with a line.
func readYAML(file string, data []byte) (*node, error) {
	if len(data) > maxBytes {
		return nil, Error{File: file, Text: fmt.Sprintf("%d bytes; at most %d are read", len(data), maxBytes)}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, Error{File: file, Line: 1, Text: "the file is empty"}
	} else if err != nil {
		return nil, malformed(file, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, Error{File: file, Line: second.Line, Column: second.Column, Text: "a second YAML document; a file holds one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, malformed(file, err)
	}
	x := &expander{file: file}
	return x.node(document.Content[0], 0)
}

// malformed turns the decoder's "yaml: line 3: ..." into an Error.
func malformed(file string, err error) Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, numbered := strings.CutPrefix(text, "line "); numbered {
		digits, problem, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(digits); err == nil {
			line, text = n, problem
			// The parser, unlike the scanner, counts these from 0.
			if strings.HasPrefix(problem, "did not find expected ") && !strings.Contains(problem, "digit") {
				line++
			}
		}
	}
	return Error{File: file, Line: line, Text: "malformed YAML: " + text}
}

func (x *expander) fail(y *yaml.Node, format string, arguments ...any) error {
	return Error{File: x.file, Line: y.Line, Column: y.Column, Text: fmt.Sprintf(format, arguments...)}
}

func (x *expander) node(y *yaml.Node, depth int) (*node, error) {
	x.count++
	switch {
	case x.count > maxNodes:
		return nil, x.fail(y, "more than %d values once aliases are followed", maxNodes)
	case depth > maxDepth:
		return nil, x.fail(y, "nested deeper than %d levels", maxDepth)
	}
	n := &node{line: y.Line, column: y.Column}
	switch y.Kind {
	case yaml.AliasNode:
		return x.node(y.Alias, depth+1)
	case yaml.ScalarNode:
		return n, x.scalar(n, y)
	case yaml.SequenceNode:
		if y.ShortTag() != "!!seq" {
			return nil, x.fail(y, "tag %s is not allowed", brief(y.Tag))
		}
		n.kind = list
		for _, item := range y.Content {
			inner, err := x.node(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, inner)
		}
		return n, nil
	case yaml.MappingNode:
		if y.ShortTag() != "!!map" {
			return nil, x.fail(y, "tag %s is not allowed", brief(y.Tag))
		}
		n.kind = mapping
		return n, x.mapping(n, y, depth)
	}
	return nil, x.fail(y, "not a YAML value")
}

func (x *expander) mapping(n *node, y *yaml.Node, depth int) error {
	for i := 0; i+1 < len(y.Content); i += 2 {
		name := y.Content[i]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		if name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null" && (name.Value == "" || name.Value == "~") {
			return x.fail(name, "a key must be a string")
		}
		key := &node{line: name.Line, column: name.Column, value: name.Value, shown: name.Value, open: hasVars(name.Value)}
		key.anchored = depth == 0 && anchored(y.Content[i+1])
		value, err := x.node(y.Content[i+1], depth+1)
		if err != nil {
			return err
		}
		n.pairs = append(n.pairs, pair{key, value})
	}
	return settle(x.file, n, &x.count)
}

// anchored says whether there is an anchor at or below y.
func anchored(y *yaml.Node) bool {
	return y.Anchor != "" || slices.ContainsFunc(y.Content, anchored)
}

// mergeKey merges another mapping into this one. Concourse asks to write it in quotes where its value is a ((var)).
const mergeKey = "<<"

// settle refuses double keys and merges. Keys of the mapping itself win; of several merged ones the first.
// A merge whose value still is a ((var)) stays.
func settle(file string, n *node, count *int) error {
	own := make(map[string]*node, len(n.pairs))
	for _, p := range n.pairs {
		name := p.key.text()
		if first := own[name]; first != nil {
			return Error{File: file, Line: p.key.line, Column: p.key.column, Text: fmt.Sprintf("key %s is there twice; first in line %d", p.key.quoted(), first.line)}
		}
		own[name] = p.key
	}
	if own[mergeKey] == nil || n.get(mergeKey).open {
		return nil
	}
	merged := n.get(mergeKey)
	sources := []*node{merged}
	if merged.kind == list {
		sources = merged.items
	}
	pairs := make([]pair, 0, len(n.pairs))
	for _, p := range n.pairs {
		if p.key != own[mergeKey] {
			pairs = append(pairs, p)
		}
	}
	for _, from := range sources {
		if from.kind != mapping {
			return Error{File: file, Line: from.line, Column: from.column, Text: fmt.Sprintf("%s merges a mapping or a list of mappings, not %s", mergeKey, from.describe())}
		}
		for _, p := range from.pairs {
			if own[p.key.text()] == nil {
				own[p.key.text()] = p.key
				pairs = append(pairs, p)
				*count++
			}
		}
	}
	n.pairs = pairs
	if *count > maxNodes {
		return Error{File: file, Line: n.line, Column: n.column, Text: fmt.Sprintf("more than %d values once aliases are followed", maxNodes)}
	}
	return nil
}

// scalar resolves a scalar as Concourse's YAML 1.1 does: plain yes, no, on and off are booleans, a date is a string.
func (x *expander) scalar(n *node, y *yaml.Node) error {
	n.shown = y.Value
	switch tag := y.ShortTag(); tag {
	case "!!null":
		return nil
	case "!!str", "!!timestamp", "!!merge":
		n.value = y.Value
		if word, is := booleanWord(y.Value); is && y.Style == 0 {
			n.value = word
			return nil
		}
		n.open = hasVars(y.Value)
		return nil
	case "!!bool":
		n.value = strings.EqualFold(y.Value, "true")
		return nil
	case "!!int", "!!float":
		var value any
		if err := y.Decode(&value); err != nil {
			return x.fail(y, "%s is not a number", n.quoted())
		}
		switch v := value.(type) {
		case int:
			n.value = int64(v)
		case int64, uint64:
			n.value = v
		case float64:
			n.value = v
			if v == math.Trunc(v) && math.Abs(v) < 1<<53 && tag == "!!int" {
				n.value = int64(v)
			}
		default:
			return x.fail(y, "%s is not a number", n.quoted())
		}
		return nil
	default:
		return x.fail(y, "tag %s is not allowed", brief(tag))
	}
}

// booleanWord knows the further booleans of YAML 1.1 that Concourse's documentation names.
func booleanWord(text string) (value, is bool) {
	switch text {
	case "yes", "Yes", "YES", "on", "On", "ON":
		return true, true
	case "no", "No", "NO", "off", "Off", "OFF":
		return false, true
	}
	return false, false
}
