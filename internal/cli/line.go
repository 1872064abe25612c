package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

func (a *app) lineVerb() *cobra.Command {
	return a.thingVerb("line", "Check, change or remove a line of a file or of standard input",
		`A line of a file that exists. Every line in which the regular expression --match finds something becomes --line as a
whole, where ${1} or ${name} is what a group of the expression found. Where there is none, --line is appended, unless it
is there already. remove removes the lines that are as described. PATH - edits standard input to standard output.`,
		`  writ line check /etc/ssh/sshd_config --match '^#?PermitRootLogin\b' --line 'PermitRootLogin no'
  writ line change /etc/default/grub --match '^(GRUB_TIMEOUT)=' --line '${1}=1'
  writ line change - --match '^Port ' --line 'Port 2222' <sshd_config`,
		func(cmd *cobra.Command, way string) func(string) (machine.Thing, error) {
			var line machine.Line
			cmd.Flags().StringVar(&line.Match, "match", "", "regular expression (RE2) that finds the line")
			cmd.Flags().StringVar(&line.Text, "line", "", "the line")
			return func(path string) (machine.Thing, error) {
				line.Path = path
				switch {
				case line.Match == "":
					return nil, usage(cmd, "--match: the regular expression that finds the line is missing")
				case !cmd.Flags().Changed("line"):
					return nil, usage(cmd, "--line: the line is missing")
				case path != "-":
					return line, nil
				}
				return nil, a.editStream(cmd, way, line)
			}
		})
}

// editStream edits standard input to standard output; a check only says what differs.
func (a *app) editStream(cmd *cobra.Command, way string, line machine.Line) error {
	text, err := a.readFile("-", machine.MaxText)
	if err != nil {
		return err
	}
	if way == removeThing {
		after, _, err := line.Drop(string(text))
		if err != nil {
			return thingError(cmd.Context(), cmd, way, err)
		}
		_, err = io.Copy(a.stdout, strings.NewReader(after))
		return err
	}
	after, differences, err := line.Edit(string(text))
	if way == checkThing && len(differences) > 0 {
		fmt.Fprintf(a.stdout, "standard input: %s\n", differences)
		return exit{status: statusFailed}
	}
	if err != nil {
		var wrong *machine.Mistake
		if !errors.As(err, &wrong) {
			err = fmt.Errorf("standard input: %w", err)
		}
		return thingError(cmd.Context(), cmd, way, err)
	}
	if way == changeThing {
		_, err = io.Copy(a.stdout, strings.NewReader(after))
	}
	return err
}
