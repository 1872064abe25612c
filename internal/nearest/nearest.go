// Package nearest finds the name that was probably meant.
package nearest

import (
	"fmt"
	"strings"
)

// Suggestion is `; did you mean "x"?` where one of the candidates is near, and nothing where none is.
func Suggestion(name string, candidates []string) string {
	if near := Name(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// Name returns the candidate with the fewest edits from name, at most a third of its length; "" where none is that near.
func Name(name string, candidates []string) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, fewest := "", max(1, len(name)/3)+1
	for _, candidate := range candidates {
		if len(candidate) > longest {
			continue
		}
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < fewest {
			best, fewest = candidate, d
		}
	}
	return best
}

// edits counts insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
func edits(a, b string) int {
	before, above := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(b)]
}
