// Package pattern reads Patterns: Jsonnet that evaluates to Commands, and to what a token with them shall say.
//
//	files ──Render (over jsonnet, with an Environment)──▶ JSON ──Parse (strict)──▶ Pattern ──▶ command.Diff, command.Runner
//
// Invariant: a Pattern has only known properties, and Commands that are valid as a list; a mistake is named with its place
// in the text where there is one, and before anything has run.
package pattern

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/period"
	"github.com/writ-run/writ/internal/strict"
	"github.com/writ-run/writ/token"
)

// Pattern is what a Pattern's Jsonnet evaluates to. Properties have Etcha's names.
type Pattern struct {
	Build       command.List  // run where a token is built, and before a local Pattern is applied
	BuildExec   *command.Exec // of Build; nil: the one around
	BuildOutput string        // file of the built token

	Run     command.List
	RunExec *command.Exec
	RunVars map[string]any // into vars, when the Pattern is rendered to run
	RunEnv  map[string]string

	Audience  []string // claims of the token
	ID        string
	Issuer    string
	Subject   string
	ExpiresIn time.Duration // from the time of the build; 0: never; negative: it has expired when it is built
	NotBefore NotBefore

	Warnings []string // about properties that have newer names
}

// NotBefore is when a token begins to be valid: the time of the build, so long after it, or a time.
type NotBefore struct {
	After time.Duration
	At    time.Time
}

// From is the time, for a build at a time.
func (n NotBefore) From(built time.Time) time.Time {
	if !n.At.IsZero() {
		return n.At
	}
	return built.Add(n.After)
}

// written is a Pattern as JSON has it.
type written struct {
	Audience     texts             `json:"audience,omitzero"`
	Build        command.List      `json:"build,omitzero"`
	BuildExec    *command.Exec     `json:"buildExec,omitzero"`
	BuildOutput  string            `json:"buildOutput,omitzero"`
	Exec         *command.Exec     `json:"exec,omitzero"` // Etcha's old name for both
	ExpiresIn    string            `json:"expiresIn,omitzero"`
	ExpiresInSec int64             `json:"expiresInSec,omitzero"`
	ID           string            `json:"id,omitzero"`
	Issuer       string            `json:"issuer,omitzero"`
	NotBefore    string            `json:"notBefore,omitzero"`
	Run          command.List      `json:"run,omitzero"`
	RunEnv       map[string]string `json:"runEnv,omitzero"`
	RunExec      *command.Exec     `json:"runExec,omitzero"`
	RunVars      map[string]any    `json:"runVars,omitzero"`
	Subject      string            `json:"subject,omitzero"`
}

// properties are the names that a Pattern may have.
var properties = []string{"audience", "build", "buildExec", "buildOutput", "exec", "expiresIn", "expiresInSec", "id", "issuer", "notBefore", "run", "runEnv", "runExec", "runVars", "subject"}

// texts is a list of strings, or one.
type texts []string

// UnmarshalJSONFrom reads a string or a list of strings; null is none.
func (t *texts) UnmarshalJSONFrom(decoder *jsontext.Decoder) error {
	if decoder.PeekKind() == '"' {
		var one string
		if err := json.UnmarshalDecode(decoder, &one); err != nil {
			return err
		}
		*t = texts{one}
		return nil
	}
	var list []string
	if err := json.UnmarshalDecode(decoder, &list); err != nil {
		return err
	}
	*t = list
	return nil
}

// A Mistake is one in a Pattern.
type Mistake struct {
	Place string // file, with the line where it is known
	Path  string // run[2].change; empty: the whole
	Text  string
}

func (m *Mistake) Error() string {
	out := m.Place
	if m.Path != "" {
		out += ": " + m.Path
	}
	return out + ": " + m.Text
}

// Parse reads what a Pattern evaluated to. place says where a property of that stands; each mistake is a *Mistake, and all
// that can be told apart are joined.
func Parse(text []byte, place func(path string) string) (Pattern, error) {
	mistake := func(path, format string, arguments ...any) error {
		return &Mistake{place(path), path, fmt.Sprintf(format, arguments...)}
	}
	if kind := jsontext.Value(text).Kind(); kind != '{' {
		return Pattern{}, mistake("", "a Pattern is an object with run, build, ...; this is %s", kindName(kind))
	}
	var w written
	if err := json.Unmarshal(text, &w, json.RejectUnknownMembers(true)); err != nil {
		return Pattern{}, decodeMistake(err, mistake)
	}
	p := Pattern{
		Build: w.Build, BuildExec: w.BuildExec, BuildOutput: w.BuildOutput,
		Run: w.Run, RunExec: w.RunExec, RunVars: w.RunVars, RunEnv: w.RunEnv,
		Audience: w.Audience, ID: w.ID, Issuer: w.Issuer, Subject: w.Subject,
	}
	p.retired(w)
	var problems []error
	problems = append(problems, p.times(w, mistake))
	if slices.Contains(p.Audience, "") {
		problems = append(problems, mistake("audience", "holds an empty text"))
	}
	if n := len(p.Audience); n > token.MaxAudiences {
		problems = append(problems, mistake("audience", "has %d elements; at most %d are verified", n, token.MaxAudiences))
	}
	origin := sync.OnceValue(func() func(string) string { return Origins(text) })
	ofCommand := func(path, format string, arguments ...any) error {
		return &Mistake{place(origin()(path)), path, fmt.Sprintf(format, arguments...)}
	}
	for name, list := range map[string]command.List{"build": p.Build, "run": p.Run} {
		problems = append(problems, listMistakes(list.Validate(name), ofCommand)...)
		p.Warnings = append(p.Warnings, list.Warnings(name)...)
	}
	slices.Sort(p.Warnings)
	slices.SortStableFunc(problems, func(a, b error) int { return strings.Compare(pathOf(a), pathOf(b)) })
	return p, errors.Join(problems...)
}

