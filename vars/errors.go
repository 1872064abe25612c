package vars

import (
	"slices"
	"strings"
)

// UndefinedError is every reference of a template that no source has. Its text is the one that Concourse's users know.
type UndefinedError struct {
	Refs  []Ref    // sorted by their text, each once
	Notes []string // what is known about them beyond that: `some_secret has no field "nam"`
}

func (e *UndefinedError) Error() string {
	names := make([]string, len(e.Refs))
	for i, r := range e.Refs {
		names[i] = r.String()
	}
	return "undefined vars: " + strings.Join(names, ", ")
}

// Hint returns what is known about the missing references, a line each.
func (e *UndefinedError) Hint() string { return strings.Join(e.Notes, "\n") }

func (e *UndefinedError) add(r Ref, note string) {
	if !slices.ContainsFunc(e.Refs, r.Equal) {
		e.Refs = append(e.Refs, r)
	}
	if note != "" && !slices.Contains(e.Notes, note) {
		e.Notes = append(e.Notes, note)
	}
}

func (e *UndefinedError) sorted() *UndefinedError {
	slices.SortFunc(e.Refs, func(a, b Ref) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(e.Notes)
	return e
}

// DeniedError is a source that answered and refused: this build may not read that path.
type DeniedError struct {
	Server string // its URL
	Path   string // what was asked for
	Reason string // the server's words, without secrets
	Advice string // what may help
}

func (e *DeniedError) Error() string {
	return e.Server + ": denied: read " + e.Path + reason(e.Reason)
}

// Hint returns what may help.
func (e *DeniedError) Hint() string { return e.Advice }

// LoginError is a source that refused who this build says it is.
type LoginError struct {
	Server string // its URL
	Path   string // where the login was sent
	Reason string // the server's words, without secrets
	Advice string // what may help
}

func (e *LoginError) Error() string {
	return e.Server + ": login refused at " + e.Path + reason(e.Reason)
}

// Hint returns what may help.
func (e *LoginError) Hint() string { return e.Advice }

// UnreachableError is a source that gave no usable answer: no connection, no answer in time, an error of its own, or
// an answer that is not one.
type UnreachableError struct {
	Server string // its URL
	Reason string // what happened, without secrets
	Advice string // what may help
	Err    error  // the cause, where there is one
}

func (e *UnreachableError) Error() string { return e.Server + ": no usable answer" + reason(e.Reason) }

// Hint returns what may help.
func (e *UnreachableError) Hint() string { return e.Advice }

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

func reason(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
