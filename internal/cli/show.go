package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

type showFlags struct {
	source, file string
	asJSON       bool
	order        orderFlags
}

func (a *app) showVerb() *cobra.Command {
	var f showFlags
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
		RunE: func(cmd *cobra.Command, arguments []string) error {
			raw, err := a.readOrder(arguments[0])
			if err != nil {
				return err
			}
			if payload, bare := barePayload(raw); bare {
				return a.showPayload(arguments[0], payload, f)
			}
			return a.withOrders(cmd, f.source, false, func(ctx context.Context, o *orders) error {
				return a.show(ctx, cmd, o, arguments[0], raw, f)
			})
		},
	}
	flags := cmd.Flags()
	f.order.register(cmd)
	flags.StringVar(&f.source, "source", "", "check also whether this source may take it: its keys, rule and audience")
	flags.StringVar(&f.file, "file", "", "print the text of this file of the Pattern")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) show(ctx context.Context, cmd *cobra.Command, o *orders, name string, raw []byte, f showFlags) error {
	s, err := a.look(ctx, cmd, o, name, raw, f.order, audienceOf(f.source, o))
	if err != nil {
		return err
	}
	d := display{name: name, heading: "verified", header: s.says.Header(), claims: s.says.Payload(), checks: s.report}
	order := s.opened.Order()
	if s.refused != nil {
		d.heading = "UNVERIFIED: " + s.why()
		var err error
		if order, err = s.says.Order(); err != nil {
			order = pattern.Order{Bundle: pattern.BundleOf(s.says.Payload())}
			if !errors.Is(err, pattern.ErrClaims) || !s.report.SignatureHolds() { // then it is the check that failed
				d.notes = append(d.notes, err.Error())
			}
		}
	}
	d.bundle = order.Bundle
	d.notes = append(d.notes, notes(ctx, order)...)
	if err := a.display(d, f); err != nil {
		return err
	}
	if s.refused != nil {
		return s.refusal(o)
	}
	return nil
}

// notes are what there is to say about an order beside its checks.
func notes(ctx context.Context, o pattern.Order) []string {
	var notes []string
	if o.RunEnv != nil {
		notes = append(notes, "etchaRunEnv is the old name of etchaRunVars; it is read")
	}
	if o.Bundle.Validate() == nil {
		if err := parses(ctx, o.Bundle); err != nil {
			notes = append(notes, "its Pattern cannot be rendered: "+err.Error())
		}
	}
	return notes
}

// maxParsed is how much text of others is parsed in this process, only to say whether it can be.
const maxParsed = 256 << 10

// parses tells whether the files of a bundle are Jsonnet, and import one another. What is long is not looked into.
func parses(ctx context.Context, b pattern.Bundle) error {
	size := 0
	for _, text := range b.Files {
		size += len(text)
	}
	if size > maxParsed {
		return nil
	}
	_, err := jsonnet.Dependencies(ctx, b.Program(), jsonnet.Limits{})
	return err
}

// barePayload tells base64url of a JSON object: what is left of a token without its header and signature.
func barePayload(raw []byte) (payload []byte, bare bool) {
	raw = bytes.TrimRight(raw, "\r\n")
	if bytes.IndexByte(raw, '.') >= 0 {
		return nil, false
	}
	decoded := make([]byte, base64.RawURLEncoding.DecodedLen(len(raw)))
	_, err := base64.RawURLEncoding.Decode(decoded, raw)
	if err != nil || jsontext.Value(decoded).Kind() != '{' || !jsontext.Value(decoded).IsValid() {
		return nil, false
	}
	return decoded, true
}

func (a *app) showPayload(name string, payload []byte, f showFlags) error {
	d := display{name: name, claims: payload, heading: "UNVERIFIED: the payload of a token alone: without header and signature nothing of it can be checked"}
	d.bundle = pattern.BundleOf(payload)
	if err := a.display(d, f); err != nil {
		return err
	}
	return exit{statusFailed, fmt.Errorf("%s is the payload of a token alone", name)}
}
