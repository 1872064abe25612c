package cli

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// maxShown is how much of the files' text show prints without being asked for one by name.
const maxShown = 64 << 10

func (a *app) showVerb() *cobra.Command {
	var v orderFlags
	var source, file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show TOKEN",
		Short: "Look into a pattern token, and check it",
		Long: `Print what a pattern token says: header, claims with their times in words, the files that it carries, and each check with
its result. TOKEN is a file, or - for standard input. It is always printed; where there is no key to verify it with, or a
check fails, it is headed UNVERIFIED, and the exit status is 1. aud is checked where --source says for whom.`,
		Example: `  writ show web.jwt
  writ show web.jwt --verify-key signing.pub
  writ show web.jwt --file /main.jsonnet        # one file's text, and nothing else`,
		Args: exactly("TOKEN"),
		RunE: func(cmd *cobra.Command, arguments []string) (err error) {
			raw, err := a.readOrder(arguments[0])
			if err != nil {
				return err
			}
			seen, err := a.look(cmd, arguments[0], raw, source, v)
			if err != nil {
				return err
			}
			switch {
			case file != "":
				err = seen.printFile(a.stdout, file)
			case asJSON:
				err = seen.printJSON(a.stdout)
			default:
				err = seen.print(a.stdout)
			}
			if err != nil {
				return err
			}
			if seen.refused != nil {
				return refusal(arguments[0], seen.report, seen.refused)
			}
			return nil
		},
	}
	v.register(cmd)
	cmd.Flags().StringVar(&source, "source", "", "check also whether this source may take it: its keys, rule and audience")
	cmd.Flags().StringVar(&file, "file", "", "print the text of this file of the Pattern")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// seen is a token as it was found.
type seen struct {
	name    string
	decoded token.Unverified
	order   pattern.Order // as far as it can be read
	report  token.Report
	refused error
	notes   []string
}

// look decodes and verifies a token. An error is one of ours, or of a text that is no token at all.
func (a *app) look(cmd *cobra.Command, name string, raw []byte, source string, f orderFlags) (s seen, err error) {
	s.name = name
	if s.decoded, err = token.Parse(string(raw), token.MaxOrderBytes); err != nil {
		if payload, bare := barePayload(raw); bare {
			return s, hinted{exit{statusFailed, fmt.Errorf("%s is the payload of a token alone: without header and signature nothing of it can be checked", name)}, "it says: " + safe(payload)}
		}
		return s, exit{statusFailed, fmt.Errorf("%s: %w", name, err)}
	}
	sink, closeSink := a.stderrSink(false)
	defer closeSink()
	o, err := a.openOrders(cmd, source, sink)
	if err != nil {
		return s, err
	}
	defer func() { err = o.close(err) }()
	v, _, err := a.verifier(cmd.Context(), cmd, o, f)
	if err != nil {
		return s, err
	}
	v.Audience = audienceOf(source, o)
	_, s.report, s.refused = v.Open(cmd.Context(), raw)
	s.read(cmd)
	return s, nil
}

// audienceOf are the names that a source goes by; nil where none is named.
func audienceOf(source string, o *orders) []string {
	if source == "" {
		return nil
	}
	return append([]string{source}, o.of.Audience...)
}

// barePayload tells base64url of a JSON object.
func barePayload(raw []byte) (text string, bare bool) {
	decoded, err := base64.RawURLEncoding.DecodeString(string(raw))
	if err != nil || jsontext.Value(decoded).Kind() != '{' || !jsontext.Value(decoded).IsValid() {
		return "", false
	}
	const most = 500
	if len(decoded) > most {
		return string(decoded[:most]) + "...", true
	}
	return string(decoded), true
}

