package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
)

func TestMain(m *testing.M) {
	if status, played := oci.Main(os.Args); played {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// needContainers skips a test where there are none; CI demands them.
func needContainers(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("/usr/sbin/runc")
	if err == nil {
		_, err = exec.LookPath("/bin/busybox")
	}
	if err == nil {
		return
	}
	if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatal(err)
	}
	t.Skipf("no containers here: %v", err)
}

// busybox makes an image whose entrypoint is env, as that of many images starts something before what it is given.
func busybox(t *testing.T) *oci.Image {
	t.Helper()
	root := filepath.Join(t.TempDir(), "image")
	for _, directory := range []string{"bin", "etc", "tmp", "proc", "sys", "dev", "run", "root", "srv"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range [][]string{{"cp", "/bin/busybox", filepath.Join(root, "bin/busybox")}, {"/bin/busybox", "--install", "-s", filepath.Join(root, "bin")}} {
		if output, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", line, err, output)
		}
	}
	for _, link := range []string{"sh", "env", "cat", "id", "pwd", "test", "sleep", "wc"} { // they lead to the host's path
		path := filepath.Join(root, "bin", link)
		if err := errors.Join(os.RemoveAll(path), os.Symlink("busybox", path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/image"), []byte("of the image\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return &oci.Image{Layers: []string{root}, Entrypoint: []string{"/bin/env", "ENTRY=1"}, WorkDir: "/srv", Env: []string{"IMAGE=1"}}
}

// newContainers is a machine whose Commands can be in containers.
func newContainers(t *testing.T) *machine {
	t.Helper()
	needContainers(t)
	player := filepath.Join(t.TempDir(), "writ-container")
	build := exec.Command("go", "build", "-o", player, "github.com/writ-run/writ/cmd/writ-container")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	image := busybox(t)
	runtime, err := oci.New(oci.Config{BaseDir: filepath.Join(t.TempDir(), "b"), Self: player, KillGrace: time.Second, Network: oci.Host,
		Images: func(_ context.Context, name string) (*oci.Image, error) {
			if name != "busybox" {
				return nil, fmt.Errorf("no image %q", name)
			}
			return image, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	m := newMachine(t)
	m.Containers = func(_ context.Context, image, _ string) (container.Runtime, string, error) {
		return runtime, image, nil
	}
	return m
}

// TestContainers has Commands in containers and outside of them in one list.
func TestContainers(t *testing.T) {
	t.Parallel()
	m := newContainers(t)
	volume := t.TempDir()
	m.Environ = append(os.Environ(), "INHERITED=1")
	list := read(t, `[
		{"id":"image","envPrefix":"IMAGE","always":true,"exec":{"containerImage":"busybox","command":"/bin/sh -e -c","envInherit":true,"env":{"A":"b"}},
			"change":"cat /etc/image; pwd; echo $ENTRY $IMAGE $A ${INHERITED-none}"},
		{"id":"host","always":true,"change":"echo $IMAGE_CHANGE_OUT; test ! -e /etc/image"},
		{"id":"no command","always":true,"exec":{"containerImage":"busybox","containerWorkDir":"/tmp"},"change":"/bin/pwd"},
		{"id":"own entrypoint","always":true,"exec":{"containerImage":"busybox","containerEntrypoint":"/bin/sh -c"},"change":"/bin/env"},
		{"id":"state","exec":{"containerImage":"busybox","command":"/bin/sh -e -c","containerVolumes":["VOLUME:/data"]},
			"check":"test -e /data/file","change":"cat >/data/file","stdin":"from stdin","onChange":"read only"},
		{"id":"read only","exec":{"containerImage":"busybox","command":"/bin/sh -c","containerVolumes":["VOLUME:/data:ro"]},"change":"cat /data/file; echo x >/data/file || echo refused"},
		{"id":"user","always":true,"exec":{"containerImage":"busybox","command":"/bin/sh -c","containerUser":"USER","containerNetwork":"none"},"change":"id -u; cat /proc/net/route | wc -l"},
		{"id":"long","envPrefix":"LONG","check":"head -c 204800 /dev/zero | tr '\\0' x"},
		{"id":"reads it","always":true,"exec":{"containerImage":"busybox","command":"/bin/sh -e -c","containerUser":"USER"},"change":"cat $LONG_FILE | wc -c; echo $LONG_FILE"},
		{"id":"exit","exec":{"containerImage":"busybox","command":"/bin/sh -c"},"check":"exit 3"}
	]`)
	user := "1000"
	if os.Geteuid() != 0 {
		user = "0" // containers of an ordinary user have one user
	}
	for i := range list {
		if e := list[i].Exec; e != nil {
			e.ContainerUser = strings.ReplaceAll(e.ContainerUser, "USER", user)
			for j := range e.ContainerVolumes {
				e.ContainerVolumes[j] = strings.ReplaceAll(e.ContainerVolumes[j], "VOLUME", volume)
			}
		}
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"image":      "of the image\n/srv\n1 1 b none\n",
		"host":       "of the image /srv 1 1 b none\n",
		"no command": "/tmp\n",
		"state":      "",
		"read only":  "from stdin/bin/sh: can't create /data/file: Read-only file system\nrefused\n",
		"user":       user + "\n1\n",
		"reads it":   "204800\n/run/writ-values/LONG.0\n",
	}
	for _, o := range r.Outcomes {
		expected, is := want[o.ID]
		if is && (o.Change == nil || o.Change.Output.String() != expected) {
			t.Errorf("%s: %s, %+v; want %q", o.ID, o.State, o.Change, expected)
		}
	}
	if o := r.Outcomes[3]; strings.Contains(o.Change.Output.String(), "ENTRY=1") || !strings.Contains(o.Change.Output.String(), "IMAGE=1") {
		t.Errorf("%+v", o.Change)
	}
	if o := r.Outcomes[9]; o.State != command.Drifted || o.Check.Exit != 3 {
		t.Errorf("%+v", o.Check)
	}
	if data, err := os.ReadFile(filepath.Join(volume, "file")); err != nil || string(data) != "from stdin" {
		t.Errorf("the volume: %q, %v", data, err)
	}
}

// TestContainersFail says why a container cannot be had.
func TestContainersFail(t *testing.T) {
	t.Parallel()
	m := newContainers(t)
	for fields, want := range map[string]string{
		`"containerImage":"other"`:                                                        `no image "other"`,
		`"containerImage":"busybox","containerUser":"70000"`:                              `user "70000"`,
		`"containerImage":"busybox","command":"/bin/bash -c"`:                             "exit status 127",
		`"containerImage":"busybox","containerVolumes":["/etc/passwd:/x"]`:                `mount "/x": "/etc/passwd" is no absolute path of a directory`,
		`"containerImage":"busybox","containerVolumes":["/no/such:/x"]`:                   `/no/such`,
		`"containerImage":"busybox","containerEntrypoint":"/no/such","command":"/bin/sh"`: `/no/such`,
		`"containerImage":"busybox","containerWorkDir":"/no/such","command":"/bin/sh -c"`: `/no/such`,
	} {
		_, r, err := m.run(nil, read(t, `[{"id":"a","always":true,"exec":{`+fields+`},"change":"true"}]`), command.Change)
		if err == nil || !strings.Contains(err.Error(), want) || r.Outcomes[0].State != command.Failed {
			t.Errorf("%s: %v; want %q", fields, err, want)
		}
	}
}

// TestContainerNeverEnds ends a container with the run.
func TestContainerNeverEnds(t *testing.T) {
	t.Parallel()
	m := newContainers(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m.Sink = await{cancel}
	p, err := command.Diff(nil, read(t, `[{"id":"a","always":true,"exec":{"containerImage":"busybox","command":"/bin/sh -c"},"change":"trap '' TERM; echo ready; while :; do sleep 1; done"},{"id":"b","always":true,"change":"true"}]`), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Run(ctx, p); !errors.Is(err, context.Canceled) || strings.Join(states(r), ",") != "a aborted,b skipped" {
		t.Errorf("%v, %v", err, states(r))
	}
}