func pathOf(err error) string {
	var m *Mistake
	if errors.As(err, &m) {
		return m.Path
	}
	return ""
}

// retired reads the old names.
func (p *Pattern) retired(w written) {
	warn := func(old, now string) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s is an old name: use %s", old, now))
	}
	if w.Exec != nil {
		warn("exec", "buildExec and runExec")
		if p.BuildExec == nil {
			p.BuildExec = w.Exec
		}
		if p.RunExec == nil {
			p.RunExec = w.Exec
		}
	}
	if w.RunEnv != nil {
		warn("runEnv", "runVars, or runExec.env")
	}
}

// times reads expiresIn, expiresInSec and notBefore.
func (p *Pattern) times(w written, mistake func(path, format string, arguments ...any) error) error {
	var problems []error
	if w.ExpiresIn != "" && w.ExpiresInSec != 0 {
		problems = append(problems, mistake("expiresIn", "expiresInSec is there too; give one"))
	}
	const mostSeconds = 9e9 // 285 years; a Duration holds little more
	if w.ExpiresInSec > mostSeconds || w.ExpiresInSec < -mostSeconds {
		problems = append(problems, mistake("expiresInSec", "%d is not a number of seconds from -%d to %[2]d", w.ExpiresInSec, int64(mostSeconds)))
	} else {
		p.ExpiresIn = time.Duration(w.ExpiresInSec) * time.Second
	}
	if w.ExpiresIn != "" {
		d, err := period.Parse(w.ExpiresIn)
		if err != nil {
			problems = append(problems, mistake("expiresIn", "%v", err))
		}
		p.ExpiresIn = d
	}
	if w.NotBefore != "" {
		at, err := time.Parse(time.RFC3339, w.NotBefore)
		if err == nil {
			p.NotBefore.At = at
		} else if p.NotBefore.After, err = period.Parse(w.NotBefore); err != nil {
			problems = append(problems, mistake("notBefore", "%v, and no time like 2027-01-31T12:00:00Z", err))
		}
	}
	return errors.Join(problems...)
}

// decodeMistake says what the decoder refused, in a user's words.
func decodeMistake(err error, mistake func(path, format string, arguments ...any) error) error {
	explained := strict.Explain(err, properties...)
	var own *strict.Mistake
	if !errors.As(explained, &own) {
		return mistake("", "%v", explained)
	}
	return mistake(own.Path, "%s", own.Reason)
}

// listMistakes puts the mistakes of a list of Commands in their places.
func listMistakes(err error, mistake func(path, format string, arguments ...any) error) []error {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, listMistakes(one, mistake)...)
		}
		return all
	}
	var one *strict.Mistake
	if errors.As(err, &one) {
		return []error{mistake(one.Path, "%s", one.Reason)}
	}
	return nil
}

// kindName is what a value is, in a user's words.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 'n':
		return "null"
	}
	return "this"
}

// MarshalJSON writes the properties that are set, under today's names.
func (p Pattern) MarshalJSON() ([]byte, error) {
	w := written{
		Audience: p.Audience, Build: p.Build, BuildExec: p.BuildExec, BuildOutput: p.BuildOutput, ID: p.ID, Issuer: p.Issuer,
		Run: p.Run, RunEnv: p.RunEnv, RunExec: p.RunExec, RunVars: maps.Clone(p.RunVars), Subject: p.Subject,
	}
	if p.ExpiresIn != 0 {
		w.ExpiresIn = p.ExpiresIn.String()
	}
	switch {
	case !p.NotBefore.At.IsZero():
		w.NotBefore = p.NotBefore.At.Format(time.RFC3339)
	case p.NotBefore.After != 0:
		w.NotBefore = p.NotBefore.After.String()
	}
	return json.Marshal(w, json.Deterministic(true))
}
