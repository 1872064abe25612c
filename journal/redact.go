package journal

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Mask stands where a secret stood.
const Mask = "((redacted))"

// Redactor is a Sink that masks secrets in the text of entries and passes them on. It stands at the door: nothing reaches
// another sink but through it. It is a courtesy to careless scripts, not a boundary: a task that wants to can always
// print a secret in a form that is not known here.
type Redactor struct {
	next Sink

	mu      sync.Mutex
	known   map[string]bool           // secrets
	forms   map[string]struct{}       // all that is masked
	lengths map[[minSecret]byte][]int // of the forms that begin so, long before short
	starts  []uint8                   // a bit for each hash of a beginning; nil: there is no secret, as in most runs
	longest int
	warned  bool
	held    map[held]string // ends of partial entries, which may hold the start of a secret
	last    [2]string       // the step of the last entry, and as it was masked: most entries have the same
}

// held is whose text is held back.
type held struct {
	job, step, stream string
	attempt           int
}

// NewRedactor returns a Redactor without secrets.
func NewRedactor(next Sink) *Redactor {
	return &Redactor{next: next, known: map[string]bool{}, forms: map[string]struct{}{}, lengths: map[[minSecret]byte][]int{}, held: map[held]string{}}
}

// Add has a secret masked from now on: as it is, line by line, and in its JSON-, URL-, shell-quoted, base64 and hex
// forms. One of under 4 bytes is not masked; the first such is warned of. One of over 16 KiB is masked line by line as it
// is, without lines of under 8 bytes; it is warned of where that are more than 131072.
func (r *Redactor) Add(secret string) {
	switch {
	case secret == "":
	case len(strings.TrimSpace(secret)) < minSecret:
		r.mu.Lock()
		warn := !r.warned
		r.warned = true
		r.mu.Unlock()
		if warn {
			r.warn("a secret of under 4 bytes is not redacted: it would hide ordinary text")
		}
	case len(secret) > large:
		all, whole := largeForms(secret)
		if r.learn(secret, all) && !whole {
			r.warn(fmt.Sprintf("a value of %d bytes has too many lines: not all of them are redacted", len(secret)))
		}
	default:
		r.learn(secret, forms(secret))
	}
}

// warn says so in the log itself; where that cannot be written, the next entry fails too.
func (r *Redactor) warn(text string) { _ = r.next.Append(Entry{Kind: Warning, Text: text}) }

// learn masks the forms of a secret. It is false where they are known already.
func (r *Redactor) learn(secret string, all []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[secret] {
		return false
	}
	r.known[secret] = true
	if r.starts == nil {
		r.starts = make([]uint8, 1<<13)
	}
	r.last = [2]string{}
	for _, form := range all {
		if _, known := r.forms[form]; known {
			continue
		}
		r.forms[form] = struct{}{}
		start := [minSecret]byte([]byte(form))
		lengths := r.lengths[start]
		if at, known := slices.BinarySearchFunc(lengths, len(form), func(a, b int) int { return b - a }); !known {
			r.lengths[start] = slices.Insert(lengths, at, len(form))
		}
		h := hash(beginning(form))
		r.starts[h>>3] |= 1 << (h & 7)
		r.longest = max(r.longest, len(form))
	}
	return true
}

// Mask returns a text, of one line or more, with every secret in it masked.
func (r *Redactor) Mask(text string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, _ = r.mask(text, -1)
	return text
}

// Append masks text and step, and passes on. Of a partial entry the end is held back until the next, since a secret may go
// across.
func (r *Redactor) Append(e Entry) error {
	r.mu.Lock()
	e.Step = r.name(e.Step)
	var key held
	var before string
	some := false
	if e.Partial || len(r.held) > 0 {
		key = held{e.Job, e.Step, e.Stream, e.Attempt}
		before, some = r.held[key]
	}
	switch {
	case e.Partial:
		text := before + e.Text
		var rest int
		e.Text, rest = r.mask(text, max(0, len(text)-max(0, r.longest-1)))
		r.held[key] = text[rest:]
	case some && e.Kind == Output:
		delete(r.held, key)
		e.Text, _ = r.mask(before+e.Text, -1)
	default:
		e.Text = r.maskLine(e.Text)
	}
	r.mu.Unlock()
	return r.next.Append(e)
}

// name masks the name of a step.
func (r *Redactor) name(step string) string {
	if step != r.last[0] {
		r.last = [2]string{step, r.maskLine(step)}
	}
	return r.last[1]
}

// maskLine masks a whole line. A secret that escape sequences cut up, as a program that colours a match does, would be
// whole again on the screen: such a line is masked without them.
func (r *Redactor) maskLine(text string) string {
	if plain := sanitize(text, false); plain != text {
		if masked, _ := r.mask(plain, -1); masked != plain {
			return masked
		}
	}
	masked, _ := r.mask(text, -1)
	return masked
}

// mask replaces every stretch of text that secrets cover, also where they overlap. With a limit, what begins at or
// after it stays unread: mask returns where the rest begins.
func (r *Redactor) mask(text string, limit int) (string, int) {
	if limit < 0 {
		limit = len(text)
	}
	at := r.candidate(text, 0)
	if at < 0 || at >= limit {
		return text[:limit], limit
	}
	var out strings.Builder
	done := 0            // text before it is written
	from, until := -1, 0 // the stretch that is covered
	for ; at >= 0 && (at < limit || at < until); at = r.candidate(text, at+1) {
		if from >= 0 && at >= until {
			out.WriteString(text[done:from])
			out.WriteString(Mask)
			done, from = until, -1
			if at >= limit {
				break
			}
		}
		if n := r.longestAt(text[at:]); n > 0 {
			if from < 0 {
				from = at
			}
			until = max(until, at+n)
		}
	}
	end := max(min(limit, len(text)), until)
	if from >= 0 {
		out.WriteString(text[done:from])
		out.WriteString(Mask)
		done = until
	}
	if done == 0 {
		return text[:end], end
	}
	out.WriteString(text[done:max(done, end)])
	return out.String(), max(done, end)
}

// beginning is the first four bytes of text as a number.
func beginning(text string) uint32 {
	return uint32(text[0])<<24 | uint32(text[1])<<16 | uint32(text[2])<<8 | uint32(text[3])
}

// hash spreads beginnings over the bits of starts.
func hash(beginning uint32) uint32 { return beginning * 0x9e3779b1 >> 16 }

// candidate is the first place from at on where a secret may begin, by the hash of four bytes; -1: there is none.
func (r *Redactor) candidate(text string, at int) int {
	if len(r.forms) == 0 || len(text)-at < minSecret {
		return -1
	}
	next := beginning(text[at:]) >> 8
	for i := at + minSecret - 1; i < len(text); i++ {
		next = next<<8 | uint32(text[i])
		if h := hash(next); r.starts[h>>3]&(1<<(h&7)) != 0 {
			return i - minSecret + 1
		}
	}
	return -1
}

// longestAt is the length of the longest form that text begins with.
func (r *Redactor) longestAt(text string) int {
	if len(text) < minSecret {
		return 0
	}
	for _, length := range r.lengths[[minSecret]byte([]byte(text[:minSecret]))] {
		if length > len(text) {
			continue
		}
		if _, is := r.forms[text[:length]]; is {
			return length
		}
	}
	return 0
}
