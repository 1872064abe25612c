// Command writ gives every job run a signed identity and runs signed orders. See `writ --help`.
package main

import (
	"os"

	"github.com/writ-run/writ/internal/cli"
)

func main() { os.Exit(cli.Main()) }
