// Package shell is the embedded shell: the writ binary itself is sh, bash and the utilities of a container whose image
// holds nothing else. Which command it plays is the base name of argv[0]: an image is the binary and links to it.
//
//	writ ──▶ Is(argv[0])? ──▶ Main ──▶ sh, bash: the interpreter (mvdan.cc/sh) with jobs, traps and exec of our own
//	                               └─▶ cat, ls, ...: the utility's function, directly
//
// The invariant: a utility never looks for itself in PATH. The shell looks up every command that is no builtin of its own
// in PATH, like any shell, and starts it as a process; the process finds itself in argv[0] and calls its function. A
// name that PATH does not have is not found (127), although the binary could play it.
package shell
