// Command writ-container plays the stage and the init of containers, and nothing else. A release of writ has it within: it
// starts in a third of the time that all of writ takes, once or twice for each container.
package main

import (
	"fmt"
	"os"

	"github.com/writ-run/writ/container/oci"
)

func main() {
	status, played := oci.Main(os.Args)
	if !played {
		fmt.Fprintln(os.Stderr, "writ-container: error: this is a part of writ, which starts it itself")
		status = 2
	}
	os.Exit(status)
}
