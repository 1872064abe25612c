package oci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/internal/scratch"
)

// needMounts skips a test that mounts file systems.
func needMounts(t *testing.T) {
	t.Helper()
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("mounts")
	}
}

// unableFileSystems are real ones that cannot translate ids. An overlay is what the file system of a container is itself;
// neither can be what an overlay writes to.
var unableFileSystems = map[string]func(directory string) (kind, options string){
	"overlay": func(directory string) (string, string) {
		return "overlay", fmt.Sprintf("lowerdir=%[1]s/l,upperdir=%[1]s/u,workdir=%[1]s/w", directory)
	},
	"ramfs": func(string) (string, string) { return "ramfs", "" },
}

// mountUnable mounts one of them.
func mountUnable(t *testing.T, name string) string {
	t.Helper()
	needMounts(t)
	directory, err := os.MkdirTemp("", "writ-fs-") // a short path, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scratch.RemoveAll(directory) })
	for _, inner := range []string{"l", "u", "w", "m"} {
		if err := os.Mkdir(filepath.Join(directory, inner), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kind, options := unableFileSystems[name](directory)
	merged := filepath.Join(directory, "m")
	if err := errors.Join(os.Chmod(directory, 0o755), syscall.Mount(kind, merged, kind, 0, options)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(merged, syscall.MNT_DETACH); err != nil { // a process that another test is starting may look at it
			t.Error(err)
		}
	})
	return merged
}

// ownFileSystems are the tests that bring their own, or run others.
const ownFileSystems = "^Test(WithoutIDMaps|BeforeIDMaps|ImageCopies|ShiftedVolumes|Mirror|FullDisk|NewerRuntime|Soak)$"

// TestWithoutIDMaps runs this package's tests again on file systems that cannot translate ids: what they state holds there.
func TestWithoutIDMaps(t *testing.T) {
	needMounts(t)
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := busybox(); err != nil {
		t.Fatal(err)
	}
	for name := range unableFileSystems {
		t.Run(name, func(t *testing.T) {
			home := mountUnable(t, name)
			if output, err := exec.Command("cp", "-a", self, filepath.Join(os.Getenv(shared), "image"), home).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, output)
			}
			if err := os.Mkdir(filepath.Join(home, "tmp"), 0o755); err != nil {
				t.Fatal(err)
			}
			command := exec.Command(own, "-test.parallel", "4", "-test.skip", ownFileSystems)
			command.Env = append(os.Environ(), "TMPDIR="+filepath.Join(home, "tmp"), shared+"="+home)
			if output, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, output)
			}
		})
	}
}

// TestBeforeIDMaps runs the suite as on a kernel that knows no idmapped mounts, where overlays can be had.
func TestBeforeIDMaps(t *testing.T) {
	needMounts(t)
	old := suite
	old.New = func(base string, grace time.Duration) (container.Runtime, error) {
		r, err := suite.New(base, grace)
		if err != nil {
			return nil, err
		}
		return r, oci.RefuseMaps(r.(*oci.Runtime))
	}
	containertest.Run(t, old)
}

