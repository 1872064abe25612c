package shell

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A utility does the work of one command and returns its exit status.
type utility func(*command) int

// isShell reports whether the interpreter runs under a name.
func isShell(name string) bool { return name == "sh" || name == "bash" }

// Names are the commands that the binary plays: sh, bash, and every utility. Sorted.
func Names() []string {
	return slices.Sorted(maps.Keys(utilities()))
}

// Is reports whether the base name of name, an argv[0], is one of Names. A login shell's "-sh" is sh.
func Is(name string) bool {
	_, known := utilities()[played(name)]
	return known
}

// played is the command that an argv[0] asks for.
func played(argument string) string {
	name := filepath.Base(argument)
	if rest, login := strings.CutPrefix(name, "-"); login && isShell(rest) {
		return rest
	}
	return name
}

// Main runs the command that the base name of args[0] says, on the process's own standard files, and returns its exit
// status: 127 for a name that is none of Names.
func Main(args []string) int {
	if len(args) == 0 {
		return 127
	}
	name := played(args[0])
	run, known := utilities()[name]
	c := &command{
		name: name, zero: args[0], args: args[1:],
		in: os.Stdin, out: bufio.NewWriterSize(os.Stdout, 32<<10), err: os.Stderr,
	}
	if !known {
		c.complain("command not found")
		return 127
	}
	return c.finish(run(c))
}
