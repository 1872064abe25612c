package script

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/strict"
)

// Exec says how the scripts of Commands are executed.
type Exec struct {
	AllowOverride bool   `json:"allowOverride,omitzero"` // another Exec may take this one's place
	Command       string `json:"command,omitzero"`       // split at spaces; the script is its last argument. Empty: the script is split itself

	Env        map[string]string `json:"env,omitzero"`
	EnvInherit bool              `json:"envInherit,omitzero"` // the variables of this process come first; envInheirt is read too
	User       string            `json:"user,omitzero"`       // name or number
	Group      string            `json:"group,omitzero"`      // name or number
	Sudo       bool              `json:"sudo,omitzero"`       // sudo -E where this process is not root's
	WorkDir    string            `json:"workDir,omitzero"`    // relative to that of this process

	ContainerImage      string   `json:"containerImage,omitzero"` // execute in a container of it; without it the other container fields mean nothing
	ContainerEntrypoint string   `json:"containerEntrypoint,omitzero"`
	ContainerNetwork    string   `json:"containerNetwork,omitzero"` // host, none; empty: the runtime's own
	ContainerPrivileged bool     `json:"containerPrivileged,omitzero"`
	ContainerPull       string   `json:"containerPull,omitzero"`
	ContainerUser       string   `json:"containerUser,omitzero"`
	ContainerVolumes    []string `json:"containerVolumes,omitzero"` // HOST:CONTAINER[:ro]
	ContainerWorkDir    string   `json:"containerWorkDir,omitzero"`
}

// DefaultExec is the main Exec where the configuration has none.
func DefaultExec() Exec {
	return Exec{AllowOverride: true, Command: "/usr/bin/bash -e -o pipefail -c", EnvInherit: true}
}

// Override returns the Exec that counts where inner stands within e: inner as a whole, nothing is merged. It is false where
// e does not allow that; e counts then. No inner is no override.
func (e Exec) Override(inner *Exec) (Exec, bool) {
	if inner == nil {
		return e, true
	}
	if !e.AllowOverride {
		return e, false
	}
	return *inner, true
}

// UnmarshalJSONFrom reads an Exec strictly. Etcha's documents spell envInherit in two ways; both are read.
func (e *Exec) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	type plain Exec
	var read struct {
		plain
		EnvInherit *bool `json:"envInherit"`
		EnvInheirt *bool `json:"envInheirt"`
	}
	if err := strict.Decode(from, &read, func() []string { return strict.Members(Exec{}) }); err != nil {
		return err
	}
	*e = Exec(read.plain)
	switch {
	case read.EnvInherit != nil && read.EnvInheirt != nil && *read.EnvInherit != *read.EnvInheirt:
		return &strict.Mistake{Path: strict.Path(from.StackPointer()), Reason: "envInherit and envInheirt are one property, and differ"}
	case read.EnvInherit != nil:
		e.EnvInherit = *read.EnvInherit
	case read.EnvInheirt != nil:
		e.EnvInherit = *read.EnvInheirt
	}
	return nil
}

// Mounts are containerVolumes as a container.Spec has them.
func (e Exec) Mounts() (mounts []container.Mount, err error) {
	for _, text := range e.ContainerVolumes {
		volume, err := parseVolume(text)
		if err != nil {
			return nil, fmt.Errorf("containerVolumes: %w", err)
		}
		mounts = append(mounts, container.Mount{Path: volume.path, Host: volume.host, ReadOnly: volume.readOnly})
	}
	return mounts, nil
}

// volume is a directory of this machine's in a container.
type volume struct {
	host, path string
	readOnly   bool
}

// parseVolume reads HOST:CONTAINER[:ro|rw].
func parseVolume(text string) (volume, error) {
	parts := strings.Split(text, ":")
	v := volume{}
	if len(parts) == 3 && (parts[2] == "ro" || parts[2] == "rw") {
		v.readOnly = parts[2] == "ro"
		parts = parts[:2]
	}
	if len(parts) != 2 || !filepath.IsAbs(parts[0]) || !filepath.IsAbs(parts[1]) {
		return volume{}, fmt.Errorf("%q: want HOST:CONTAINER or HOST:CONTAINER:ro, both absolute paths", text)
	}
	v.host, v.path = parts[0], parts[1]
	return v, nil
}
