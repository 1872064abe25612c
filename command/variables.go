package command

import "strings"

// variables are what the Commands of a list see of those before them. The shell expands them: nothing of a value is ever
// put into a script.
type variables map[string]string

// checked sets what a check is known by, for the Command's own change or remove and for later ones.
func (v variables) checked(prefix string, e *Execution) {
	out := e.Output.value()
	if prefix != "" {
		v[prefix] = out
	}
	v[prefix+"_CHECK"], v[prefix+"_CHECK_OUT"] = failure(e), out
}

// settle sets what a Command is known by once it is over, and unsets what it did not do.
func (v variables) settle(c *Command, o *Outcome) {
	p := c.EnvPrefix
	switch {
	case o.Check != nil:
		v.checked(p, o.Check)
	case c.Check == "":
		v[p+"_CHECK"] = "0" // Etcha's documentation: a check that is not there does not fail
	default:
		delete(v, p+"_CHECK")
	}
	if o.Check == nil {
		delete(v, p+"_CHECK_OUT")
		if p != "" {
			delete(v, p)
		}
	}
	for name, e := range map[string]*Execution{p + "_CHANGE": o.Change, p + "_REMOVE": o.Remove} {
		if e == nil {
			delete(v, name)
			delete(v, name+"_OUT")
			continue
		}
		v[name], v[name+"_OUT"] = failure(e), e.Output.value()
	}
}

func failure(e *Execution) string {
	if e.well() {
		return "0"
	}
	return "1"
}

// value is the output as a variable has it: without the white space around it, and without NUL bytes, which none can hold.
func (o Output) value() string {
	return strings.ReplaceAll(strings.TrimSpace(o.String()), "\x00", "")
}
