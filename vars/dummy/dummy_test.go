package dummy_test

import (
	"fmt"
	"testing"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/dummy"
)

func TestGet(t *testing.T) {
	t.Parallel()
	config := map[string]any{"vars": map[string]any{"user": map[string]any{"name": "u"}, "n": 1, "null": nil}}
	var kind vars.Kind = dummy.Kind{}
	if err := kind.Validate(config); err != nil {
		t.Fatal(err)
	}
	source, err := kind.Open(t.Context(), nil, config)
	if err != nil {
		t.Fatal(err)
	}
	got, err := vars.Interpolate(t.Context(), "((d:user.name))-((d:n))", source.Get)
	if err != nil || got != "u-1" {
		t.Errorf("got %v, %v", got, err)
	}
	if value, found, err := source.Get(t.Context(), vars.Ref{Path: "null"}); value != nil || !found || err != nil {
		t.Errorf("null: %v, %v, %v", value, found, err)
	}
	_, err = vars.Interpolate(t.Context(), "((d:nobody)) ((d:user.age))", source.Get)
	if fmt.Sprint(err) != "undefined vars: d:nobody, d:user.age" {
		t.Errorf("missing: %v", err)
	}
}

func TestValidateRefuses(t *testing.T) {
	t.Parallel()
	for want, config := range map[string]map[string]any{
		"vars: missing; it is the map of names to values":                                                 {},
		"vars: a list; it must be a map with strings as keys":                                             {"vars": []any{}},
		`unknown field "var"; did you mean "vars"?`:                                                       {"vars": map[string]any{}, "var": 1},
		"vars: missing; it is the map of names to values; unknown field \"vras\"; did you mean \"vars\"?": {"vras": 1},
	} {
		if err := (dummy.Kind{}).Validate(config); fmt.Sprint(err) != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
