package trust

import (
	"regexp"
	"sync"
)

// form is a regular expression that is compiled when a text is first held against it: most programs with this package in
// them never do, and would pay for it at every start.
type form struct {
	expression string
	once       sync.Once
	compiled   *regexp.Regexp
}

func formOf(expression string) *form { return &form{expression: expression} }

// MatchString says whether a text has the form.
func (f *form) MatchString(text string) bool {
	f.once.Do(func() { f.compiled = regexp.MustCompile(f.expression) })
	return f.compiled.MatchString(text)
}
