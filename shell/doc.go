// Package shell is the embedded shell: the writ binary itself is sh, bash and the utilities of a container whose image
// holds nothing else. Which command it plays is the base name of argv[0]: an image is the binary and links to it.
//
//	writ ──▶ Is(argv[0])? ──▶ Main ──▶ sh, bash: the interpreter (mvdan.cc/sh) with jobs, traps and exec of our own
//	                               └─▶ cat, ls, ...: the utility's function, directly
//
// The invariant: a utility never looks for itself in PATH. The shell looks up every command that is no builtin of its own
// in PATH, like any shell, and starts it as a process; the process finds itself in argv[0] and calls its function. A
// name that PATH does not have is not found (127), although the binary could play it.
//
// sh and bash are one language, bash's. Exit statuses and standard output are those of Debian's bash and utilities in the
// C locale, which testdata/same*.txt holds script by script; the words on standard error are ours where they differ.
//
// What differs in the shell:
//   - A subshell and a background job run inside the shell's process. $! is a number above all process ids, which kill
//     and wait of this shell know and /bin/kill does not; $$ and $BASHPID are the shell's everywhere; umask in a subshell
//     is the shell's. Killing a job that is more than one command kills the programs that it runs too.
//   - trap works in the shell itself, not in its subshells. DEBUG and RETURN do nothing.
//   - -x prints commands and plain assignments, with one "+"; not for, case, [[ ]], (( )) or an assignment of $(...).
//   - ${x:?} ends with 1 (bash: 127), assigning to a readonly name goes on, shift past the end is 0, !(pattern) does not
//     match file names.
//   - PIPESTATUS, coproc, history, job control and noclobber are not there; ulimit prints "unlimited"; options of set and
//     shopt that the interpreter does not have are accepted and change nothing.
//
// What differs in the utilities:
//   - ls prints one name a line, also on a terminal; --color is accepted and does nothing.
//   - Regular expressions have no references back (\1 in a pattern): they are an error, as they say.
//   - mount, ps and df only show; date does not set the clock; stat without -c and ps are laid out in their own way.
//   - tar knows c, x and t, and gzip; what it extracts stays below its directory. sed has no w, tail and sort hold their
//     input in memory.
//   - A diff may be as short as Debian's but group lines otherwise.
package shell
