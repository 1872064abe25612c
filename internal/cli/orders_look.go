package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// seen is a token that was looked at: what it says, and whether that may be believed.
type seen struct {
	name     string
	says     pattern.Unverified
	opened   pattern.Opened // where refused is nil
	report   token.Report
	refused  error
	required bool // something to verify with, or a rule, is configured or given: what does not pass is refused
}

// look decodes and verifies a token. An error is one of ours, or of a text that is no token at all. Where the audience is
// nil, aud is not checked.
func (a *app) look(ctx context.Context, cmd *cobra.Command, o *orders, name string, raw []byte, f orderFlags, audience []string) (s seen, err error) {
	s.name = name
	if s.says, err = pattern.Decode(raw); err != nil {
		return s, exit{statusFailed, fmt.Errorf("%s: %w", name, err)}
	}
	v, required, err := a.verifier(ctx, cmd, o, f)
	if err != nil {
		return s, err
	}
	v.Audience = audience
	s.required = required
	s.opened, s.report, s.refused = v.Open(ctx, raw)
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	return s, nil
}

// unverifiable tells a token that could not be verified, since there is nothing to do it with, from one that did not pass.
func (s seen) unverifiable() bool { return errors.Is(s.refused, pattern.ErrNoVerify) && !s.required }

// why is the first check that failed, in a few words.
func (s seen) why() string {
	if errors.Is(s.refused, pattern.ErrNoVerify) {
		return "there is no key to verify it with"
	}
	for _, check := range s.report.Failed() {
		return failed(check)
	}
	return s.refused.Error()
}

func failed(c token.Check) string {
	return fmt.Sprintf("%s: want %s, got %s", c.Name, orNone(c.Want), orNone(c.Got))
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// refusal names every check that failed, one a line, with what to do about it.
func (s seen) refusal(o *orders) error {
	if errors.Is(s.refused, pattern.ErrNoVerify) {
		err := fmt.Errorf("%s: %w", s.name, s.refused)
		if s.required {
			err = fmt.Errorf("%w, though the configuration asks for it", err)
		}
		return hinted{exit{statusFailed, err}, o.keyHint()}
	}
	var lines []error
	addressed := false
	for _, check := range s.report.Failed() {
		lines = append(lines, fmt.Errorf("%s: %s", s.name, failed(check)))
		addressed = addressed || check.Name == "aud"
	}
	if len(lines) == 0 || errors.Is(s.refused, pattern.ErrVouch) { // what the verify commands did says more than the check
		lines = []error{fmt.Errorf("%s: %w", s.name, s.refused)}
	}
	err := error(exit{statusFailed, errors.Join(lines...)})
	if addressed {
		return hinted{err, "the order names who may take it; --source says who this is, and that source's audience under which names else"}
	}
	return err
}

// keyHint says where a key to verify with comes from.
func (o *orders) keyHint() string {
	const give = "set run.verifyKeys, or give --verify-key"
	if o.config.Sources[o.source] != nil {
		return give
	}
	for _, name := range slices.Sorted(maps.Keys(o.config.Sources)) {
		if o.config.Sources[name].Required() {
			return give + "; sources have keys of their own, which count with --source " + name
		}
	}
	return give
}

// audienceOf are the names that a source goes by; nil where none is named.
func audienceOf(source string, o *orders) []string {
	if source == "" {
		return nil
	}
	return append([]string{source}, o.of.Audience...)
}

// order is what a verb that runs nothing goes on with: a verified order, or one that cannot be verified here, of which it is
// said.
func (s seen) order(o *orders) (pattern.Order, error) {
	switch {
	case s.refused == nil:
		return s.opened.Order(), nil
	case !s.unverifiable():
		return pattern.Order{}, s.refusal(o)
	}
	order, err := s.says.Order()
	if err != nil {
		return pattern.Order{}, exit{statusFailed, fmt.Errorf("%s: %w", s.name, err)}
	}
	o.warn("%s is UNVERIFIED: %s", s.name, s.why())
	return order, nil
}

// isToken tells a token from a Pattern: three parts of base64url, or what begins as a token's header does, so that one that was cut
// short or damaged is not read as Jsonnet. A Pattern has brackets and blanks.
func isToken(text []byte) bool {
	return threeParts(text) || bytes.HasPrefix(text, []byte("ey")) && !bytes.ContainsFunc(text[:min(len(text), 24)], notOfToken) // ey: {" in base64url
}

func threeParts(text []byte) bool {
	return bytes.Count(text, []byte(".")) == 2 && !bytes.ContainsFunc(text, notOfToken)
}

// notOfToken is what no token has, with padding and the end of a line, which some have.
func notOfToken(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.=\r\n", r))
}

// readOrder reads a token file, or standard input for "-".
func (a *app) readOrder(name string) ([]byte, error) {
	if name != "-" && looksLikeToken(name) {
		return nil, errTokenGiven()
	}
	raw, err := a.readFile(name, token.MaxOrderBytes+2)
	if errors.As(err, new(tooLarge)) {
		return nil, exit{statusFailed, fmt.Errorf("%w: no order is", err)}
	}
	sparing(len(raw))
	return raw, err
}

// tokenFile reads a file that may be a token. It is false for what is none, and for what is no file.
func (a *app) tokenFile(argument string) (raw []byte, is bool, err error) {
	if argument != "-" && !looksLikeToken(argument) {
		info, err := os.Stat(argument)
		if err != nil || info.IsDir() {
			return nil, false, nil // readProgram says what it is
		}
		if !info.Mode().IsRegular() { // it could be waited on for ever
			err := fmt.Errorf("%s is %s, not a file", argument, container.Kind(info.Mode()))
			return nil, false, hinted{err, "for what is on standard input name -"}
		}
	}
	raw, err = a.readOrder(argument)
	if err != nil {
		return nil, false, err
	}
	return raw, isToken(raw), nil
}

// withOrders opens what a source's Patterns run with, for a verb whose standard output is its result.
func (a *app) withOrders(cmd *cobra.Command, source string, verbose bool, do func(ctx context.Context, o *orders) error) (err error) {
	sink, closeSink := a.stderrSink(verbose)
	defer closeSink()
	o, err := a.openOrders(cmd, source, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	ctx, stop := a.stoppable(cmd.Context(), o)
	defer stop()
	if err := do(ctx, o); err != nil {
		return ended(ctx, err)
	}
	return nil
}

// looksLikeToken tells a token from a file's name.
func looksLikeToken(argument string) bool {
	return len(argument) > 60 && strings.HasPrefix(argument, "ey") && threeParts([]byte(argument))
}

// errTokenGiven does not repeat the token.
func errTokenGiven() error {
	return hinted{errors.New("a token itself stands where its file is to be named: arguments are seen by everybody on this machine"), "put it into a file, or name - and give it on standard input"}
}
