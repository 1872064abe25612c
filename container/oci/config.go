package oci

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// Where things are in a container.
const (
	workParent = "/tmp/build"     // as in Concourse
	initPath   = "/dev/writ-init" // /dev is the container's own
	hostsPath  = "/etc/hosts"
	resolvPath = "/etc/resolv.conf"
)

// capabilities of an unprivileged container, as other container systems give by default.
var capabilities = []string{
	"CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
	"CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
}

// masked are paths of /proc and /sys that tell of the host or reach it.
var masked = []string{
	"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/scsi",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/sys/devices/virtual/powercap",
}

var readOnly = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}

// made is a container as it is described to the OCI runtime.
type made struct {
	id        string
	spec      container.Spec
	account   Account
	env       []string
	work      string        // working directory
	stage     string        // directory of the stage
	mounts    []specs.Mount // volumes
	hosts     []specs.Mount // directories of the host's
	rootless  bool
	processes int64 // at most
	narrow    bool  // the image has programs of 32 bits
	filtered  bool  // init puts the filter of system calls in place
}

// configure writes config.json.
func (m made) configure() (*specs.Spec, error) {
	s := &specs.Spec{
		Version:  "1.0.2",
		Hostname: hostname(m.id),
		Root:     &specs.Root{Path: filepath.Join(m.stage, "rootfs")},
		Process: &specs.Process{
			User: specs.User{UID: m.account.UID, GID: m.account.GID, AdditionalGids: m.account.Groups},
			Args: append([]string{initPath, "", filepath.Join(m.work, m.spec.Dir), m.spec.Path}, m.spec.Args...),
			Env:  append(veil(m.env), oneProcessor), Cwd: "/", NoNewPrivileges: !m.spec.Privileged,
			Capabilities: m.capabilities(),
		},
		Mounts: m.allMounts(),
		Linux: &specs.Linux{
			Namespaces: m.namespaces(),
			Resources:  m.resources(),
		},
	}
	if strings.HasPrefix(m.spec.Dir, "/") {
		s.Process.Args[2] = m.spec.Dir
	}
	if m.filtered {
		s.Process.Args[1] = strconv.Itoa(filterFD)
	}
	if !m.rootless { // a user's own cgroup, where there is one, is the OCI runtime's to find
		s.Linux.CgroupsPath = "/" + cgroupParent + "/" + m.id
	}
	if !m.rootless && !m.spec.Privileged {
		ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: firstID, Size: countID}}
		s.Linux.UIDMappings, s.Linux.GIDMappings = ids, ids
	}
	if m.spec.Privileged {
		return s, nil
	}
	s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = masked, readOnly
	if m.filtered {
		return s, nil
	}
	var err error
	s.Linux.Seccomp, err = m.profile(s)
	return s, err
}

// architectures are those whose system calls the profile knows; a program of any other is killed. The second and third of a
// machine's cost 10 ms each at every start, so they are there only where an image has programs for them: those of 32 bits
// need a loader. x32 has none.
func (m made) architectures(all []specs.Arch) []specs.Arch {
	if len(all) == 0 || m.narrow {
		return slices.DeleteFunc(all, func(a specs.Arch) bool { return a == specs.ArchX32 })
	}
	return all[:1]
}

// loaders are what dynamic programs of 32 bits begin with, of the C libraries of Debian and of Alpine.
var loaders = [...]string{"lib/ld-linux.so.2", "lib/ld-musl-i386.so.1", "lib/ld-linux-armhf.so.3", "lib/ld-musl-armhf.so.1"}

// narrow tells whether an image has programs of 32 bits.
func (i *Image) narrow() bool {
	for _, layer := range i.Layers {
		for _, loader := range loaders {
			for _, path := range [...]string{loader, "usr/" + loader} {
				if _, err := os.Lstat(filepath.Join(layer, path)); err == nil {
					return true
				}
			}
		}
	}
	return false
}

func hostname(id string) string { return id[max(0, len(id)-63):] }

func (m made) capabilities() *specs.LinuxCapabilities {
	list := capabilities
	if m.spec.Privileged {
		list = allCapabilities()
	}
	c := &specs.LinuxCapabilities{Bounding: list}
	if m.account.UID == 0 {
		c.Effective, c.Permitted = list, list
	}
	return c
}

