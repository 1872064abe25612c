package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/writ-run/writ/internal/strict"
)

// Validate returns the mistakes as *strict.Mistake, one a line. path is what the Exec is called: runExec.
func (e Exec) Validate(path string) error {
	var found []error
	e.Check(func(member, reason string) {
		found = append(found, &strict.Mistake{Path: path + member, Reason: reason})
	})
	return errors.Join(found...)
}

// Check tells of each mistake, with the member that has it (.env["A"]). A nil Exec has none.
func (e *Exec) Check(add func(member, reason string)) {
	if e == nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(e.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(e.Env[name], 0) {
			add(fmt.Sprintf(".env[%q]", name), "a variable has a name without =, and neither it nor its value a NUL byte")
		}
	}
	if !slices.Contains([]string{"", "host", "none"}, e.ContainerNetwork) {
		add(".containerNetwork", fmt.Sprintf("%q: want host, none, or nothing for the runtime's own", e.ContainerNetwork))
	}
	if !slices.Contains([]string{"", "always", "missing", "never"}, e.ContainerPull) {
		add(".containerPull", fmt.Sprintf("%q: want always, missing or never", e.ContainerPull))
	}
	for i, volume := range e.ContainerVolumes {
		if _, err := parseVolume(volume); err != nil {
			add(fmt.Sprintf(".containerVolumes[%d]", i), err.Error())
		}
	}
}

// Idle says what of an Exec has no effect.
func (e *Exec) Idle() (reasons []string) {
	inContainer := e.ContainerEntrypoint != "" || e.ContainerNetwork != "" || e.ContainerPrivileged || e.ContainerPull != "" ||
		e.ContainerUser != "" || len(e.ContainerVolumes) > 0 || e.ContainerWorkDir != ""
	switch {
	case e.ContainerImage == "" && inContainer:
		reasons = append(reasons, "container properties have no effect without containerImage")
	case e.ContainerImage != "" && (e.User != "" || e.Group != "" || e.Sudo):
		reasons = append(reasons, "user, group and sudo are the machine's, and have no effect in a container: it has containerUser")
	}
	if e.ContainerImage != "" && e.EnvInherit {
		reasons = append(reasons, "envInherit has no effect in a container")
	}
	return reasons
}

// Warnings are what an Exec says that has no effect. path is what it is called: runExec.
func (e Exec) Warnings(path string) (found []string) {
	for _, reason := range e.Idle() {
		found = append(found, path+": "+reason)
	}
	return found
}
