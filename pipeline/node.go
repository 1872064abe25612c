package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/writ-run/writ/vars"
)

// node is a YAML value with its place. Aliases and merges are done; a mapping has no key twice.
type node struct {
	line, column int
	kind         kind
	value        any    // of a scalar: nil, string, bool, int64, uint64 or float64
	shown        string // of a scalar: how an error may print it; for what came out of a ((var)), that reference
	items        []*node
	pairs        []pair
	open         bool // a string with a ((var)) that is not replaced yet
	secret       bool // it came out of a ((var)), or a part of it did
	anchored     bool // a top-level key: its value has an anchor
}

type pair struct{ key, value *node } // key is a string scalar

type kind byte

const (
	scalar kind = iota
	list
	mapping
)

// describe names a node's type for an error, never its value.
func (n *node) describe() string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	switch n.value.(type) {
	case nil:
		return "null"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	}
	return "a number"
}

// quoted is the scalar for an error.
func (n *node) quoted() string { return strconv.Quote(brief(n.shown)) }

// brief cuts what an error prints.
func brief(text string) string {
	const longest = 80
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "..."
}

// bare is the scalar for an error that shows it without quotes.
func (n *node) bare() string { return plainText(brief(n.shown)) }

// plainText replaces control characters: a file must not write to the reader's terminal.
func plainText(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?'
		}
		return c
	}, text)
}

func (n *node) text() string {
	text, _ := n.value.(string)
	return text
}

func (n *node) null() bool { return n.kind == scalar && n.value == nil }

// get returns the value of a mapping's key; nil: not there.
func (n *node) get(name string) *node {
	for _, p := range n.pairs {
		if p.key.text() == name {
			return p.value
		}
	}
	return nil
}

// plain is the tree as vars and sources take it.
func (n *node) plain() any {
	switch n.kind {
	case list:
		items := make([]any, len(n.items))
		for i, item := range n.items {
			items[i] = item.plain()
		}
		return items
	case mapping:
		return n.plainMap()
	}
	return n.value
}

func (n *node) plainMap() map[string]any {
	all := make(map[string]any, len(n.pairs))
	for _, p := range n.pairs {
		all[p.key.text()] = p.value.plain()
	}
	return all
}

// scalarText writes a scalar as Concourse writes it into an environment: null is empty, a number is as in JSON.
func (n *node) scalarText() (string, error) {
	switch v := n.value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return "", fmt.Errorf("%s is not a number that JSON has; put it in quotes", n.quoted())
		}
	}
	text, err := json.Marshal(n.value)
	return string(text), err
}

func number(text string) any {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return u
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return f
}

// hasVars says whether text has a reference, or one that is wrong.
func hasVars(text string) bool {
	if !strings.Contains(text, "((") {
		return false
	}
	refs, err := vars.References(text)
	return err != nil || len(refs) > 0
}
