package cli

import (
	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

func (a *app) dirVerb() *cobra.Command {
	return a.thingVerb("dir", "Check, change or remove a directory",
		`A directory with this mode, owner and group. What is not said stays as it is. A symbolic link at PATH is followed.`,
		`  writ dir check /var/lib/app --owner app
  writ dir change /var/lib/app --owner app --mode 0750 --parents
  writ dir remove /var/lib/app --recursive`,
		func(cmd *cobra.Command, way string) func(string) (machine.Thing, error) {
			var dir machine.Dir
			attributeFlags(cmd, &dir.Attributes, "0755")
			switch way {
			case changeThing:
				cmd.Flags().BoolVar(&dir.Parents, "parents", false, "make the directories above it as well, 0755 and yours")
			case removeThing:
				cmd.Flags().BoolVar(&dir.Recursive, "recursive", false, "remove what is in it as well (no other file system, nothing through a symbolic link)")
			}
			return func(path string) (machine.Thing, error) {
				dir.Path = path
				return dir, nil
			}
		})
}
