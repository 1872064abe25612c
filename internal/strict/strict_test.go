package strict_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/internal/strict"
)

// colour is strict, and a text.
type colour struct {
	Red  float64   `json:"red"`
	Name string    `json:"name"`
	More []*colour `json:"more"`
}

func (c *colour) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if kind := from.PeekKind(); kind == '"' {
		return strict.Refuse(from, kind, "a colour")
	}
	type plain colour
	return strict.Decode(from, (*plain)(c), func() []string { return strict.Members(*c) })
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"red":"much"}`:                           "red: is a string; want a number",
		`{"more":[{},{"nmae":1}]}`:                 `more[1].nmae: unknown property; did you mean "name"?`,
		`{"more":[{},{"red":[]}]}`:                 "more[1].red: is a list; want a number",
		`{"more":[null,"blue"]}`:                   "more[1]: is a string; want a colour",
		`"blue"`:                                   "is a string; want a colour",
		`{"name":{}}`:                              "name: is an object; want a string",
		`{"more":true}`:                            "more: is a boolean; want a list",
		`{"red":1,"red":2}`:                        "red: duplicate object member name",
		`{"more":[{"more":[{"more":[{"x":1}]}]}]}`: "more[0].more[0].more[0].x: unknown property",
	} {
		var c colour
		err := strict.Explain(json.Unmarshal([]byte(text), &c))
		var mistake *strict.Mistake
		if !errors.As(err, &mistake) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
	if strict.Explain(nil) != nil {
		t.Error("no error was explained")
	}
	if other := errors.New("of another"); strict.Explain(other) != other {
		t.Error("another error is another one now")
	}
}
