package container

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// maxString is the longest argument or variable that Linux takes, without its NUL (MAX_ARG_STRLEN, execve(2)).
const maxString = 128<<10 - 1

// StartError says why a Spec never ran.
type StartError struct {
	Name   string // of the Spec
	Reason error
	Help   string // empty: that of the reason
}

// Error names the Spec and the reason.
func (e *StartError) Error() string { return fmt.Sprintf("start %q: %v", e.Name, e.Reason) }

// Unwrap returns the reason.
func (e *StartError) Unwrap() error { return e.Reason }

// Hint says what may help.
func (e *StartError) Hint() string {
	var inner interface{ Hint() string }
	if e.Help == "" && errors.As(e.Reason, &inner) {
		return inner.Hint()
	}
	return e.Help
}

// CheckArguments refuses what no process can be given: a NUL byte, and arguments longer than Linux takes.
func (s Spec) CheckArguments() error {
	for i, argument := range append([]string{s.Path}, s.Args...) {
		if err := checkString(argument); err != nil {
			return fmt.Errorf("argument %d: %w", i, err)
		}
	}
	if s.Path == "" {
		return errors.New("no executable is named")
	}
	return nil
}

// OnlyContainers names the first field that is set and that only a container has, apart from User; empty: none.
func (s Spec) OnlyContainers() string {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"image", s.Image != ""}, {"entrypoint", s.Entrypoint}, {"image's directory", s.ImageDir},
		{"privileged", s.Privileged}, {"hermetic", s.Hermetic}, {"writ binary", s.Self}, {"host network", s.HostNetwork},
		{"container_limits", s.Limits != Limits{}},
	} {
		if field.given {
			return field.name
		}
	}
	return ""
}

// CheckSize refuses more arguments and variables than Linux takes in all: a quarter of the stack, and 6 MiB (execve(2)).
func CheckSize(arguments, environment []string) error {
	const least, most, pointer, slack = 128 << 10, 6 << 20, 8, 8 << 10
	limit := uint64(most)
	var stack syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &stack); err == nil {
		limit = max(least, min(most, stack.Cur/4))
	}
	size := uint64(slack) // for what init and the OCI runtime add
	for _, text := range slices.Concat(arguments, environment) {
		size += uint64(len(text)) + 1 + pointer
	}
	if size > limit {
		return fmt.Errorf("argument list too long: %d bytes with the environment; Linux takes %d", size, limit)
	}
	return nil
}

// Environment joins variables, the last of a name winning. Each is NAME=value; errors show a name at most, since the rest
// may be a secret.
func Environment(layers ...[]string) ([]string, error) {
	var environment []string
	place := map[string]int{}
	for _, layer := range layers {
		for i, entry := range layer {
			name, _, found := strings.Cut(entry, "=")
			if !found || name == "" {
				return nil, fmt.Errorf("variable %d: want NAME=value", i)
			}
			if err := checkString(entry); err != nil {
				return nil, fmt.Errorf("variable %q: %w", name, err)
			}
			if at, known := place[name]; known {
				environment[at] = entry
				continue
			}
			place[name] = len(environment)
			environment = append(environment, entry)
		}
	}
	return environment, nil
}

func checkString(text string) error {
	if strings.ContainsRune(text, 0) {
		return errors.New("holds a NUL byte")
	}
	if len(text) > maxString {
		return tooLong(len(text))
	}
	return nil
}

type tooLong int

func (n tooLong) Error() string {
	return fmt.Sprintf("%d bytes long; Linux takes %d in one argument or variable", int(n), maxString)
}
func (n tooLong) Hint() string { return "put it into a file, and give the file's path" }
