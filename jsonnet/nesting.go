package jsonnet

import (
	"bytes"
	"fmt"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
	"github.com/google/go-jsonnet/toolutils"
)

// maxNesting is how deep the expressions of a text may be within one another. The parser, and all that walks its tree,
// goes down by calling itself, and a stack of Go's that overflows ends the whole process.
const maxNesting = 20000

// tooDeep refuses a text that may be too deep to parse.
func tooDeep(name string, text []byte) error {
	if len(text) <= maxNesting || nesting(text) <= maxNesting {
		return nil
	}
	return &Error{File: name, Text: fmt.Sprintf("its expressions nest more than %d deep (the limit of nesting)", maxNesting)}
}

// nesting is at least the depth of a text's tree. Each bracket that is open is a level, and so is each operator, keyword and
// call since the last comma of its bracket.
func nesting(text []byte) int {
	var outer []int // levels at the open brackets
	level, deepest := 0, 0
	for i := 0; i < len(text); {
		length := 1
		switch c := text[i]; {
		case c == '\'' || c == '"':
			length = quotedLength(text[i:])
		case c == '@' && i+1 < len(text) && (text[i+1] == '\'' || text[i+1] == '"'):
			length = verbatimLength(text[i:])
		case bytes.HasPrefix(text[i:], []byte("|||")):
			length = blockLength(text[i:])
		case c == '#' || bytes.HasPrefix(text[i:], []byte("//")):
			length = until(text[i:], "\n")
		case bytes.HasPrefix(text[i:], []byte("/*")):
			length = until(text[i:], "*/")
		case c == '(' || c == '[' || c == '{':
			outer = append(outer, level)
			level++
		case c == ')' || c == ']' || c == '}':
			if last := len(outer) - 1; last >= 0 {
				level, outer = outer[last]+1, outer[:last] // f()() and {}{} nest too
			}
		case c == ',':
			level = 0
			if last := len(outer) - 1; last >= 0 {
				level = outer[last] + 1
			}
		case bytes.IndexByte([]byte("!$%&*+-./:<=>^|~"), c) >= 0:
			level++
		case isLetter(c):
			for length < len(text)-i && (isLetter(text[i+length]) || text[i+length] >= '0' && text[i+length] <= '9') {
				length++
			}
			if keywords[string(text[i:i+length])] {
				level++
			}
		}
		i += length
		deepest = max(deepest, level)
	}
	return deepest
}

var keywords = map[string]bool{
	"assert": true, "else": true, "error": true, "for": true, "function": true, "if": true, "import": true,
	"importbin": true, "importstr": true, "in": true, "local": true, "then": true,
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func quotedLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[0]:
			return i + 1
		}
	}
	return len(text)
}

// verbatimLength is that of @'...', in which a doubled quote is one.
func verbatimLength(text []byte) int {
	for i := 2; i < len(text); i++ {
		if text[i] != text[1] {
			continue
		}
		if i+1 < len(text) && text[i+1] == text[1] {
			i++
			continue
		}
		return i + 1
	}
	return len(text)
}

// blockLength is that of |||...|||, which ends at a line that is indented less than its first.
func blockLength(text []byte) int {
	at := until(text, "\n")
	var indent []byte
	for at < len(text) {
		length := until(text[at:], "\n")
		line := text[at : at+length]
		content := bytes.TrimLeft(line, " \t")
		switch {
		case len(bytes.TrimSpace(line)) == 0:
		case indent == nil:
			indent = line[:len(line)-len(content)]
		case !bytes.HasPrefix(line, indent):
			return at + len(line) - len(content) + min(3, len(content))
		}
		at += length
	}
	return len(text)
}

// until is how far it is to the end of what comes next, or to the end.
func until(text []byte, next string) int {
	if at := bytes.Index(text, []byte(next)); at >= 0 {
		return at + len(next)
	}
	return len(text)
}

// parse makes a file's tree.
func parse(name string, text []byte) (ast.Node, error) {
	if err := tooDeep(name, text); err != nil {
		return nil, err
	}
	growStack()
	return jsonnet.SnippetToAST(name, string(text))
}

// walkImports calls use for each import of a tree. As code: by import, not by importstr or importbin.
func walkImports(node ast.Node, use func(path string, asCode bool, at ast.LocationRange) error) error {
	switch n := node.(type) {
	case *ast.Import:
		return use(n.File.Value, true, *n.Loc())
	case *ast.ImportStr:
		return use(n.File.Value, false, *n.Loc())
	case *ast.ImportBin:
		return use(n.File.Value, false, *n.Loc())
	}
	for _, child := range toolutils.Children(node) {
		if err := walkImports(child, use); err != nil {
			return err
		}
	}
	return nil
}
