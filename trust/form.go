package trust

import (
	"regexp"
	"sync"
)

// form is a regular expression that is compiled when a text is first held against it: most programs with this package in
// them never do, and would pay for it at every start.
type form struct{ compiled func() *regexp.Regexp }

func formOf(expression string) form {
	return form{sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })}
}

// MatchString says whether a text has the form.
func (f form) MatchString(text string) bool { return f.compiled().MatchString(text) }
