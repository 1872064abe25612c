package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/token"
)

func (a *app) tokenShowVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Decode a token, without trusting it",
		Long: `Decode a token and print its header and claims. Nobody's signature is checked, so the output is headed
UNVERIFIED; writ token verify checks it. FILE is a file, or - for standard input; without it, the token of
the run that this command is part of. Exits 1 where the token is malformed, not yet valid or expired.`,
		Example: `  writ token show token.jwt
  writ token show                 # in a task: its own token
  writ token show - <token.jwt`,
		Args: atMost("FILE"),
		RunE: func(_ *cobra.Command, arguments []string) error {
			raw, name, err := a.readToken(arguments)
			if err != nil {
				return err
			}
			decoded, err := token.Parse(raw, token.DefaultMaxBytes)
			if err != nil {
				return exit{statusFailed, fmt.Errorf("%s: %w", name, err)}
			}
			times := timeChecks(decoded.Payload(), time.Now())
			if asJSON {
				encoder := json.NewEncoder(jsonWriter{a.stdout})
				encoder.SetIndent("", "  ")
				if err := encoder.Encode(struct {
					Verified bool            `json:"verified"`
					Header   json.RawMessage `json:"header"`
					Claims   json.RawMessage `json:"claims"`
					Checks   token.Report    `json:"checks"`
				}{false, decoded.Header(), decoded.Payload(), times}); err != nil {
					return err
				}
			} else {
				fmt.Fprintln(a.stdout, "UNVERIFIED: this is what the token says; no signature was checked (writ token verify does)")
				if err := printObject(a.stdout, "header", decoded.Header()); err != nil {
					return err
				}
				if err := printObject(a.stdout, "claims", decoded.Payload()); err != nil {
					return err
				}
			}
			for _, check := range times {
				if check.Outcome == token.Failed {
					return exit{statusFailed, fmt.Errorf("%s: %s: want %s, got %s", name, check.Name, check.Want, check.Got)}
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// timeChecks says whether the token is timely: all that can be checked without a key.
func timeChecks(payload []byte, now time.Time) token.Report {
	var claims struct {
		Expiry    *float64 `json:"exp"`
		NotBefore *float64 `json:"nbf"`
	}
	// A claim of another type is a matter for verify; here it counts as absent.
	_ = json.Unmarshal(payload, &claims)
	report := token.Report{}
	add := func(name string, claim *float64, holds func(int64) bool, word string) {
		if claim == nil || *claim != *claim || *claim < 0 || *claim >= 1<<53 {
			return
		}
		outcome := token.Passed
		if !holds(int64(*claim)) {
			outcome = token.Failed
		}
		report = append(report, token.Check{Name: name, Want: word + " " + utc(now), Got: utc(time.Unix(int64(*claim), 0)), Outcome: outcome})
	}
	add("nbf", claims.NotBefore, func(at int64) bool { return at <= now.Unix() }, "not after")
	add("exp", claims.Expiry, func(at int64) bool { return now.Unix() < at }, "after")
	return report
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// printObject prints the members of a JSON object in their order, one a line, safe for a terminal.
func printObject(w io.Writer, title string, object []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(object)))
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, title)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", title, err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("%s: %w", title, err)
		}
		fmt.Fprintf(table, "  %s\t%s\n", safe(fmt.Sprint(name)), shown(fmt.Sprint(name), value))
	}
	return table.Flush()
}

// shown is a claim's JSON, with the date where it is one; of what is very long the size.
func shown(name string, value json.RawMessage) string {
	if len(value) > maxShown { // escaped and aligned it would take many times its room
		return fmt.Sprintf("(%d bytes, not shown: --json prints them)", len(value))
	}
	text := string(value)
	switch name {
	case "exp", "nbf", "iat":
		if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1<<38 {
			at := time.Unix(int64(seconds), 0)
			return text + "  (" + utc(at) + ", " + relative(at, time.Now()) + ")"
		}
	}
	var plain string
	if json.Unmarshal(value, &plain) == nil && plain != "" && safe(plain) == plain && strings.TrimSpace(plain) == plain && !ambiguous(plain) {
		return plain
	}
	return safe(text)
}

// relative is a time as seen from another, in the largest unit of which there are two: in 7 days, 90 minutes ago.
func relative(at, now time.Time) string {
	seconds := at.Unix() - now.Unix()
	form := "in %d %s"
	if seconds < 0 {
		seconds, form = -seconds, "%d %s ago"
	}
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"years", 365 * 86400}, {"days", 86400}, {"hours", 3600}, {"minutes", 60}} {
		if seconds >= 2*unit.seconds {
			return fmt.Sprintf(form, seconds/unit.seconds, unit.name)
		}
	}
	if seconds < 2 {
		return "now"
	}
	return fmt.Sprintf(form, seconds, "seconds")
}

// ambiguous tells a string that would read like another JSON type without its quotes.
func ambiguous(text string) bool { return json.Valid([]byte(text)) }

// safe replaces what could steer a terminal (control characters, direction overrides) by \u escapes.
func safe(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}
