package cli

import (
	"context"

	"github.com/spf13/cobra"

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
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return a.withOrders(cmd, source, false, func(ctx context.Context, o *orders) error {
				rendered, err := a.render(ctx, cmd, o, arguments[0], v)
				if err != nil {
					return err
				}
				return printJSON(a.stdout, rendered)
			})
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
		text, err := readProgram(argument, raw)
		if err != nil {
			return pattern.Pattern{}, err
		}
		rendered, err := pattern.Render(ctx, text.Program, o.environment(text.directory, nil, text.buildVars()))
		o.warnings(text.name, rendered.Warnings)
		return rendered, err
	}
	s, err := a.look(ctx, cmd, o, argument, raw, f, audienceOf(o.source, o))
	if err != nil {
		return pattern.Pattern{}, err
	}
	if s.refused == nil {
		return o.received(ctx, s.opened)
	}
	order, err := s.order(o)
	if err != nil {
		return pattern.Pattern{}, err
	}
	o.warn("native functions that reach this machine are closed for it")
	rendered, err := s.says.Render(ctx, o.environment(""))
	o.warnings(order.Bundle.Entrypoint, rendered.Warnings)
	return rendered, err
}

// received renders the Pattern of an order. Native functions reach what the source's scripts could.
func (o *orders) received(ctx context.Context, order pattern.Opened) (pattern.Pattern, error) {
	rendered, err := order.Render(ctx, o.environment(""))
	o.warnings(order.Order().Bundle.Entrypoint, rendered.Warnings)
	return rendered, err
}