// read reads the order, whoever signed it, to show it.
func (s *seen) read(cmd *cobra.Command) {
	if err := jsonv2.Unmarshal(s.decoded.Payload(), &s.order); err != nil {
		s.notes = append(s.notes, "its claims are not an order's: "+err.Error())
		return
	}
	if s.order.Bundle.Files == nil {
		s.notes = append(s.notes, "it carries no etchaPattern: it is no order")
		return
	}
	if s.order.RunEnv != nil {
		s.notes = append(s.notes, "etchaRunEnv is the old name of etchaRunVars; it is read")
	}
	if err := s.order.Bundle.Validate(); err != nil {
		s.notes = append(s.notes, err.Error())
		return
	}
	if _, err := pattern.Pack(cmd.Context(), s.order.Bundle.Program(), jsonnet.Limits{}); err != nil {
		s.notes = append(s.notes, "its Pattern cannot be rendered: "+err.Error())
	}
}

func (s seen) heading() string {
	if s.refused != nil {
		return "UNVERIFIED: " + s.why()
	}
	return "verified"
}

// why is the first check that failed, in a few words.
func (s seen) why() string {
	if errors.Is(s.refused, pattern.ErrNoVerify) {
		return "there is no key to verify it with (run.verifyKeys, or --verify-key)"
	}
	for _, check := range s.report.Failed() {
		return check.Name + ": " + check.Got
	}
	return s.refused.Error()
}

func (s seen) print(w io.Writer) error {
	fmt.Fprintln(w, safe(s.heading()))
	for _, note := range s.notes {
		fmt.Fprintln(w, "note: "+safe(note))
	}
	if err := printObject(w, "header", s.decoded.Header()); err != nil {
		return err
	}
	claims, err := withoutFiles(s.decoded.Payload())
	if err != nil {
		return err
	}
	if err := printObject(w, "claims", claims); err != nil {
		return err
	}
	s.printFiles(w)
	fmt.Fprintln(w, "checks")
	return printChecks(w, s.report)
}

// withoutFiles is the payload with the Pattern's entrypoint in the place of the Pattern.
func withoutFiles(payload []byte) ([]byte, error) {
	var members []string
	decoder := json.NewDecoder(strings.NewReader(string(payload)))
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		if name == "etchaPattern" {
			var bundle struct {
				Entrypoint json.RawMessage            `json:"entrypoint"`
				Files      map[string]json.RawMessage `json:"files"`
			}
			if json.Unmarshal(value, &bundle) == nil && bundle.Entrypoint != nil {
				value = fmt.Appendf(nil, `{"entrypoint":%s,"files":%d}`, bundle.Entrypoint, len(bundle.Files))
			}
		}
		quoted, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		members = append(members, string(quoted)+":"+string(value))
	}
	return []byte("{" + strings.Join(members, ",") + "}"), nil
}

// printFiles prints each file's text, its lines set off so that none looks like one of ours.
func (s seen) printFiles(w io.Writer) {
	left := maxShown
	for _, name := range slices.Sorted(maps.Keys(s.order.Bundle.Files)) {
		text := s.order.Bundle.Files[name]
		fmt.Fprintf(w, "file %s, %d bytes\n", safe(name), len(text))
		if len(text) > left {
			fmt.Fprintf(w, "  (not shown: --file %s prints it)\n", safe(name))
			continue
		}
		left -= len(text)
		for line := range strings.Lines(text) {
			fmt.Fprintln(w, "  | "+safe(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    ")))
		}
	}
}

func (s seen) printFile(w io.Writer, name string) error {
	text, there := s.order.Bundle.Files[name]
	if !there {
		text, there = s.order.Bundle.Files["/"+name]
	}
	if !there {
		return fmt.Errorf("%s carries no file %q; it has %s", s.name, name, strings.Join(slices.Sorted(maps.Keys(s.order.Bundle.Files)), ", "))
	}
	_, err := io.WriteString(w, text)
	return err
}

func (s seen) printJSON(w io.Writer) error {
	return printJSON(w, struct {
		Verified bool            `json:"verified"`
		Notes    []string        `json:"notes,omitempty"`
		Header   json.RawMessage `json:"header"`
		Claims   json.RawMessage `json:"claims"`
		Checks   token.Report    `json:"checks"`
	}{s.refused == nil, s.notes, s.decoded.Header(), s.decoded.Payload(), s.report})
}
