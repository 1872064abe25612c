package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/machine"
)

// maxSource bounds what is read as a source: a URL with its headers.
const maxSource = 1 << 20

func (a *app) copyVerb() *cobra.Command {
	return a.thingVerb("copy", "Check, change or remove a copy of a file or of a download",
		`A regular file at PATH with the contents of --from: a file, or an http or https URL, which may carry headers after a #,
separated by line ends: URL#NAME:VALUE. Two are for writ: clientSkipVerify and clientTimeout:SECONDS.
With --checksum a file that has it is well, without a look at the source; without, the source is compared, so a URL is
fetched each time. The source's mode and owner are not copied. --from - reads the source from standard input, so that no
other user sees its headers.`,
		`  writ copy check /usr/local/bin/tool --from https://example.com/tool --checksum sha256:9f86d0...
  writ copy change /usr/local/bin/tool --from https://example.com/tool --checksum sha256:9f86d0... --mode 0755
  writ copy remove /usr/local/bin/tool`,
		func(cmd *cobra.Command, _ string) func(string) (machine.Thing, error) {
			var copied machine.Copy
			attributeFlags(cmd, &copied.Attributes, "0644")
			cmd.Flags().StringVar(&copied.From, "from", "", "file or URL that it is copied from (-: read that from standard input)")
			cmd.Flags().StringVar(&copied.Checksum, "checksum", "", "sha256:HEX or sha512:HEX of its contents")
			return func(path string) (machine.Thing, error) {
				copied.Path = path
				if copied.From == "-" {
					text, err := a.readFile("-", maxSource)
					if err != nil {
						return nil, err
					}
					copied.From = strings.TrimRight(string(text), "\r\n")
				}
				return copied, nil
			}
		})
}
