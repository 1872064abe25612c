package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/internal/period"
)

// The types below stand in for a value that JSON has in another form.

// entry is a value of a map, which is made where there is none.
type entry[V any] struct {
	in   *map[string]V
	name string
}

func (e *entry[V]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var v V
	if err := json.UnmarshalDecode(from, &v); err != nil {
		return err
	}
	if *e.in == nil {
		*e.in = map[string]V{}
	}
	(*e.in)[e.name] = v
	return nil
}

func (e *entry[V]) shown() any {
	var v any = (*e.in)[e.name]
	if text, isText := v.(string); isText {
		return text
	}
	encoded, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil
	}
	return jsontext.Value(encoded)
}

// duration is a text like 10m; empty: 0.
type duration struct{ to *time.Duration }

func (d *duration) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var text string
	if err := json.UnmarshalDecode(from, &text); err != nil {
		return err
	}
	*d.to = 0
	if text == "" {
		return nil
	}
	parsed, err := period.Parse(text)
	if err != nil {
		return errorAt{text: err.Error()}
	}
	*d.to = parsed
	return nil
}

func (d *duration) shown() any {
	if *d.to == 0 {
		return ""
	}
	text := d.to.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// seconds is a number of them.
type seconds struct{ to *time.Duration }

func (s *seconds) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var n float64
	if err := json.UnmarshalDecode(from, &n); err != nil {
		return err
	}
	const longest = float64(math.MaxInt64/time.Second) - 1
	if n < 0 || n > longest {
		return errorAt{text: "want a number of seconds that is not negative, and not that large"}
	}
	*s.to = time.Duration(n * float64(time.Second))
	return nil
}

func (s *seconds) shown() any { return s.to.Seconds() }

// rate is a text like 10-M.
type rate struct{ to *agent.Rate }

func (r *rate) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var text string
	if err := json.UnmarshalDecode(from, &text); err != nil {
		return err
	}
	parsed, err := agent.ParseRate(text)
	if err != nil {
		return errorAt{text: err.Error()}
	}
	*r.to = parsed
	return nil
}

func (r *rate) shown() any { return r.to.String() }

// port is a number, or the same as text.
type port struct{ to *string }

func (p *port) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	value, err := from.ReadValue()
	if err != nil {
		return err
	}
	switch value.Kind() {
	case '0':
		*p.to = string(value)
		return nil
	case '"':
		return json.Unmarshal(value, p.to)
	}
	return errorAt{text: "want a number, not " + kindName(value.Kind())}
}

func (p *port) shown() any { return *p.to }

// texts is a list of texts, or one.
type texts struct{ to *[]string }

func (t *texts) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if from.PeekKind() == '"' {
		*t.to = []string{""}
		return json.UnmarshalDecode(from, &(*t.to)[0])
	}
	*t.to = []string{}
	return json.UnmarshalDecode(from, t.to)
}

func (t *texts) shown() any { return list(*t.to) }

// pullPaths is a list of files and URLs, of which what is told to a server is not shown.
type pullPaths struct{ to *[]string }

func (p *pullPaths) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	*p.to = []string{}
	return json.UnmarshalDecode(from, p.to)
}

func (p *pullPaths) shown() any {
	var shown []string
	for _, path := range *p.to {
		shown = append(shown, pull.Shown(path))
	}
	return list(shown)
}

// keys is a list of keys: texts, or JSON Web Keys as objects. Lists in it are flattened: getRecord gives one.
type keys struct{ to *[]agent.Secret }

func (k *keys) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	value, err := from.ReadValue()
	if err != nil {
		return err
	}
	if value.Kind() != '[' {
		return errorAt{text: "want a list of keys, not " + kindName(value.Kind())}
	}
	found := []agent.Secret{} // not nil: an empty list says that no key is trusted
	if err := flatten(value, "", &found); err != nil {
		return err
	}
	*k.to = found
	return nil
}

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
		return errorAt{path, "want a key as text, not " + kindName(value.Kind())}
	}
	return nil
}

func (k *keys) shown() any {
	var shown []string
	for _, one := range *k.to {
		shown = append(shown, agent.ShownKey(one))
	}
	return list(shown)
}

// secrets is a list of texts, or one, none of which is shown.
type secrets struct{ to *[]agent.Secret }

func (s *secrets) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	var all []string
	if err := (&texts{&all}).UnmarshalJSONFrom(from); err != nil {
		return err
	}
	*s.to = nil
	for _, one := range all {
		*s.to = append(*s.to, agent.Secret(one))
	}
	return nil
}

func (s *secrets) shown() any {
	var shown []string
	for _, one := range *s.to {
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
