package cli

import (
	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

func (a *app) linkVerb() *cobra.Command {
	return a.thingVerb("link", "Check, change or remove a symbolic link",
		`A symbolic link from PATH to what --to names, which need not exist. One that leads elsewhere is replaced atomically; a
file or an empty directory only with --force. remove without --to takes any symbolic link.`,
		`  writ link check /opt/app/current --to releases/42
  writ link change /opt/app/current --to releases/42
  writ link remove /opt/app/current --to releases/42`,
		func(cmd *cobra.Command, way string) func(string) (machine.Thing, error) {
			var link machine.Link
			cmd.Flags().StringVar(&link.To, "to", "", "what it leads to, as it is written in the link")
			if way == changeThing {
				cmd.Flags().BoolVar(&link.Force, "force", false, "replace a file or an empty directory")
			}
			return func(path string) (machine.Thing, error) {
				link.Path = path
				if link.To == "" && way != removeThing {
					return nil, usage(cmd, "--to: a symbolic link needs a target")
				}
				return link, nil
			}
		})
}