// allCapabilities are those that this process itself may give.
func allCapabilities() []string {
	var all []string
	for number, name := range capabilityNames {
		if held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0); err == nil && held == 1 {
			all = append(all, "CAP_"+name)
		}
	}
	return all
}

// capabilityNames are in the order of their numbers (capabilities(7)).
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
	NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT
	SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
	MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ`)

func (m made) namespaces() []specs.LinuxNamespace {
	all := []specs.LinuxNamespace{{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace}}
	if !m.rootless && !m.spec.Privileged {
		all = append(all, specs.LinuxNamespace{Type: specs.UserNamespace})
	}
	return all // the network is the stage's
}

func (m made) resources() *specs.LinuxResources {
	r := &specs.LinuxResources{}
	if m.spec.Privileged {
		r.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
	} else {
		r.Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	}
	if m.rootless {
		r.Devices = nil
	} else {
		limit := m.processes
		r.Pids = &specs.LinuxPids{Limit: &limit}
	}
	if shares := max(m.spec.Limits.CPU, 2); m.spec.Limits.CPU > 0 { // the kernel's least
		r.CPU = &specs.LinuxCPU{Shares: &shares}
	}
	if m.spec.Limits.Memory > 0 {
		limit := int64(m.spec.Limits.Memory)
		r.Memory = &specs.LinuxMemory{Limit: &limit, Swap: &limit}
	}
	return r
}

// allMounts are the run's, outer before inner, and over them those that must be what they say, wherever a link in a volume
// has led another: the host's directories, then the container's own.
func (m made) allMounts() []specs.Mount {
	volumes := slices.Clone(m.mounts)
	slices.SortStableFunc(volumes, func(a, b specs.Mount) int {
		return cmp.Compare(strings.Count(a.Destination, "/"), strings.Count(b.Destination, "/"))
	})
	first := []specs.Mount{
		{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "mode=1777"}},
		bind(filepath.Join(m.stage, "files/hosts"), hostsPath, "nosuid", "nodev", "noexec"),
		bind(filepath.Join(m.stage, "files/resolv.conf"), resolvPath, "nosuid", "nodev", "noexec"),
	}
	return slices.Concat(first, volumes, m.hosts, m.ownMounts())
}

// ownMounts are those that make a container one, and its init.
func (m made) ownMounts() []specs.Mount {
	pts := []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}
	if !m.rootless {
		pts = append(pts, "gid=5")
	}
	all := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: pts},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		bind(filepath.Join(m.stage, "init"), initPath, "ro", "nosuid", "nodev"),
	}
	if m.spec.Privileged && !m.rootless {
		return append(all,
			specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev"}},
			specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev"}})
	}
	return append(all, bind(filepath.Join(m.stage, "sys"), "/sys", "ro", "nosuid", "noexec", "nodev"))
}

func bind(source, destination string, options ...string) specs.Mount {
	return specs.Mount{Destination: destination, Type: "bind", Source: source, Options: append([]string{"rbind"}, options...)}
}

// environment is what the task sees, the last of a name winning: what every container has, the image's, the Spec's.
func (m made) environment(image *Image, hermetic bool) ([]string, error) {
	home := m.account.Home
	if home == "" {
		home = "/"
	}
	user := m.account.Name
	if user == "" {
		user = strconv.Itoa(int(m.account.UID))
	}
	ours := []string{"PATH=" + defaultPath, "HOME=" + home, "USER=" + user}
	if !hermetic {
		ours = append(ours, proxies(os.Getenv)...)
	}
	return container.Environment(ours, image.Env, m.spec.Env)
}

// veil hides the task's variables from init, which is a Go program and would take GODEBUG for its own. Init unveils them.
func veil(environment []string) []string {
	veiled := make([]string, len(environment))
	for i, entry := range environment {
		veiled[i] = "_" + entry
	}
	return veiled
}

// unveil is the other way; what is init's own, or the OCI runtime has added, is left out.
func unveil(environment []string) (task []string) {
	for _, entry := range environment {
		if entry, ours := strings.CutPrefix(entry, "_"); ours {
			task = append(task, entry)
		}
	}
	return task
}

// proxies are the variables that name proxies, as this process has them.
func proxies(getenv func(string) string) (found []string) {
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "ftp_proxy", "all_proxy"} {
		for _, name := range []string{name, strings.ToUpper(name)} {
			if value := getenv(name); value != "" {
				found = append(found, name+"="+value)
			}
		}
	}
	return found
}
