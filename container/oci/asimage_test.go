package oci_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

// TestAsImage starts what an image says, where it says.
func TestAsImage(t *testing.T) {
	t.Parallel()
	need(t)
	plain, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	image := *plain
	image.Entrypoint, image.WorkDir = []string{"sh", "-c", `echo "$(pwd):" "$0" "$@"`}, "/usr/bin"
	r := newRuntimeOf(t, &image, oci.Host)
	bare := newRuntime(t, oci.Host)
	for _, c := range []struct {
		runtime *oci.Runtime
		spec    container.Spec
		want    string
	}{
		{r, container.Spec{Path: "-s", Args: []string{"a b"}, Entrypoint: true, ImageDir: true}, "/usr/bin: -s a b"},
		{r, container.Spec{Path: "x", Entrypoint: true, ImageDir: true, Dir: "../../tmp"}, "/tmp: x"},
		{r, container.Spec{Path: "x", Entrypoint: true, ImageDir: true, Dir: "/etc"}, "/etc: x"},
		{r, container.Spec{Path: "pwd", ImageDir: true}, "/usr/bin"},
		{bare, container.Spec{Path: "pwd", ImageDir: true, Entrypoint: true}, "/"},
		{bare, container.Spec{Path: "pwd", ImageDir: true, Dir: "usr"}, "/usr"},
	} {
		var output bytes.Buffer
		p, err := c.runtime.Start(t.Context(), c.spec, container.IO{Stdout: &output, Stderr: &output})
		if err != nil {
			t.Errorf("%+v: %v", c.spec, err)
			continue
		}
		if status, err := p.Wait(t.Context()); status != 0 || err != nil || output.String() != c.want+"\n" {
			t.Errorf("%+v: status %d, %v, %q; want %q", c.spec, status, err, output.String(), c.want)
		}
	}
}

// TestHostNetwork gives one container this machine's network where the others have their own.
func TestHostNetwork(t *testing.T) {
	t.Parallel()
	network := oci.Host
	if hasPasta(t) {
		network = oci.Pasta
	}
	r := newRuntime(t, network)
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for spec, same := range map[*container.Spec]bool{{HostNetwork: true}: true, {Hermetic: true}: false, {}: network == oci.Host} {
		got, _ := run(t, r, *spec, "readlink /proc/self/ns/net")
		if (strings.TrimSpace(got) == here) != same {
			t.Errorf("%+v: network %q; this machine's is %s", *spec, got, here)
		}
	}
	if _, err := r.Start(t.Context(), container.Spec{Path: "true", HostNetwork: true, Hermetic: true}, container.IO{}); err == nil {
		t.Error("a container has this machine's network and none")
	}
}
