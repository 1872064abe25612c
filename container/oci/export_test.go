package oci

import (
	"encoding/json"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// BareConfig is config.json of a container as a task gets it, without what the stage makes: for the OCI runtime alone. It has a
// network namespace of its own, or that which the OCI runtime is in.
func BareConfig(root string, network bool, command ...string) ([]byte, error) {
	m := made{id: "writ-o-0-0", spec: container.Spec{Path: "true"}, work: "/tmp/build/0", stage: "/none", env: []string{"PATH=" + defaultPath}}
	s, err := m.configure()
	if err != nil {
		return nil, err
	}
	s.Root.Path, s.Process.Args, s.Process.Env, s.Linux.CgroupsPath = root, command, m.env, ""
	if network {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	s.Mounts = slices.DeleteFunc(s.Mounts, func(m specs.Mount) bool { return m.Type == "bind" })
	if network {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}})
	}
	return json.Marshal(s)
}

// RefuseMaps has a new runtime find that nothing can translate ids, as before Linux 5.12.
func RefuseMaps(r *Runtime) error {
	r.translates = func(path string) error { return &NoIDMapError{path, unix.EINVAL} }
	return r.look()
}

// FillMemory has a runtime find no room in memory any more.
func FillMemory(r *Runtime) { r.roomy = func(string) bool { return false } }
