package script

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// variable is what a shell takes as the name of one.
var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// IsVariable tells whether a shell takes text as the name of a variable.
func IsVariable(text string) bool { return variable().MatchString(text) }

// words are what is executed: the words of the Exec's command with the script as it is behind them, or, where there is none,
// the words of the script, and only in those are variables replaced. There is always one, if an empty one.
func (e Exec) words(script string, environment []string) []string {
	if words := strings.Fields(e.Command); len(words) > 0 {
		return append(words, script)
	}
	words := strings.Fields(script)
	for i, word := range words {
		words[i] = substitute(word, environment)
	}
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// privileged are the words as sudo has them, where that is asked for and user is not root.
func (e Exec) privileged(words []string, user int) []string {
	if !e.Sudo || user == 0 {
		return words
	}
	return append([]string{"sudo", "-E"}, words...)
}

// substitute replaces $NAME and ${NAME} where there is such a variable, and leaves all else as it is.
func substitute(word string, environment []string) string {
	var replaced strings.Builder
	for {
		before, after, found := strings.Cut(word, "$")
		replaced.WriteString(before)
		if !found {
			return replaced.String()
		}
		name, rest := variableName(after)
		value, known := lookUp(name, environment)
		if known {
			replaced.WriteString(value)
			word = rest
			continue
		}
		replaced.WriteByte('$')
		word = after
	}
}

// variableName is the name that stands behind a $, and what follows it; empty: none.
func variableName(text string) (name, rest string) {
	inner, braced := strings.CutPrefix(text, "{")
	if braced {
		name, rest, closed := strings.Cut(inner, "}")
		if !closed || !IsVariable(name) {
			return "", text
		}
		return name, rest
	}
	end := strings.IndexFunc(text, func(c rune) bool {
		return c != '_' && !('0' <= c && c <= '9') && !('A' <= c && c <= 'Z') && !('a' <= c && c <= 'z')
	})
	if end < 0 {
		end = len(text)
	}
	if !IsVariable(text[:end]) {
		return "", text
	}
	return text[:end], text[end:]
}

func lookUp(name string, environment []string) (string, bool) {
	if name == "" {
		return "", false
	}
	for _, entry := range slices.Backward(environment) {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value, true
		}
	}
	return "", false
}
