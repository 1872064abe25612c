package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/library"
	"github.com/writ-run/writ/machine"
)

// nextSteps are what to run in a directory that has been laid out.
const nextSteps = `writ apply --check patterns/hello.jsonnet          # what it would change on this machine
writ apply patterns/hello.jsonnet                  # change it
writ test patterns                                 # prove that it can be repeated and removed
writ key generate --algorithm EdDSA --format text --out signing.key --public signing.pub
writ build patterns/hello.jsonnet hello.jwt        # an order that machines can verify: writ show hello.jwt
`

func (a *app) initVerb() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Lay out a directory for Patterns, with the library",
		Long: `Lay out a directory (default: this one) for Patterns: a Pattern to begin with, the library lib/writ, a configuration,
a .gitignore that keeps keys and tokens out. Nothing that is there is overwritten, except what an earlier version of writ
wrote to lib/writ. A file there that somebody has edited is kept, with a warning, unless --force is given.`,
		Example: `  writ init infra
  writ init --force`,
		Args: atMost("DIR"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			directory := "."
			if len(arguments) == 1 {
				directory = arguments[0]
			}
			laid, err := library.Init(cmd.Context(), directory, version, force)
			if err != nil {
				return err
			}
			for _, file := range laid {
				path := machine.Show(filepath.Join(directory, file.Path))
				switch file.State {
				case library.Made, library.Updated:
					fmt.Fprintf(a.stderr, "writ: %s %s\n", file.State, path)
				case library.Edited:
					fmt.Fprintf(a.stderr, "writ: warning: %s has been edited and is kept as it is; --force replaces it\n", path)
				}
			}
			if directory != "." {
				fmt.Fprintf(a.stderr, "writ: what to run next, in %s:\n", machine.Show(directory))
			} else {
				fmt.Fprintln(a.stderr, "writ: what to run next:")
			}
			_, err = fmt.Fprint(a.stdout, nextSteps)
			return err
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace edited files of lib/writ")
	return cmd
}
