// Command self plays stage and init and nothing else, so that what those need is seen without the rest of writ.
package main

import (
	"os"

	"github.com/writ-run/writ/container/oci"
)

func main() {
	status, played := oci.Main(os.Args)
	if !played {
		status = 2
	}
	os.Exit(status)
}
