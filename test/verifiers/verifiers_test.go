// Package verifiers has other people's libraries verify our tokens: each goes through the discovery document and the key
// set of a live issuer, and is given tokens of every algorithm and the eleven bad ones. Its verdicts are in
// testdata/verdicts.json, and a table of them in docs/verify.md; WRIT_UPDATE_GOLDEN=1 writes both, and otherwise they must
// be what was said.
//
// Every library is asked twice: by default, given the keys and nothing else (an audience only where it runs with none),
// and strictly, with every option that it has for what our documentation says to check.
package verifiers

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/issuertest"
)

const (
	audience = "https://relying.example.com"
	subject  = "infra/deploy" // of issuertest.Subject
)

// algorithms are those that an issuer signs with; every library takes the first.
var algorithms = []key.Algorithm{key.RS256, key.ES256, key.EdDSA}

// verdict is what a library says to a token.
type verdict struct {
	accepted bool
	reason   string // in the library's words, of a refusal
}

// row is what a library says to all.
type row struct {
	Version string                 `json:"version"`
	Takes   map[key.Algorithm]bool `json:"takes"`   // by default and strictly
	Through []string               `json:"through"` // names of bad tokens that it lets through by default
	Reasons map[string]string      `json:"reasons"` // of its strict refusals, by the bad token's name; with RS256
}

// cases are the tokens that every library gets, good and bad, in the order in which it gets them.
type cases struct {
	issuer *issuertest.Issuer
	good   map[key.Algorithm]string
	bad    map[key.Algorithm][]badtokens.Token
}

func newCases(t *testing.T) cases {
	t.Helper()
	c := cases{issuertest.Start(t), map[key.Algorithm]string{}, map[key.Algorithm][]badtokens.Token{}}
	for _, algorithm := range algorithms {
		c.good[algorithm] = c.issuer.Mint(t, audience, algorithm)
		c.bad[algorithm] = badtokens.Make(t, c.good[algorithm], c.issuer.Key(t, algorithm))
	}
	return c
}

// tokens are all, one a line: of each algorithm the good one and the bad ones.
func (c cases) tokens() string {
	var lines strings.Builder
	for _, algorithm := range algorithms {
		lines.WriteString(c.good[algorithm] + "\n")
		for _, bad := range c.bad[algorithm] {
			lines.WriteString(bad.Raw + "\n")
		}
	}
	return lines.String()
}

// TestOtherPeoplesVerifiers asks every library, and holds testdata/verdicts.json and the table of docs/verify.md against
// what they say.
func TestOtherPeoplesVerifiers(t *testing.T) {
	t.Parallel()
	c := newCases(t)
	rows := make([]row, len(libraries)) // each written by its own test
	t.Run("ask", func(t *testing.T) {
		for i, l := range libraries {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				rows[i] = judge(t, c, l)
			})
		}
	})
	if t.Failed() {
		return
	}
	compare(t, c.bad[key.RS256], rows)
}

// judge asks one library in both ways.
func judge(t *testing.T, c cases, l library) row {
	installed, command := l.version(t), l.command(t)
	bare, full := ask(t, c, command, "default"), ask(t, c, command, "strict")
	r := row{Version: installed, Takes: map[key.Algorithm]bool{}, Through: []string{}, Reasons: map[string]string{}}
	refused := map[string]bool{} // by default, by the token's name
	next := 0
	for _, algorithm := range algorithms {
		one, strict := bare[next], full[next]
		next++
		if one.accepted != strict.accepted {
			t.Errorf("%s: a good token is accepted %v by default and %v strictly: %s%s", algorithm, one.accepted, strict.accepted, one.reason, strict.reason)
		}
		r.Takes[algorithm] = one.accepted
		for _, bad := range c.bad[algorithm] {
			one, strict = bare[next], full[next]
			next++
			if strict.accepted {
				t.Errorf("%s, %s: accepted strictly", algorithm, bad.Name)
			}
			if !r.Takes[algorithm] {
				if one.accepted {
					t.Errorf("%s, %s: accepted, where a good one is not", algorithm, bad.Name)
				}
				continue
			}
			if before, asked := refused[bad.Name]; asked && before == one.accepted {
				t.Errorf("%s, %s: accepted %v, unlike with another algorithm", algorithm, bad.Name, one.accepted)
			}
			refused[bad.Name] = !one.accepted
			if one.accepted && l.asked[bad.Check] == "" {
				t.Errorf("%s: let through by default; libraries_test.go does not say what to ask for %s", bad.Name, bad.Check)
			}
			if algorithm != key.RS256 {
				continue
			}
			r.Reasons[bad.Name] = strict.reason
			if one.accepted {
				r.Through = append(r.Through, bad.Name)
			}
		}
	}
	if !r.Takes[key.RS256] {
		t.Errorf("RS256 is not taken: %s", bare[0].reason)
	}
	return r
}

// ask runs the library's program over all tokens.
func ask(t *testing.T, c cases, command []string, mode string) []verdict {
	t.Helper()
	run := exec.CommandContext(t.Context(), command[0], append(command[1:], c.issuer.URL, audience, subject, mode)...)
	run.Stdin = strings.NewReader(c.tokens())
	var log bytes.Buffer
	run.Stderr = &log
	output, err := run.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, output, log.String())
	}
	var verdicts []verdict
	for line := range strings.Lines(string(output)) {
		said, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case said == "accepted" && (rest == subject || mode == "default" && rest == "infra/"+badtokens.Other):
			verdicts = append(verdicts, verdict{accepted: true})
		case said == "refused" && rest != "":
			verdicts = append(verdicts, verdict{reason: c.anonymous(rest)})
		default:
			t.Fatalf("%s: %q is no verdict", command[0], line)
		}
	}
	if want := strings.Count(c.tokens(), "\n"); len(verdicts) != want {
		t.Fatalf("%s: %d verdicts, want %d\n%s", command[0], len(verdicts), want, log.String())
	}
	return verdicts
}

var (
	thumbprint = regexp.MustCompile(`[A-Za-z0-9_-]{43}`)
	instant    = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4})?( [A-Z]+)?( m=\S+)?|\d{9,}(\.\d+)?`)
)

// anonymous takes out of a reason what is another at each run.
func (c cases) anonymous(reason string) string {
	reason = strings.ReplaceAll(reason, c.issuer.URL, "ISSUER")
	return instant.ReplaceAllString(thumbprint.ReplaceAllString(reason, "KID"), "TIME")
}
