package script

import (
	"slices"
	"testing"
)

func TestPrivileged(t *testing.T) {
	t.Parallel()
	words := []string{"bash", "-c", "x"}
	for _, c := range []struct {
		sudo bool
		user int
		want []string
	}{
		{true, 1000, []string{"sudo", "-E", "bash", "-c", "x"}},
		{true, 0, words},
		{false, 1000, words},
	} {
		if got := (Exec{Sudo: c.sudo}).privileged(words, c.user); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// FuzzSubstitute replaces nothing but variables that are there.
func FuzzSubstitute(f *testing.F) {
	for _, seed := range []string{"$A", "${A}", "x$Ay", "$$A", "${A", "$", "${", "${}", "$1", "${A}}$B_", "\xff$A"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if got := substitute(word, nil); got != word {
			t.Errorf("%q without variables: %q", word, got)
		}
		if got := substitute(word, []string{"A=$A${A}"}); len(got) < len(word) && word == got {
			t.Errorf("%q: %q", word, got)
		}
		if got := substitute("${A}"+word, []string{"A=$B", "B=x"}); got[:2] != "$B" {
			t.Errorf("what was replaced is replaced again: %q", got)
		}
	})
}
