package pipeline

import (
	"fmt"
	"strings"
	"testing"
)

func parseStep(t *testing.T, step string) Step {
	t.Helper()
	p, err := Parse("p.yml", []byte("jobs: [{name: j, plan: ["+step+"]}]"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Jobs[0].Plan.Do[0]
}

// What a file means by its format: the one that is given, else that of the extension, else trim.
func TestLoadVar(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	for _, test := range []struct{ file, format, in, want, err string }{
		{file: "a/b", in: " x y \n", want: "x y"},
		{file: "a/b", format: "raw", in: " x \n", want: " x \n"},
		{file: "a/b.txt", in: "x\n", want: "x"},
		{file: "a/b.json", in: `{"a": [1.50, 123456789012345678901, null, "b"]}`, want: "map[a:[1.50 123456789012345678901 <nil> b]]"},
		{file: "a/b.yml", in: "a: [1, on, 'x']", want: "map[a:[1 true x]]"},
		{file: "a/b.yaml", format: "trim", in: "a: 1\n", want: "a: 1"},
		{file: "a/b", format: "yaml", in: "[a, b]", want: "[a b]"},
		{file: "a/b", format: "yml", in: "3", want: "3"},
		{file: "a/b.json", in: `{"s3cret": `, err: `file "a/b.json" as json: malformed`},
		{file: "a/b.json", in: `"s3cret" x`, err: `file "a/b.json" as json: there is more after the value`},
		{file: "a/b.json", in: deep, err: `file "a/b.json" as json: nested deeper than 64 levels`},
		{file: "a/b.yml", in: "a: 1\ns3cret: *s3cret", err: `file "a/b.yml" as yaml: line 1 is not what writ reads`},
		{file: "a/b.yml", in: "s3cret: 1\ns3cret: 2", err: `file "a/b.yml" as yaml: line 2 is not what writ reads`},
		{file: "a/b.yml", in: "", err: `file "a/b.yml" as yaml: line 1 is not what writ reads`},
		{file: "a/b", in: strings.Repeat("x", maxBytes+1), err: `file "a/b": at most 1048576 bytes are read`},
	} {
		format := ""
		if test.format != "" {
			format = ", format: " + test.format
		}
		l := parseStep(t, "{load_var: x, file: "+test.file+format+", reveal: true}").LoadVar
		value, err := l.Value([]byte(test.in))
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: got %v, want %s", test.file, err, test.err)
			}
			continue
		}
		if got := fmt.Sprint(value); err != nil || got != test.want || !l.Reveal || l.Name != "x" {
			t.Errorf("%s %s: got %s, %v; want %s", test.file, test.format, got, err, test.want)
		}
	}
}
