// Package form has the forms of values that the configuration writes in another way than Go's JSON: durations, rates, ports,
// lists that may be one, keys and what else is secret. Each stands in for a value that it points to.
//
//	JSON --UnmarshalJSONFrom--> *To --Shown--> the same, without what is secret
package form

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/internal/period"
	"github.com/writ-run/writ/internal/strict"
)

// Entry is a value of a map, which is made where there is none.
type Entry[V any] struct {
	In   *map[string]V
	Name string
}

// UnmarshalJSONFrom reads it.
func (e *Entry[V]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var v V
	if err := json.UnmarshalDecode(from, &v); err != nil {
		return err
	}
	if *e.In == nil {
		*e.In = map[string]V{}
	}
	(*e.In)[e.Name] = v
	return nil
}

// Shown is what may be shown of it.
func (e *Entry[V]) Shown() any {
	var v any = (*e.In)[e.Name]
	if text, isText := v.(string); isText {
		return text
	}
	encoded, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil
	}
	return jsontext.Value(encoded)
}

// Duration is a text like 10m; empty: 0.
type Duration struct{ To *time.Duration }

// UnmarshalJSONFrom reads it.
func (d *Duration) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var text string
	if err := json.UnmarshalDecode(from, &text); err != nil {
		return err
	}
	*d.To = 0
	if text == "" {
		return nil
	}
	parsed, err := period.Parse(text)
	if err != nil {
		return &strict.Mistake{Reason: err.Error()}
	}
	*d.To = parsed
	return nil
}

// Shown is what may be shown of it.
func (d *Duration) Shown() any {
	if *d.To == 0 {
		return ""
	}
	text := d.To.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Seconds is a number of them.
type Seconds struct{ To *time.Duration }

// UnmarshalJSONFrom reads it.
func (s *Seconds) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var n float64
	if err := json.UnmarshalDecode(from, &n); err != nil {
		return err
	}
	const longest = float64(math.MaxInt64/time.Second) - 1
	if n < 0 || n > longest {
		return &strict.Mistake{Reason: "want a number of seconds that is not negative, and not that large"}
	}
	*s.To = time.Duration(n * float64(time.Second))
	return nil
}

// Shown is what may be shown of it.
func (s *Seconds) Shown() any { return s.To.Seconds() }

// Rate is a text like 10-M.
type Rate struct{ To *agent.Rate }

// UnmarshalJSONFrom reads it.
func (r *Rate) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var text string
	if err := json.UnmarshalDecode(from, &text); err != nil {
		return err
	}
	parsed, err := agent.ParseRate(text)
	if err != nil {
		return &strict.Mistake{Reason: err.Error()}
	}
	*r.To = parsed
	return nil
}

// Shown is what may be shown of it.
func (r *Rate) Shown() any { return r.To.String() }

// Port is a number, or the same as text.
type Port struct{ To *string }

// UnmarshalJSONFrom reads it.
func (p *Port) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	value, err := from.ReadValue()
	if err != nil {
		return err
	}
	switch value.Kind() {
	case '0':
		*p.To = string(value)
		return nil
	case '"':
		return json.Unmarshal(value, p.To)
	}
	return &strict.Mistake{Reason: "want a number, not " + Kind(value.Kind())}
}

// Shown is what may be shown of it.
func (p *Port) Shown() any { return *p.To }

// Texts is a list of texts, or one.
type Texts struct{ To *[]string }

// UnmarshalJSONFrom reads it.
func (t *Texts) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if from.PeekKind() == '"' {
		*t.To = []string{""}
		return json.UnmarshalDecode(from, &(*t.To)[0])
	}
	*t.To = []string{}
	return json.UnmarshalDecode(from, t.To)
}

// Shown is what may be shown of it.
func (t *Texts) Shown() any { return list(*t.To) }

// PullPaths is a list of files and URLs, of which what is told to a server is not shown.
type PullPaths struct{ To *[]string }

// UnmarshalJSONFrom reads it.
func (p *PullPaths) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*p.To = []string{}
	return json.UnmarshalDecode(from, p.To)
}

// Shown is what may be shown of it.
func (p *PullPaths) Shown() any {
	var shown []string
	for _, path := range *p.To {
		shown = append(shown, pull.Shown(path))
	}
	return list(shown)
}

// Keys is a list of keys: texts, or JSON Web Keys as objects. Lists in it are flattened: getRecord gives one.
type Keys struct{ To *[]agent.Secret }

// UnmarshalJSONFrom reads it.
func (k *Keys) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	value, err := from.ReadValue()
	if err != nil {
		return err
	}
	if value.Kind() != '[' {
		return &strict.Mistake{Reason: "want a list of keys, not " + Kind(value.Kind())}
	}
	found := []agent.Secret{} // not nil: an empty list says that no key is trusted
	if err := flatten(value, "", &found); err != nil {
		return err
	}
	*k.To = found
	return nil
}

// Commands is a list of Commands that counts where it is there, and empty.
type Commands struct{ To *command.List }

// UnmarshalJSONFrom reads it.
func (c *Commands) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	isList := from.PeekKind() == '['
	if err := c.To.UnmarshalJSONFrom(from); err != nil {
		return err
	}
	if isList && *c.To == nil {
		*c.To = command.List{}
	}
	return nil
}

// Shown is the list.
func (c *Commands) Shown() any { return *c.To }

func flatten(value jsontext.Value, path string, into *[]agent.Secret) error {
	switch value.Kind() {
	case '"':
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		*into = append(*into, agent.Secret(text))
	case '{':
		compact := value.Clone()
		if err := compact.Compact(); err != nil {
			return err
		}
		*into = append(*into, agent.Secret(compact))
	case '[':
		var all []jsontext.Value
		if err := json.Unmarshal(value, &all); err != nil {
			return err
		}
		for i, one := range all {
			if err := flatten(one, path+"["+strconv.Itoa(i)+"]", into); err != nil {
				return err
			}
		}
	default:
		return &strict.Mistake{Path: path, Reason: "want a key as text, not " + Kind(value.Kind())}
	}
	return nil
}

// Shown is what may be shown of it.
func (k *Keys) Shown() any {
	var shown []string
	for _, one := range *k.To {
		shown = append(shown, agent.ShownKey(one))
	}
	return list(shown)
}

// Secrets is a list of texts, or one, none of which is shown.
type Secrets struct{ To *[]agent.Secret }

// UnmarshalJSONFrom reads it.
func (s *Secrets) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var all []string
	if err := (&Texts{&all}).UnmarshalJSONFrom(from); err != nil {
		return err
	}
	*s.To = nil
	for _, one := range all {
		*s.To = append(*s.To, agent.Secret(one))
	}
	return nil
}

// Shown is what may be shown of it.
func (s *Secrets) Shown() any {
	var shown []string
	for _, one := range *s.To {
		shown = append(shown, one.String())
	}
	return list(shown)
}

// list is a list as JSON, [] where there is nothing in it.
func list(of []string) any {
	if of == nil {
		of = []string{}
	}
	text, err := json.Marshal(of)
	if err != nil {
		return nil
	}
	return jsontext.Value(text)
}

// Kind is what a value is, in a user's words.
func Kind(kind jsontext.Kind) string {
	switch kind {
	case '"':
		return "text"
	case '0':
		return "this number"
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
