package form_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/internal/config/form"
	"github.com/writ-run/writ/internal/strict"
)

// shower is what all forms are.
type shower interface{ Shown() any }

// TestForms: what each takes and shows, or why it takes it not.
func TestForms(t *testing.T) {
	t.Parallel()
	var d time.Duration
	var r agent.Rate
	var text string
	var list []string
	var secrets []agent.Secret
	var vars map[string]any
	for _, c := range []struct {
		form        shower
		given, want string
		mistake     string
	}{
		{&form.Duration{To: &d}, `"90m"`, "1h30m", ""},
		{&form.Duration{To: &d}, `"2d"`, "48h", ""},
		{&form.Duration{To: &d}, `""`, "", ""},
		{&form.Duration{To: &d}, `"soon"`, "", `"soon" is not a duration like 7d, 36h or 90m`},
		{&form.Seconds{To: &d}, `1.5`, "1.5", ""},
		{&form.Seconds{To: &d}, `-1`, "", "want a number of seconds that is not negative, and not that large"},
		{&form.Seconds{To: &d}, `1e30`, "", "want a number of seconds that is not negative, and not that large"},
		{&form.Rate{To: &r}, `"10-M"`, "10-M", ""},
		{&form.Port{To: &text}, `4000`, "4000", ""},
		{&form.Port{To: &text}, `"4000"`, "4000", ""},
		{&form.Port{To: &text}, `[4000]`, "", "want a number, not a list"},
		{&form.Texts{To: &list}, `"one"`, `["one"]`, ""},
		{&form.Texts{To: &list}, `["one","two"]`, `["one","two"]`, ""},
		{&form.Texts{To: &list}, `[]`, `[]`, ""},
		{&form.PullPaths{To: &list}, `["/a","https://u:s3cret@h/x#A:s3cret"]`, `["/a","https://u:xxxxx@h/x#(secret)"]`, ""},
		{&form.Secrets{To: &secrets}, `["s3cret"]`, `["(secret)"]`, ""},
		{&form.Keys{To: &secrets}, `"x"`, "", "want a list of keys, not text"},
		{&form.Keys{To: &secrets}, `[[],[["a"],1]]`, "", "[1][1]: want a key as text, not this number"},
		{&form.Keys{To: &secrets}, `[]`, `[]`, ""},
		{&form.Entry[any]{In: &vars, Name: "a"}, `{"b": [1]}`, `{"b":[1]}`, ""},
		{&form.Entry[any]{In: &vars, Name: "a"}, `"text"`, "text", ""},
	} {
		err := json.Unmarshal([]byte(c.given), c.form)
		var mistake *strict.Mistake
		switch {
		case c.mistake != "" && (!errors.As(err, &mistake) || mistake.Error() != c.mistake):
			t.Errorf("%T %s: %v; want %s", c.form, c.given, err, c.mistake)
		case c.mistake == "" && (err != nil || fmt.Sprint(c.form.Shown()) != c.want):
			t.Errorf("%T %s: %v, %v; want %s", c.form, c.given, c.form.Shown(), err, c.want)
		}
	}
	if vars["a"] != "text" {
		t.Errorf("%v", vars)
	}
}
