// Package machine makes one thing of this machine so: a file, a directory, a line in a file, a symbolic link, a copy.
//
// Invariant: after Change, Check finds nothing; what is as described is not touched; Remove takes away only what is as
// described. Readers see the old content or the new, and a new file has its owner and mode before it has its name. A
// path is walked one open directory at a time, so that whoever can rename a part of it cannot lead us elsewhere, and a
// symbolic link that somebody else may have put there is not followed (see find). Contents never enter an error.
//
//	description ──▶ Check ──▶ differences ──▶ Change ──▶ none
//	                  └──▶ none ──▶ Remove ──▶ absent
//
//	PATH ──find──▶ place: directory, name ──compare──▶ temporary name ─contents─owner─mode─fsync─▶ rename over the name
package machine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Thing is what should be so.
type Thing interface {
	// Check returns what is not as described; nothing: it is well.
	Check(ctx context.Context) (Differences, error)
	// Change makes it as described, and returns what Check would have said before.
	Change(ctx context.Context) (Differences, error)
	// Remove takes away what is as described; false: there was nothing. What is there but differs stays, and is an error.
	Remove(ctx context.Context) (bool, error)
}

// Difference is one property that is not as described; contents and lines are never in it. Where Got and Want are empty,
// What says it all.
type Difference struct{ What, Got, Want string }

// kind is the property that what is there at all is a file, a directory, ...; absent is its value for nothing.
const (
	kind   = "kind"
	absent = "absent"
)

func (d Difference) String() string {
	switch {
	case d.Got == "" && d.Want == "":
		return d.What
	case d.What == kind:
		return fmt.Sprintf("is %s, want %s", d.Got, d.Want)
	}
	return fmt.Sprintf("%s is %s, want %s", d.What, d.Got, d.Want)
}

// Differences are what one Check found.
type Differences []Difference

// String is one line.
func (d Differences) String() string {
	texts := make([]string, len(d))
	for i, one := range d {
		texts[i] = one.String()
	}
	return strings.Join(texts, "; ")
}

// Absent tells whether there is nothing at all.
func (d Differences) Absent() bool { return len(d) == 1 && d[0].What == kind && d[0].Got == absent }

// wrongKind returns what is there instead, where it is something else.
func (d Differences) wrongKind() bool { return len(d) == 1 && d[0].What == kind && d[0].Got != absent }

// Mistake is an error in a description: nothing was looked at.
type Mistake struct{ Text string }

func (m *Mistake) Error() string { return m.Text }

func mistake(format string, arguments ...any) error {
	return &Mistake{fmt.Sprintf(format, arguments...)}
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// Show is a path or a name in a message: as it is, or quoted where it would break the line or cannot be seen.
func Show(path string) string {
	for _, r := range path {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return strconv.Quote(path)
		}
	}
	if path == "" || strings.TrimSpace(path) != path {
		return strconv.Quote(path)
	}
	return path
}
