package cli

import (
	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

func (a *app) fileVerb() *cobra.Command {
	return a.thingVerb("file", "Check, change or remove a file",
		`A regular file with these contents, mode, owner and group. What is not said stays as it is. It is replaced atomically:
readers see the old or the new. A symbolic link at PATH is followed, unless it may be somebody else's trap.
Contents on the command line can be seen by every user of the machine; --stdin keeps them to yourself.`,
		`  writ file check /etc/motd --contents 'welcome'
  printf '%s' "$password" | writ file change /etc/app/password --stdin --mode 0600 --owner app
  writ file remove /etc/motd`,
		func(cmd *cobra.Command, _ string) func(string) (machine.Thing, error) {
			var file machine.File
			var contents string
			var stdin bool
			attributeFlags(cmd, &file.Attributes, "0644")
			cmd.Flags().StringVar(&contents, "contents", "", "what is in it (default: anything)")
			cmd.Flags().BoolVar(&stdin, "stdin", false, "read from standard input what is in it")
			return func(path string) (machine.Thing, error) {
				file.Path = path
				switch given := cmd.Flags().Changed("contents"); {
				case given && stdin:
					return nil, usage(cmd, "--contents and --stdin: give one")
				case stdin:
					text, err := a.readFile("-", machine.MaxText)
					if err != nil {
						return nil, hinted{err, "`writ copy` takes files of any size"}
					}
					contents = string(text)
					fallthrough
				case given:
					file.Contents = &contents
				}
				return file, nil
			}
		})
}
