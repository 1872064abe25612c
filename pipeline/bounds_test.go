package pipeline

import (
	"fmt"
	"strings"
	"testing"
)

func TestBounds(t *testing.T) {
	t.Parallel()
	laughs := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'h'; c++ {
		laughs += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 10))
	}
	merges := "a: &a {" + strings.Repeat("x", 10) + ": 1}\n"
	for i := range 20 {
		merges += fmt.Sprintf("m%d: &m%d {<<: [*%s, *%s], k%d: 1}\n", i, i, before(i), before(i), i)
	}
	for _, test := range []struct{ name, in, want string }{
		{"billion laughs", laughs, "more than 100000 values once aliases are followed"},
		{"merges", merges, "more than 100000 values once aliases are followed"},
		{"deep", strings.Repeat("[", 66) + strings.Repeat("]", 66), "p.yml:1:66: nested deeper than 64 levels"},
		{"deep in the parser", strings.Repeat("[", 20000), "exceeded max depth of 10000"},
		{"large", "#" + strings.Repeat("x", 1<<20), "p.yml: 1048577 bytes; at most 1048576 are read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("p.yml", []byte(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	var many Errors
	for i := range 30 {
		many = append(many, Error{File: "p.yml", Line: i + 1, Text: "x"})
	}
	if got := strings.Split(many.Error(), "\n"); len(got) != 21 || got[20] != "p.yml: and 10 more" {
		t.Errorf("many: %q", got[len(got)-1])
	}
}

func before(i int) string {
	if i == 0 {
		return "a"
	}
	return fmt.Sprintf("m%d", i-1)
}
