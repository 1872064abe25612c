package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/pattern"
)

func (a *app) compareVerb() *cobra.Command {
	var v orderFlags
	var ignoreVersion, asJSON bool
	cmd := &cobra.Command{
		Use:   "compare TOKEN TOKEN",
		Short: "Say whether two pattern tokens hold the same order",
		Long: `Compare two pattern tokens: build manifest, files, run vars and the version of what built them. Who signed them when, for
whom and for how long makes no other order. Where there is anything to verify with, both must pass, but for aud.
Exits 1 where they differ.`,
		Example: `  writ compare old.jwt new.jwt
  writ compare old.jwt new.jwt --ignore-version`,
		Args: exactly("TOKEN", "TOKEN"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if arguments[0] == "-" && arguments[1] == "-" {
				return usage(cmd, "standard input holds one token; want a file for the other")
			}
			var both [2]pattern.Order
			err := a.withOrders(cmd, "", false, func(ctx context.Context, o *orders) (err error) {
				for i, name := range arguments {
					if both[i], err = a.orderOf(ctx, cmd, o, name, v); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			differences := pattern.Compare(both[0], both[1], ignoreVersion)
			if asJSON {
				if differences == nil {
					differences = []pattern.Difference{}
				}
				if err := printJSON(a.stdout, differences); err != nil {
					return err
				}
			} else {
				a.printDifferences(differences)
			}
			if len(differences) > 0 {
				return exit{statusFailed, nil}
			}
			return nil
		},
	}
	v.register(cmd)
	cmd.Flags().BoolVar(&ignoreVersion, "ignore-version", false, "leave the version of what built them out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// orderOf is the order in a token.
func (a *app) orderOf(ctx context.Context, cmd *cobra.Command, o *orders, name string, f orderFlags) (pattern.Order, error) {
	raw, err := a.readOrder(name)
	if err != nil {
		return pattern.Order{}, err
	}
	s, err := a.look(ctx, cmd, o, name, raw, f, nil)
	if err != nil {
		return pattern.Order{}, err
	}
	return s.order(o)
}

func (a *app) printDifferences(differences []pattern.Difference) {
	if len(differences) == 0 {
		fmt.Fprintln(a.stdout, "the same order")
		return
	}
	for _, d := range differences {
		title := d.What
		if d.Name != "" {
			title += " " + safe(d.Name)
		}
		if strings.Contains(d.Text, "\n") {
			fmt.Fprintln(a.stdout, title)
			for line := range strings.Lines(d.Text) {
				fmt.Fprintln(a.stdout, "  "+diffLine(line))
			}
			continue
		}
		fmt.Fprintf(a.stdout, "%s: %s\n", title, safe(d.Text))
	}
}

// diffLine is a line of a diff as a terminal may have it. Two lines that differ in tabs or in their ends must not look alike.
func diffLine(line string) string {
	parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
	for i, part := range parts {
		parts[i] = safe(part)
	}
	return strings.Join(parts, "\t")
}