// newUnable is a runtime on a file system that cannot translate ids, as its image is.
func newUnable(t *testing.T, base string, image *oci.Image, log *bytes.Buffer) *oci.Runtime {
	t.Helper()
	self, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	r, err := oci.New(oci.Config{BaseDir: base, Self: self, Own: image, KillGrace: time.Second, Network: oci.Host, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// imageIn is a copy of busybox with a layer above it that hides a file and has one of another user.
func imageIn(t *testing.T, directory string) *oci.Image {
	t.Helper()
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	lower, upper := filepath.Join(directory, "lower"), filepath.Join(directory, "upper")
	if output, err := exec.Command("cp", "-a", image.Layers[0], lower).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	err = errors.Join(os.WriteFile(lower+"/hidden", nil, 0o644), os.Mkdir(upper, 0o755), os.WriteFile(upper+"/theirs", []byte("theirs"), 0o600),
		os.Chown(upper+"/theirs", 1000, 7), syscall.Chmod(upper+"/theirs", 0o4755), syscall.Mknod(upper+"/hidden", syscall.S_IFCHR, 0))
	if err != nil {
		t.Fatal(err)
	}
	return &oci.Image{Layers: []string{lower, upper}}
}

// TestImageCopies (on ramfs: an overlay takes no whiteout) has an image copied once for many runs, and anew when it is damaged; it goes with its layers.
func TestImageCopies(t *testing.T) {
	t.Parallel()
	home := mountUnable(t, "ramfs")
	image := imageIn(t, home)
	base := home + "/base"
	var log bytes.Buffer
	r := newUnable(t, base, image, &log)
	if notice := r.Notices()[0]; !strings.Contains(notice, base+`" cannot translate`) || !strings.Contains(notice, "in memory") || strings.Contains(notice, "\n") {
		t.Errorf("notice %q", notice)
	}
	look := func(r *oci.Runtime, privileged bool) {
		t.Helper()
		output, status := run(t, r, container.Spec{Hermetic: true, Privileged: privileged}, "stat -c '%u:%g %a' /theirs; stat -c '%u:%g' / /bin/busybox; ls /hidden; rm -rf /etc && mkdir /etc && echo >/etc/new && ls /etc")
		if want := "1000:7 4755\n0:0\n0:0\nls: /hidden: No such file or directory\n"; status != 1 && !strings.HasPrefix(output, want) {
			t.Errorf("privileged %v: status %d, %q", privileged, status, output)
		}
	}
	copies := func() []string {
		t.Helper()
		found, err := filepath.Glob(base + "/k-*")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	look(r, true)
	if len(copies()) != 0 || log.Len() != 0 {
		t.Errorf("for a privileged container: %v, log %q", copies(), log.String())
	}
	look(r, false)
	look(r, false)
	if len(copies()) != 1 || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), image.Layers[0]) {
		t.Errorf("copies %v; log %q", copies(), log.String())
	}
	log.Reset()
	next := newUnable(t, base, image, &log)
	look(next, false)
	if log.Len() != 0 {
		t.Errorf("it was there, and the log says %q", log.String())
	}

	// Damaged, but still in use: refused. Then made anew.
	if err := errors.Join(r.Close(), os.Remove(copies()[0]+"/fs/theirs")); err != nil {
		t.Fatal(err)
	}
	third := newUnable(t, base, image, &log)
	_, err := third.Start(t.Context(), container.Spec{Name: "test", Path: "true", Hermetic: true}, container.IO{})
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged image in use: %v", err)
	}
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	look(third, false)

	// The layers go: the copy stays while it is in use.
	if err := scratch.RemoveAll(image.Layers[1]); err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{1, 0} {
		if err := third.Sweep(t.Context()); err != nil || len(copies()) != left {
			t.Errorf("copies %v, %v; want %d", copies(), err, left)
		}
		if left == 1 {
			if err := third.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestShiftedVolumes come back with the ids that the container saw, whoever had them.
func TestShiftedVolumes(t *testing.T) {
	t.Parallel()
	home := mountUnable(t, "overlay")
	image, err := busybox()
	if err != nil {
		t.Fatal(err)
	}
	r := newUnable(t, home+"/base", image, &bytes.Buffer{})
	v, err := r.Volume(t.Context(), "v")
	if err != nil {
		t.Fatal(err)
	}
	const far = 100500 // on this machine the id of a container's user 500
	owners := map[string]int{"root": 0, "one": 1000, "last": 65535, "far": far}
	for name, id := range owners {
		if err := errors.Join(os.WriteFile(v.Path()+"/"+name, nil, 0o644), os.Chown(v.Path()+"/"+name, id, id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Link(v.Path()+"/one", v.Path()+"/same"), syscall.Chmod(v.Path()+"/root", 0o6755), os.Symlink("/etc/passwd", v.Path()+"/link")); err != nil {
		t.Fatal(err)
	}
	for _, privileged := range []bool{false, true, false} {
		want := "0 1000 65535 1000 65534 0"
		if privileged {
			want = "0 1000 65535 1000 100500 0"
		}
		output, status := run(t, r, container.Spec{Hermetic: true, Privileged: privileged, Mounts: []container.Mount{{Path: "v", Volume: v}}},
			"cd v; stat -c %u root one last same far link | tr '\\n' ' '; stat -c %a root; echo >new; chown 33:44 new")
		if status != 0 || output != want+" 6755\n" {
			t.Errorf("privileged %v: status %d, %q; want %s", privileged, status, output, want)
		}
	}
	files, err := v.Files(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	owners["same"], owners["new"] = 1000, 33
	for name, id := range owners {
		info, err := os.Lstat(files + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != id {
			t.Errorf("%s belongs to %d; want %d", name, uid, id)
		}
	}
	if info, err := os.Stat(files + "/root"); err != nil || info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != fs.ModeSetuid|fs.ModeSetgid {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Stat("/etc/passwd"); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Error("a link was followed")
	}

	// Deeper than what is gone through: named, and removed all the same.
	if output, status := run(t, r, container.Spec{Hermetic: true, Mounts: []container.Mount{{Path: "v", Volume: v}}}, "cd v; i=0; while [ $i -lt 250 ]; do mkdir d; cd d; i=$((i+1)); done"); status != 0 {
		t.Fatalf("status %d, %q", status, output)
	}
	for range 2 {
		if _, err := v.Files(t.Context()); err == nil || !strings.Contains(err.Error(), "200 directories") {
			t.Errorf("a deep tree: %v", err)
		}
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(files); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

// TestMirror has a container see a file that is replaced, and a socket, of a directory that belongs to somebody else.
func TestMirror(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"root", "1234"} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			home := mountUnable(t, "overlay")
			image, err := busybox()
			if err != nil {
				t.Fatal(err)
			}
			r := newUnable(t, home+"/base", image, &bytes.Buffer{})
			host := home + "/host"
			if err := errors.Join(os.Mkdir(host, 0o700), os.WriteFile(host+"/token", []byte("first\n"), 0o400), os.WriteFile(host+"/gone", nil, 0o400)); err != nil {
				t.Fatal(err)
			}
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: host + "/api.sock"})
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			if err := os.Chmod(host+"/api.sock", 0o600); err != nil {
				t.Fatal(err)
			}
			script := `set -e; cd /run/writ; cat token; test -O token; test -O api.sock; test -w api.sock; 
				for try in 'touch x' 'rm -f api.sock' 'chmod 777 api.sock' 'touch api.sock' 'chmod 600 token'; do if $try 2>/dev/null; then echo "could $try"; fi; done
				echo ready; until grep -q second token; do :; done; while test -e gone; do :; done; cat token; ls -A; stat -c %a token`
			var output buffer
			output.saw = func() {
				err := errors.Join(os.WriteFile(host+"/.token", []byte("second\n"), 0o400), os.Rename(host+"/.token", host+"/token"), os.Remove(host+"/gone"))
				if err != nil {
					t.Error(err)
				}
			}
			p, err := r.Start(t.Context(), container.Spec{Name: "test", Path: "sh", Args: []string{"-c", script}, User: user, Hermetic: true,
				Mounts: []container.Mount{{Path: "/run/writ", Host: host, ReadOnly: true}}}, container.IO{Stdout: &output, Stderr: &output})
			if err != nil {
				t.Fatal(err)
			}
			status, err := p.Wait(t.Context())
			if want := "first\nready\nsecond\napi.sock\ntoken\n400\n"; status != 0 || err != nil || output.String() != want {
				t.Errorf("status %d, %v, %q; want %q", status, err, output.String(), want)
			}

			// One that it could write to cannot be followed.
			_, err = r.Start(t.Context(), container.Spec{Name: "test", Path: "true", Mounts: []container.Mount{{Path: "/w", Host: host}}}, container.IO{})
			var reason *oci.NoIDMapError
			if !errors.As(err, &reason) || !strings.Contains(err.Error(), host) || !strings.Contains(reason.Hint(), "TMPDIR") {
				t.Errorf("a directory to write to: %v", err)
			}
		})
	}
}
