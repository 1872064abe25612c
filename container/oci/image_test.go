package oci_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// withLayer is busybox under a layer that make fills.
func withLayer(t *testing.T, fill func(layer string) error) *oci.Runtime {
	t.Helper()
	need(t)
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	layer := filepath.Join(t.TempDir(), "layer")
	if err := errors.Join(os.Mkdir(layer, 0o755), fill(layer)); err != nil {
		t.Fatal(err)
	}
	hostile := *image
	hostile.Layers = append(append([]string{}, image.Layers...), layer)
	r, err := oci.New(oci.Config{BaseDir: t.TempDir() + "/b", Self: self, Network: oci.Host, Own: &hostile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestHostileImages have something where the run's own things are to be.
func TestHostileImages(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.Mkdir(outside+"/writ", 0o755); err != nil {
		t.Fatal(err)
	}
	link := func(target string, names ...string) func(string) error {
		return func(layer string) error {
			path := filepath.Join(append([]string{layer}, names...)...)
			return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.Symlink(target, path))
		}
	}
	for name, fill := range map[string]func(string) error{
		"/run a link out":            link(outside, "run"),
		"/run a relative link out":   link("../../../../../../../.."+outside, "run"),
		"/run a dangling link":       link("/no/such/directory", "run"),
		"/run/writ a link out":       link(outside, "run", "writ"),
		"/run/writ a link to /etc":   link("/etc", "run", "writ"),
		"/run/writ a link to itself": link("writ", "run", "writ"),
		"/run/writ a file": func(layer string) error {
			return errors.Join(os.Mkdir(layer+"/run", 0o755), os.WriteFile(layer+"/run/writ", nil, 0o644))
		},
		"/dev a link out":       link(outside, "dev"),
		"/proc a link out":      link(outside, "proc"),
		"/tmp a link out":       link(outside, "tmp"),
		"/etc/hosts a link out": link(outside+"/hosts", "etc", "hosts"),
		"/sys a file":           func(layer string) error { return os.WriteFile(layer+"/sys", nil, 0o644) },
	} {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			r := withLayer(t, fill)
			host := t.TempDir()
			if err := os.WriteFile(host+"/token", []byte("secret"), 0o400); err != nil {
				t.Fatal(err)
			}
			var output buffer
			p, err := r.Start(t.Context(), container.Spec{
				Name: "test", Path: "sh", Args: []string{"-c", "cat /run/writ/token; echo x >/run/writ/x || echo refused; ls " + outside + " 2>/dev/null"}, Hermetic: true,
				Mounts: []container.Mount{{Path: "/run/writ", Host: host, ReadOnly: true}},
			}, container.IO{Stdout: &output})
			if err == nil {
				if _, err := p.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				// Where it started, the identity is where the contract says, whatever the image wanted.
				if !strings.HasPrefix(output.String(), "secretrefused\n") {
					t.Errorf("the task sees %q", output.String())
				}
			} else {
				t.Logf("refused: %v", err)
				if strings.Contains(err.Error(), "ptmx") {
					t.Error("the OCI runtime has got to work on it")
				}
			}
			entries, err := os.ReadDir(outside)
			if err != nil || len(entries) != 1 {
				t.Errorf("outside: %v, %v", entries, err)
			}
			if inner, _ := os.ReadDir(outside + "/writ"); len(inner) != 0 {
				t.Errorf("outside: %v", inner)
			}
		})
	}
}

// TestLinkToIdentity refuses a volume that the image's links lead over the identity.
func TestLinkToIdentity(t *testing.T) {
	t.Parallel()
	need(t)
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	linked := *image
	linked.Resolve = func(path string) (string, error) {
		if path == "/a/b/c/d" {
			return "/run/writ/token", nil
		}
		return path, nil
	}
	r, err := oci.New(oci.Config{BaseDir: t.TempDir() + "/b", Self: self, Network: oci.Host, Own: &linked})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for path, refused := range map[string]bool{"/a/b/c/d": true, "/a/b/c": false, "/run": true, "/run/writ/x": true, "/run/other": false} {
		v, err := r.Volume(t.Context(), "v")
		if err != nil {
			t.Fatal(err)
		}
		p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true, Mounts: []container.Mount{
			{Path: "/run/writ", Host: t.TempDir(), ReadOnly: true}, {Path: path, Volume: v}}}, container.IO{})
		var reason *container.MountError
		if refused != errors.As(err, &reason) {
			t.Errorf("%s: %v", path, err)
		}
		if err == nil {
			p.Wait(t.Context())
		}
	}
}

// TestFarIssuer is a server that is not on this machine's loopback, for a container without a network.
func TestFarIssuer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs an address of its own on this machine")
	}
	r := newRuntime(t, oci.Host)
	// A name that is this machine's loopback: what the container reaches under it is forwarded from here.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "for ", r.Host) })}
	go server.Serve(listener)
	defer server.Close()
	name, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	if output, err := exec.Command("getent", "ahostsv4", name).Output(); err != nil || !strings.Contains(string(output), "127.") {
		t.Skipf("%s is not on loopback", name)
	}
	url := fmt.Sprintf("http://%s:%d/", name, listener.Addr().(*net.TCPAddr).Port)
	output, status := run(t, r, container.Spec{Hermetic: true, Reach: []string{url}}, "wget -qO- "+url)
	if status != 0 || !strings.HasPrefix(output, "for "+name) {
		t.Errorf("status %d, %q", status, output)
	}
}

// TestManyProcesses has a container exhaust its processes: it alone cannot go on.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user has no cgroup")
	}
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	r, err := oci.New(oci.Config{BaseDir: t.TempDir() + "/b", Self: self, Own: image, Network: oci.Host, Processes: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := container.Spec{Hermetic: true}
	output, status := run(t, r, spec, "i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i+1)); done; echo all of them")
	if status == 0 || strings.Contains(output, "all of them") || !strings.Contains(output, "fork") {
		t.Errorf("status %d, %q; want no more than 64 processes", status, output)
	}
	if output, status := run(t, r, spec, "echo good"); status != 0 || output != "good\n" {
		t.Errorf("the next one: status %d, %q", status, output)
	}
}
