package command

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
