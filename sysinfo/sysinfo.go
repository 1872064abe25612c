// Package sysinfo says what machine this is: the facts that Patterns find as the var "sysinfo", under Etcha's names.
//
//	/etc/os-release, /proc, uname(2), network interfaces --Read--> Info
//
// Invariant: Read never fails and starts no process; a fact that cannot be found out is empty.
package sysinfo

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Info are the facts.
type Info struct {
	ContainerEngine   string               `json:"containerEngine"` // docker, podman or empty
	CPULogical        int                  `json:"cpuLogical"`
	DefaultInterface  string               `json:"defaultInterface"` // of the default route
	FQDN              string               `json:"fqdn"`             // the short hostname where no longer name is known
	Hostname          string               `json:"hostname"`
	Interfaces        map[string]Interface `json:"interfaces"`
	IPv4              []string             `json:"ipv4"` // with their prefix lengths, loopback left out
	IPv6              []string             `json:"ipv6"`
	KernelRelease     string               `json:"kernelRelease"`
	KernelVersion     string               `json:"kernelVersion"`
	MAC               string               `json:"mac"` // of the default interface
	Machine           string               `json:"machine"`
	MemoryTotal       int                  `json:"memoryTotal"` // MB of 10^6 bytes
	OSID              string               `json:"osID"`
	OSIDLike          string               `json:"osIDLike"`
	OSName            string               `json:"osName"`
	OSType            string               `json:"osType"`
	OSVersion         string               `json:"osVersion"`
	OSVersionCodename string               `json:"osVersionCodename"`
	OSVersionID       string               `json:"osVersionID"`
	PackageManager    string               `json:"packageManager"` // apt, dnf, ...; empty: none that is known
	RuntimeArch       string               `json:"runtimeArch"`
}

// Interface is one network interface.
type Interface struct {
	IPv4 []string `json:"ipv4"`
	IPv6 []string `json:"ipv6"`
	MAC  string   `json:"mac"`
}

// engines and managers are looked for in the PATH; the first that is there counts.
var (
	engines  = []string{"docker", "podman"}
	managers = []struct{ program, name string }{
		{"apt-get", "apt"}, {"dnf", "dnf"}, {"yum", "yum"}, {"zypper", "zypper"}, {"apk", "apk"}, {"pacman", "pacman"}, {"brew", "brew"},
	}
)

// Read finds the facts out.
func Read() Info {
	i := Info{CPULogical: runtime.NumCPU(), OSType: runtime.GOOS, RuntimeArch: runtime.GOARCH, IPv4: []string{}, IPv6: []string{}}
	i.kernel()
	i.system()
	i.memory()
	i.network()
	i.names()
	for _, name := range engines {
		if _, err := exec.LookPath(name); err == nil {
			i.ContainerEngine = name
			break
		}
	}
	for _, m := range managers {
		if _, err := exec.LookPath(m.program); err == nil {
			i.PackageManager = m.name
			break
		}
	}
	return i
}

func (i *Info) kernel() {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return
	}
	i.KernelRelease = unix.ByteSliceToString(u.Release[:])
	i.KernelVersion = unix.ByteSliceToString(u.Version[:])
	i.Machine = unix.ByteSliceToString(u.Machine[:])
}

// system reads os-release(5): the file in /etc counts, the vendor's else.
func (i *Info) system() {
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		if text, err = os.ReadFile("/usr/lib/os-release"); err != nil {
			return
		}
	}
	values := parseRelease(text)
	i.OSID, i.OSIDLike, i.OSName = values["ID"], values["ID_LIKE"], values["NAME"]
	i.OSVersion, i.OSVersionCodename, i.OSVersionID = values["VERSION"], values["VERSION_CODENAME"], values["VERSION_ID"]
}

// parseRelease reads NAME=value lines, quoted as a shell quotes them.
func parseRelease(text []byte) map[string]string {
	values := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, found := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			quote := value[0]
			value = value[1 : n-1]
			if quote == '"' {
				value = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(value)
			}
		}
		values[name] = value
	}
	return values
}

func (i *Info) memory() {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		i.MemoryTotal = int(uint64(s.Totalram) * uint64(s.Unit) / 1_000_000)
	}
}

func (i *Info) network() {
	i.Interfaces = map[string]Interface{}
	if routes, err := os.ReadFile("/proc/net/route"); err == nil {
		i.DefaultInterface = defaultInterface(routes)
	}
	all, err := net.Interfaces()
	if err != nil {
		return
	}
	for _, one := range all {
		found := Interface{IPv4: []string{}, IPv6: []string{}, MAC: one.HardwareAddr.String()}
		addresses, err := one.Addrs()
		if err != nil {
			continue
		}
		for _, address := range addresses {
			prefix, is := address.(*net.IPNet)
			if !is {
				continue
			}
			if prefix.IP.To4() != nil {
				found.IPv4 = append(found.IPv4, prefix.String())
			} else {
				found.IPv6 = append(found.IPv6, prefix.String())
			}
		}
		i.Interfaces[one.Name] = found
		if one.Flags&net.FlagLoopback == 0 {
			i.IPv4, i.IPv6 = append(i.IPv4, found.IPv4...), append(i.IPv6, found.IPv6...)
		}
		if one.Name == i.DefaultInterface {
			i.MAC = found.MAC
		}
	}
}

// defaultInterface finds in /proc/net/route (proc_pid_net(5)) the route to 0.0.0.0/0 with the least metric.
func defaultInterface(routes []byte) string {
	const up = 1
	name, least := "", 1<<31
	lines := bufio.NewScanner(bytes.NewReader(routes))
	for lines.Scan() {
		f := strings.Fields(lines.Text()) // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := hex.DecodeString(f[3])
		if err != nil || len(flags) == 0 || flags[len(flags)-1]&up == 0 {
			continue
		}
		if metric, err := strconv.Atoi(f[6]); err == nil && metric < least {
			name, least = f[0], metric
		}
	}
	return name
}

// names reads the hostname, and a longer form of it out of /etc/hosts: asking DNS could take seconds.
func (i *Info) names() {
	name, err := os.Hostname()
	if err != nil {
		return
	}
	i.FQDN = name
	i.Hostname, _, _ = strings.Cut(name, ".")
	if strings.Contains(name, ".") {
		return
	}
	if hosts, err := os.ReadFile("/etc/hosts"); err == nil {
		if long := longName(hosts, name); long != "" {
			i.FQDN = long
		}
	}
}

// longName is the first name of a line of hosts(5) that begins with the short name and a dot.
func longName(hosts []byte, short string) string {
	lines := bufio.NewScanner(bytes.NewReader(hosts))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		f := strings.Fields(line)
		for _, name := range f[min(1, len(f)):] {
			if strings.HasPrefix(name, short+".") {
				return name
			}
		}
	}
	return ""
}
