package sysinfo

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestRead holds the facts against what the machine's own tools say.
func TestRead(t *testing.T) {
	t.Parallel()
	i := Read()
	for _, c := range []struct {
		got     string
		program []string
	}{
		{i.KernelRelease, []string{"uname", "-r"}}, {i.KernelVersion, []string{"uname", "-v"}}, {i.Machine, []string{"uname", "-m"}},
		{i.OSID, []string{"sh", "-c", `. /etc/os-release; echo "$ID"`}}, {i.OSVersion, []string{"sh", "-c", `. /etc/os-release; echo "$VERSION"`}},
	} {
		output, err := exec.Command(c.program[0], c.program[1:]...).Output()
		if want := strings.TrimSpace(string(output)); err != nil || c.got != want {
			t.Errorf("%q, want %q (%v)", c.got, want, err)
		}
	}
	if i.CPULogical != runtime.NumCPU() || i.RuntimeArch != runtime.GOARCH || i.MemoryTotal < 64 {
		t.Errorf("%+v", i)
	}
	if name, err := os.Hostname(); err != nil || !strings.HasPrefix(name, i.Hostname) || i.FQDN == "" {
		t.Errorf("hostname %q, fqdn %q; want of %q (%v)", i.Hostname, i.FQDN, name, err)
	}
	if lo, there := i.Interfaces["lo"]; there && len(lo.IPv4) > 0 && lo.IPv4[0] != "127.0.0.1/8" {
		t.Errorf("lo: %+v", lo)
	}
	text, err := json.Marshal(i)
	if err != nil || strings.Contains(string(text), "null") {
		t.Errorf("lists that are null: %s, %v", text, err)
	}
}

func TestParseRelease(t *testing.T) {
	t.Parallel()
	got := parseRelease([]byte("# comment\nID=debian\nNAME=\"Debian GNU/Linux\"\nX='a \"b\"'\nY=\"a \\\"b\\\"\"\nbroken\nVERSION_ID=\n"))
	for name, want := range map[string]string{"ID": "debian", "NAME": "Debian GNU/Linux", "X": `a "b"`, "Y": `a "b"`, "VERSION_ID": ""} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if len(got) != 5 {
		t.Errorf("%q", got)
	}
}

func TestDefaultInterface(t *testing.T) {
	t.Parallel()
	const head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
	for want, routes := range map[string]string{
		"":     head + "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
		"eth0": head + "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
		"wan":  head + "eth0\t00000000\t0100A8C0\t0003\t0\t0\t200\t00000000\t0\t0\t0\nwan\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\ndown\t00000000\t0100A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0\n",
	} {
		if got := defaultInterface([]byte(routes)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLongName(t *testing.T) {
	t.Parallel()
	const hosts = "127.0.0.1 localhost # web.not\n\n10.0.0.1\twebby.example.com\n10.0.0.2 web web.example.com\n"
	if got := longName([]byte(hosts), "web"); got != "web.example.com" {
		t.Errorf("%q", got)
	}
	if got := longName([]byte(hosts), "db"); got != "" {
		t.Errorf("%q", got)
	}
}
