package machine_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/machine"
)

func TestLineEdit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, match, line, before, after, differs string }{
		{"set", `^#?Port\b`, "Port 22", "A\n#Port 1\nB\n", "A\nPort 22\nB\n", "line 2 differs"},
		{"every one", `^Port`, "Port 22", "Port 1\nPort 2\nPort 22\n", "Port 22\nPort 22\nPort 22\n", "line 1 differs (and 1 more)"},
		{"well", `^Port`, "Port 22", "Port 22\n", "Port 22\n", ""},
		{"append", `^Port`, "Port 22", "A\n", "A\nPort 22\n", "the line is absent"},
		{"append to nothing", `^Port`, "Port 22", "", "Port 22\n", "the line is absent"},
		{"last line without its end", `^Port`, "Port 22", "A", "A\nPort 22\n", "the line is absent"},
		{"set without its end", `^Port`, "Port 22", "Port 1", "Port 22", "line 1 differs"},
		{"carriage returns", `^Port.*1$`, "Port 22", "Port 1\r\nB\r\n", "Port 22\r\nB\r\n", "line 1 differs"},
		{"append with a carriage return", `^Port`, "Port 22", "B\r\n", "B\r\nPort 22\r\n", "the line is absent"},
		{"not found by its own expression", `^old$`, "new", "new\n", "new\n", ""},
		{"becomes what is not found", `^old$`, "new", "old\n", "new\n", "line 1 differs"},
		{"group", `^(\w+)=.*$`, "${1}=2", "a=1\nb=2\n", "a=2\nb=2\n", "line 1 differs"},
		{"named group", `^(?P<key>\w+)=`, "${key}=2", "a=1\n", "a=2\n", "line 1 differs"},
		{"the whole", `^a.*`, "${0}", "abc\n", "abc\n", ""},
		{"group twice", `^(a)(b)?`, "${1}${1}-${2}", "aa-\n", "aa-\n", ""},
		{"an empty group", `^x(b)?`, "x[${1}]", "x\n", "x[]\n", "line 1 differs"},
		{"no groups of ours", `^PATH=`, `PATH=$PATH:${HOME}:$1:$$`, "PATH=x\n", "PATH=$PATH:${HOME}:$1:$$\n", "line 1 differs"},
		{"within", `needle`, "found", "a needle b\n", "found\n", "line 1 differs"},
		{"empty line", `^$`, "x", "\n\nx\n", "x\nx\nx\n", "line 1 differs (and 1 more)"},
		{"empty text", `^gone$`, "", "gone\n", "\n", "line 1 differs"},
		{"bytes that are no text", `^\xff`, "x", "a\xffb\n", "a\xffb\nx\n", "the line is absent"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			line := machine.Line{Match: test.match, Text: test.line}
			after, differences, err := line.Edit(test.before)
			if err != nil || after != test.after || differences.String() != test.differs {
				t.Fatalf("%q, %q, %v", after, differences, err)
			}
			if again, differences, err := line.Edit(after); err != nil || again != after || len(differences) > 0 {
				t.Errorf("again: %q, %q, %v", again, differences, err)
			}
		})
	}
}

func TestLineDrop(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		match, line, before, after string
		dropped                    int
	}{
		{"^Port", "Port 22", "A\nPort 22\nPort 1\nPort 22", "A\nPort 1\n", 2},
		{`^(\w+)=`, "${1}=2", "a=2\nb=3\n", "b=3\n", 1},
		{"^old", "new", "new\r\n", "", 1},
		{"^x", "${HOME}", "${HOME}\nx\n", "x\n", 1},
	} {
		after, dropped, err := machine.Line{Match: test.match, Text: test.line}.Drop(test.before)
		if err != nil || after != test.after || dropped != test.dropped {
			t.Errorf("%q: %q, %d, %v", test.before, after, dropped, err)
		}
	}
}

// FuzzLine: what is edited is well, and after the line is dropped there is none that is as described.
func FuzzLine(f *testing.F) {
	f.Add("^(a)", "${1}b", "a\nb\n")
	f.Add("(.*)", "${1}x", "a")
	f.Add("^$", "", "\r\n\n")
	f.Add(`(?m)^x$`, "${0}", "x\ry\n")
	f.Fuzz(func(t *testing.T, match, text, before string) {
		line := machine.Line{Match: match, Text: text}
		after, _, err := line.Edit(before)
		if err != nil {
			return
		}
		if again, differences, err := line.Edit(after); err != nil || again != after || len(differences) > 0 {
			t.Errorf("%q: %q, then %q: %v, %v", before, after, again, differences, err)
		}
		rest, dropped, err := line.Drop(after)
		if err != nil || dropped == 0 {
			t.Errorf("%q: %d dropped of %q, %v", before, dropped, after, err)
		}
		if _, dropped, _ := line.Drop(rest); dropped > 0 {
			t.Errorf("%q: not all dropped of %q", before, after)
		}
		if strings.Count(after, "\n") < strings.Count(before, "\n") {
			t.Errorf("%q has lost lines: %q", before, after)
		}
	})
}
