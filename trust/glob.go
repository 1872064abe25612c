package trust

import (
	"regexp/syntax"
	"strings"
)

// maxGlobs bounds what one pattern may become.
const maxGlobs = 32

// star stands in a glob for any text. It is no rune of a name: names have no control characters.
const star = "\x00"

// globs are the texts, with star for "anything", that a comparison of a string allows; nil, false where it cannot be said so.
func (c compare) globs() ([]string, bool) {
	var out []string
	for _, value := range c.values {
		s, isText := value.(string)
		if !isText || strings.Contains(s, star) {
			return nil, false
		}
		switch c.op {
		case equal, in:
			out = append(out, s)
		case hasPrefix:
			out = append(out, s+star)
		case hasSuffix:
			out = append(out, star+s)
		case holds:
			out = append(out, star+s+star)
		case matches:
			return regexGlobs(s)
		default:
			return nil, false
		}
	}
	return out, len(out) > 0
}

// literal tells whether no glob has a star.
func literal(globs []string) bool {
	for _, g := range globs {
		if strings.Contains(g, star) {
			return false
		}
	}
	return true
}

// regexGlobs are the globs that together say the same as an anchored pattern: of literals, `.*`, groups and alternatives.
func regexGlobs(pattern string) ([]string, bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	out, known := expand(tree.Simplify())
	for i, g := range out {
		for strings.Contains(g, star+star) {
			g = strings.ReplaceAll(g, star+star, star)
		}
		out[i] = g
	}
	return out, known && len(out) > 0
}

func expand(r *syntax.Regexp) ([]string, bool) {
	switch r.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText:
		// Anchors are only right at the ends; elsewhere the whole could never match.
		return []string{""}, r.Op == syntax.OpEmptyMatch
	case syntax.OpLiteral:
		if r.Flags&syntax.FoldCase != 0 || strings.Contains(string(r.Rune), star) {
			return nil, false
		}
		return []string{string(r.Rune)}, true
	case syntax.OpCharClass:
		var out []string
		for i := 0; i < len(r.Rune); i += 2 {
			for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
				if out = append(out, string(c)); len(out) > maxGlobs || string(c) == star {
					return nil, false
				}
			}
		}
		return out, true
	case syntax.OpStar:
		if op := r.Sub[0].Op; op == syntax.OpAnyChar || op == syntax.OpAnyCharNotNL {
			return []string{star}, true
		}
	case syntax.OpQuest:
		out, known := expand(r.Sub[0])
		return append([]string{""}, out...), known
	case syntax.OpCapture:
		return expand(r.Sub[0])
	case syntax.OpAlternate:
		var out []string
		for _, sub := range r.Sub {
			more, known := expand(sub)
			if !known || len(out)+len(more) > maxGlobs {
				return nil, false
			}
			out = append(out, more...)
		}
		return out, true
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range r.Sub {
			ends, known := expand(sub)
			if !known || len(out)*len(ends) > maxGlobs {
				return nil, false
			}
			var next []string
			for _, start := range out {
				for _, end := range ends {
					next = append(next, start+end)
				}
			}
			out = next
		}
		return out, true
	}
	return nil, false
}

// globMatch tells whether a text is what a glob allows.
func globMatch(glob, s string) bool {
	parts := strings.Split(glob, star)
	if len(parts) == 1 {
		return glob == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = rest
	}
	return strings.HasSuffix(s, last)
}

// shown is a glob as people write it.
func shown(glob string) string { return strings.ReplaceAll(glob, star, "*") }
