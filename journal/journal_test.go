package journal_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/journal"
)

// memory is a Sink that keeps entries.
type memory struct {
	mu      sync.Mutex
	entries []journal.Entry
}

func (m *memory) Append(e journal.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out strings.Builder
	for _, e := range m.entries {
		out.WriteString(e.Text)
		if !e.Partial {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

const secret = `pa$$ "word" /with/<odd>&'chars'`

// TestRedactorForms writes a secret in each form in which programs print it.
func TestRedactorForms(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, printed := range map[string]string{
		"plain":              secret,
		"JSON":               string(quoted),
		"JSON with slashes":  strings.ReplaceAll(strings.Trim(string(quoted), `"`), "/", `\/`),
		"query":              url.QueryEscape(secret),
		"query with %20":     strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"),
		"path":               url.PathEscape(secret),
		"single quotes":      "'" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
		"base64":             base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 of a header": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		"base64 one in":      base64.StdEncoding.EncodeToString([]byte("x" + secret + "yz")),
		"base64url":          base64.RawURLEncoding.EncodeToString([]byte(secret)),
		"hex":                hex.EncodeToString([]byte(secret)),
		"HEX":                strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"cut by colours":     secret[:6] + "\x1b[01;31m\x1b[K" + secret[6:],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := &memory{}
			redactor := journal.NewRedactor(sink)
			redactor.Add(secret)
			if err := redactor.Append(journal.Entry{Kind: journal.Output, Text: "before " + printed + " after"}); err != nil {
				t.Fatal(err)
			}
			text := sink.text()
			// Of base64 a character or two that neighbours share may stay.
			inner := strings.Trim(printed, `"'=`)
			if strings.Contains(text, inner) || strings.Contains(text, inner[4:len(inner)-4]) || !strings.Contains(text, journal.Mask) {
				t.Errorf("printed %q", text)
			}
			if !strings.HasPrefix(text, "before ") || !strings.HasSuffix(text, " after\n") {
				t.Errorf("ordinary text is gone: %q", text)
			}
		})
	}
}

func TestRedactorMultipleLines(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	redactor := journal.NewRedactor(sink)
	redactor.Add("-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key\n-----END KEY-----\n")
	w := journal.NewWriter(redactor, journal.Entry{Kind: journal.Output})
	if _, err := w.Write([]byte("-----BEGIN KEY-----\nfirst-line-of-key\nsecond-line-of-key\n  second-line-of-key indented\nharmless\n")); err != nil {
		t.Fatal(err)
	}
	if text := sink.text(); strings.Contains(text, "line-of-key") || !strings.Contains(text, "harmless") || !strings.Contains(text, "indented") {
		t.Errorf("printed %q", text)
	}
}

func TestRedactorShortSecretWarnsOnce(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	redactor := journal.NewRedactor(sink)
	redactor.Add("abc")
	redactor.Add("xyz")
	redactor.Add("")
	if err := redactor.Append(journal.Entry{Kind: journal.Output, Text: "abcdef"}); err != nil {
		t.Fatal(err)
	}
	if len(sink.entries) != 2 || sink.entries[0].Kind != journal.Warning || strings.Contains(sink.entries[0].Text, "abc") || sink.entries[1].Text != "abcdef" {
		t.Errorf("entries %+v", sink.entries)
	}
}

// TestRedactorSignature: who has the last part of a token can put the public rest back.
func TestRedactorSignature(t *testing.T) {
	t.Parallel()
	signature := strings.Repeat("Ab0_-", 20)
	sink := &memory{}
	redactor := journal.NewRedactor(sink)
	redactor.Add("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0." + signature)
	if err := redactor.Append(journal.Entry{Text: "sig=" + signature}); err != nil {
		t.Fatal(err)
	}
	if got := sink.text(); got != "sig="+journal.Mask+"\n" {
		t.Errorf("printed %q", got)
	}
}

// TestRedactorLongLine has a secret across the place where the Writer cuts a long line.
func TestRedactorLongLine(t *testing.T) {
	t.Parallel()
	for before := 64<<10 - 20; before <= 64<<10+4; before++ {
		sink := &memory{}
		redactor := journal.NewRedactor(sink)
		redactor.Add("the-secret-value")
		w := journal.NewWriter(redactor, journal.Entry{Kind: journal.Output})
		if _, err := w.Write([]byte(strings.Repeat("x", before) + "the-secret-value" + strings.Repeat("y", 100))); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := strings.Repeat("x", before) + journal.Mask + strings.Repeat("y", 100) + "\n"
		if got := sink.text(); got != want {
			t.Fatalf("before %d: %d bytes, want %d; ends %q", before, len(got), len(want), got[len(got)-140:])
		}
	}
}

// TestRedactorWithoutSecrets has a line that is cut where there is nothing to look for.
func TestRedactorWithoutSecrets(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	w := journal.NewWriter(journal.NewRedactor(sink), journal.Entry{Kind: journal.Output})
	line := strings.Repeat("x", 200<<10)
	if _, err := w.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sink.text(); got != line+"\n" {
		t.Errorf("%d bytes came out; want %d", len(got), len(line)+1)
	}
}

// TestRedactorHuge has values as large as files are: to learn them and to look for them takes a moment and not minutes, and
// where there is too much of one it is said.
func TestRedactorHuge(t *testing.T) {
	t.Parallel()
	var lines, many strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&lines, "  line %d of a large file\n", i)
	}
	for i := range 300_000 {
		fmt.Fprintf(&many, "%d-%d\n", i, i)
	}
	long := strings.Repeat("0123456789abcdef", 64<<10)
	sink := &memory{}
	redactor := journal.NewRedactor(sink)
	for _, value := range []string{lines.String(), long, many.String()} {
		redactor.Add(value)
	}
	if got := sink.text(); got != "a value of 3977780 bytes has too many lines: not all of them are redacted\n" {
		t.Errorf("%q", got)
	}
	w := journal.NewWriter(redactor, journal.Entry{Kind: journal.Output})
	if _, err := w.Write([]byte(lines.String() + "line 7 of another\n" + long + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(strings.ReplaceAll(sink.text(), " ", ""), journal.Mask, "")
	if want := strings.Repeat("\n", 100_000) + "line7ofanother\n\n"; !strings.HasSuffix(got, want) {
		t.Errorf("%d bytes came out; want %d", len(got), len(want))
	}
}

// TestRedactorNames masks the names of what ran, too: a Pattern may make an id of anything.
func TestRedactorNames(t *testing.T) {
	t.Parallel()
	sink := &memory{}
	redactor := journal.NewRedactor(sink)
	redactor.Add("the-secret-value")
	for _, partial := range []bool{true, false} {
		err := redactor.Append(journal.Entry{Kind: journal.Output, Step: "log in with the-secret-value", Text: "text", Partial: partial})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range sink.entries {
		if e.Step != "log in with "+journal.Mask {
			t.Errorf("step %q", e.Step)
		}
	}
	if got := sink.text(); got != "texttext\n" {
		t.Errorf("%q", got)
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		writes []string
		want   []string
	}{
		"lines":            {[]string{"a\nb\n"}, []string{"a", "b"}},
		"across writes":    {[]string{"a", "b\nc", "\n"}, []string{"ab", "c"}},
		"no end":           {[]string{"a\nb"}, []string{"a", "b"}},
		"empty line":       {[]string{"\n\na\n"}, []string{"", "", "a"}},
		"CRLF":             {[]string{"a\r\nb\r", "\n"}, []string{"a", "b"}},
		"progress":         {[]string{"10%\r50%\r", "100%\n"}, []string{"100%"}},
		"not UTF-8":        {[]string{"a\xffb\n"}, []string{"a\ufffdb"}},
		"nothing":          {nil, nil},
		"character in two": {[]string{"\xc3", "\xa9\n"}, []string{"é"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := &memory{}
			w := journal.NewWriter(sink, journal.Entry{Kind: journal.Output, Step: "s", Stream: "stderr"})
			for _, data := range test.writes {
				if n, err := w.Write([]byte(data)); n != len(data) || err != nil {
					t.Fatalf("wrote %d of %d: %v", n, len(data), err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("late")); err == nil {
				t.Error("a write after Close was taken")
			}
			var got []string
			for _, e := range sink.entries {
				if e.Step != "s" || e.Stream != "stderr" || e.Kind != journal.Output {
					t.Errorf("entry %+v", e)
				}
				got = append(got, e.Text)
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") || len(got) != len(test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	two := 2
	for _, test := range []struct {
		entry journal.Entry
		want  string
	}{
		{journal.Entry{Kind: journal.Output, Job: "j", Step: "s", Text: "hello"}, "j/s | hello\n"},
		{journal.Entry{Kind: journal.Output, Job: "j", Step: "s", Attempt: 2, Text: "again"}, "j/s#2 | again\n"},
		{journal.Entry{Kind: journal.Output, Job: "j", Step: "s", Text: "\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2Jx\ty\x7f"}, "j/s | redx\ty\n"},
		{journal.Entry{Kind: journal.Start, Job: "j", Build: "7", Text: "started"}, "j: started as build 7\n"},
		{journal.Entry{Kind: journal.Start, Job: "j", Step: "s", Text: "running sh"}, "j/s: running sh\n"},
		{journal.Entry{Kind: journal.Finish, Job: "j", Step: "s", Status: "failed", Exit: &two}, "j/s: failed (exit status 2)\n"},
		{journal.Entry{Kind: journal.Finish, Job: "j", Status: "succeeded"}, "j: succeeded\n"},
		{journal.Entry{Kind: journal.Errored, Job: "j", Step: "s", Text: "no such file"}, "j/s: error: no such file\n"},
		{journal.Entry{Kind: journal.Warning, Text: "careful"}, "warning: careful\n"},
		{journal.Entry{Kind: journal.Note, Text: "no container"}, "no container\n"},
	} {
		var out strings.Builder
		if err := journal.NewText(&out).Append(test.entry); err != nil {
			t.Fatal(err)
		}
		if out.String() != test.want {
			t.Errorf("%+v\n got %q\nwant %q", test.entry, out.String(), test.want)
		}
	}
}

func TestTextPartial(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	sink := journal.NewText(&out)
	for _, e := range []journal.Entry{
		{Kind: journal.Output, Step: "s", Stream: "stdout", Text: "one ", Partial: true},
		{Kind: journal.Output, Step: "s", Stream: "stdout", Text: "two"},
		{Kind: journal.Output, Step: "s", Stream: "stdout", Text: "three", Partial: true},
		{Kind: journal.Output, Step: "s", Stream: "stderr", Text: "between"},
	} {
		if err := sink.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	if want := "/s | one two\n/s | three\n/s | between\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	sink := journal.NewJSON(&out)
	zero := 0
	for _, e := range []journal.Entry{
		{Time: time.Unix(0, 0).UTC(), Kind: journal.Output, Job: "j", Step: "s", Stream: "stdout", Text: "a<b\x1b[31m"},
		{Time: time.Unix(1, 0).UTC(), Kind: journal.Finish, Job: "j", Step: "s", Status: "succeeded", Exit: &zero},
	} {
		if err := sink.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"time":"1970-01-01T00:00:00Z","kind":"output","job":"j","step":"s","stream":"stdout","text":"a<b\u001b[31m"}
{"time":"1970-01-01T00:00:01Z","kind":"finish","job":"j","step":"s","status":"succeeded","exit":0}
`
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
}

// TestTerminal moves the clock and looks at what the screen was sent.
func TestTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuilder
		terminal := journal.NewTerminal(&out, journal.TerminalConfig{Width: func() int { return 24 }})
		add := func(e journal.Entry) {
			t.Helper()
			if err := terminal.Append(e); err != nil {
				t.Fatal(err)
			}
		}
		add(journal.Entry{Kind: journal.Start, Job: "j", Step: "s", Text: "initializing"})
		add(journal.Entry{Kind: journal.Output, Job: "j", Step: "s", Text: "\x1b[31mhi\x1b[0m"})
		time.Sleep(2500 * time.Millisecond)
		add(journal.Entry{Kind: journal.Start, Job: "j", Step: "a-step-with-a-long-name", Text: "initializing"})
		add(journal.Entry{Kind: journal.Finish, Job: "j", Step: "a-step-with-a-long-name", Status: "failed"})
		add(journal.Entry{Kind: journal.Finish, Job: "j", Step: "s", Status: "succeeded"})
		if err := terminal.Close(); err != nil {
			t.Fatal(err)
		}
		const erase = "\r\x1b[2K"
		want := "j/s: initializing\nrunning: j/s 0s" +
			erase + "j/s | hi\nrunning: j/s 0s" +
			erase + "running: j/s 1s" + erase + "running: j/s 2s" +
			erase + "j/a-step-with-a-long-name: initializing\nrunning: j/s 2s, j/a-s…" +
			erase + "j/a-step-with-a-long-name: failed\nrunning: j/s 2s" +
			erase + "j/s: succeeded\n"
		if out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
	})
}

func TestTerminalColour(t *testing.T) {
	t.Parallel()
	var out lockedBuilder
	terminal := journal.NewTerminal(&out, journal.TerminalConfig{Colour: true})
	if err := terminal.Append(journal.Entry{Kind: journal.Output, Job: "j", Text: "\x1b[31mred\x1b[0m\x1b]52;c;ZXZpbA==\x07 \x1b[31mopen"}); err != nil {
		t.Fatal(err)
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "\x1b[31mred\x1b[0m \x1b[31mopen\x1b[m\n") || strings.Contains(got, "\x1b]") {
		t.Errorf("got %q", got)
	}
}

type lockedBuilder struct {
	mu  sync.Mutex
	out strings.Builder
}

func (l *lockedBuilder) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(data)
}

func (l *lockedBuilder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// TestTextDirection leaves out what would show the end of a line before its beginning.
func TestTextDirection(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	text := journal.NewText(&out)
	if err := text.Append(journal.Entry{Kind: journal.Finish, Job: "local", Step: "a\u202edellatsni", Status: "failed"}); err != nil {
		t.Fatal(err)
	}
	if err := text.Append(journal.Entry{Kind: journal.Output, Job: "local", Text: "“a” \u2066b\u2069 👩‍💻"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "local/adellatsni: failed\nlocal | “a” b 👩‍💻\n"; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}
