package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/pattern"
)

func (a *app) renderVerb() *cobra.Command {
	var v orderFlags
	var source string
	cmd := &cobra.Command{
		Use:   "render PATTERN|TOKEN",
		Short: "Print what a Pattern, or the one in a token, evaluates to",
		Long: `Evaluate a Pattern, and print it as JSON: lists of Commands flattened, old names under their new ones. Nothing runs but what
native functions of the Pattern itself run. The Pattern in a token is evaluated from its own files and nothing else; native
functions are closed unless it is verified, and where there is anything to verify with, it must be.`,
		Example: `  writ render patterns/web.jsonnet
  writ render web.jwt --source web`,
		Args: exactly("PATTERN|TOKEN"),
		RunE: func(cmd *cobra.Command, arguments []string) (err error) {
			sink, closeSink := a.stderrSink(false)
			defer closeSink()
			o, err := a.openOrders(cmd, source, sink)
			if err != nil {
				return err
			}
			defer func() { err = o.close(err) }()
			ctx, stop := a.interruptible(cmd.Context())
			defer stop()
			rendered, err := a.render(ctx, cmd, o, arguments[0], v)
			if err != nil {
				return ended(ctx, err)
			}
			return printJSON(a.stdout, rendered)
		},
	}
	v.register(cmd)
	cmd.Flags().StringVar(&source, "source", "", "the source whose exec and vars count, and whether it may take the token")
	return cmd
}

func (a *app) render(ctx context.Context, cmd *cobra.Command, o *orders, argument string, f orderFlags) (pattern.Pattern, error) {
	raw, is, err := a.tokenFile(argument)
	if err != nil {
		return pattern.Pattern{}, err
	}
	if !is {
		text, err := readProgram(argument)
		if err != nil {
			return pattern.Pattern{}, err
		}
		rendered, err := pattern.Render(ctx, text.Program, o.environment(text.directory, nil, text.buildVars()))
		for _, warning := range rendered.Warnings {
			o.warn("%s: %s", text.name, warning)
		}
		return rendered, err
	}
	s, err := a.look(cmd, argument, raw, o.source, f)
	switch {
	case err != nil:
		return pattern.Pattern{}, err
	case s.refused == nil:
		return o.received(ctx, s.order, raw, true)
	case !s.unverifiable():
		return pattern.Pattern{}, refusal(argument, s.report, s.refused)
	}
	if err := s.order.Validate(); err != nil {
		return pattern.Pattern{}, exit{statusFailed, fmt.Errorf("%s: %w", argument, err)}
	}
	o.warn("%s is UNVERIFIED: %s; native functions that reach this machine are closed", argument, s.why())
	return o.received(ctx, s.order, raw, false)
}

// unverifiable tells a token that could not be verified, since there is nothing to do it with, from one that did not pass.
func (s seen) unverifiable() bool { return errors.Is(s.refused, pattern.ErrNoVerify) }

// tokenFile reads a file that may be a token. It is false for what is none, and for what is no file.
func (a *app) tokenFile(argument string) (raw []byte, is bool, err error) {
	if argument != "-" {
		info, err := os.Stat(argument)
		if err != nil || info.IsDir() {
			return nil, false, nil // readProgram says what it is
		}
	}
	raw, err = a.readOrder(argument)
	if err != nil {
		return nil, false, err
	}
	return raw, isToken(raw), nil
}

// received renders the Pattern of an order, in a process of its own. Native functions reach what the source's scripts
// could, but of an order that was not verified they reach nothing.
func (o *orders) received(ctx context.Context, order pattern.Order, raw []byte, verified bool) (pattern.Pattern, error) {
	e := o.environment("", order.Vars())
	e.Vars["jwt"] = string(raw)
	e.Apart = true
	if !verified {
		e.Access = jsonnet.Access{}
	}
	e.Access.Cache = pattern.KeptBy(order.RunVars)
	rendered, err := pattern.Render(ctx, order.Bundle.Program(), e)
	for _, warning := range rendered.Warnings {
		o.warn("%s: %s", order.Bundle.Entrypoint, warning)
	}
	return rendered, err
}
