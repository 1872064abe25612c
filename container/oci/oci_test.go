package oci_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/internal/scratch"
)

var suite = containertest.Suite{ReadOnly: true, Links: func() bool { return os.Geteuid() == 0 }, New: func(base string, grace time.Duration) (container.Runtime, error) {
	self, err := staticWrit()
	if err != nil {
		return nil, err
	}
	image, err := busybox()
	if err != nil {
		return nil, err
	}
	return oci.New(oci.Config{BaseDir: base, Self: self, Own: image, KillGrace: grace, Network: oci.Host})
}}

func TestMain(m *testing.M) {
	if status, played := oci.Main(os.Args); played {
		os.Exit(status)
	}
	os.Exit(testMain(m))
}

// shared names, in the environment, the directory with what all processes of these tests use.
const shared = "WRIT_TEST_SHARED"

func testMain(m *testing.M) int {
	if os.Getenv(shared) == "" {
		directory, err := os.MkdirTemp("", "writ-oci-")
		if err == nil {
			err = os.Chmod(directory, 0o755)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		os.Setenv(shared, directory)
		defer scratch.RemoveAll(directory)
	}
	return containertest.Main(m, suite)
}

func TestRuntime(t *testing.T) {
	need(t)
	containertest.Run(t, suite)
}

// TestNothingWritten has a container whose task writes nothing write nothing to disk: what it has mounted has its places already.
func TestNothingWritten(t *testing.T) {
	need(t)
	base := filepath.Join(t.TempDir(), "b")
	r, err := suite.New(base, containertest.Grace)
	if err != nil {
		t.Fatal(err)
	}
	defer r.(*oci.Runtime).Close()
	host := t.TempDir()
	if err := os.Chmod(host, 0o755); err != nil {
		t.Fatal(err)
	}
	mounts := []container.Mount{{Path: "/run/there", Host: host, ReadOnly: true}, {Path: "here", Host: host, ReadOnly: true}}
	stdin, end := io.Pipe()
	var output strings.Builder
	p, err := r.Start(t.Context(), container.Spec{
		Name: "test", Path: "sh", Args: []string{"-c", "stat -c '%n %a %u %F' /etc /etc/hosts /etc/resolv.conf /run /run/there; cat"}, Mounts: mounts, Hermetic: true,
	}, container.IO{Stdin: stdin, Stdout: &output})
	if err != nil {
		t.Fatal(err)
	}
	uppers, err := filepath.Glob(filepath.Join(base, "o-*", "c*", "upper"))
	if err != nil || len(uppers) > 1 { // none where no overlay can write to the file system
		t.Errorf("root file systems: %q, %v", uppers, err)
	}
	for _, upper := range uppers {
		if entries, err := os.ReadDir(upper); len(entries) > 0 || err != nil {
			t.Errorf("written: %v, %v", entries, err)
		}
	}
	end.Close()
	if status, err := p.Wait(t.Context()); status != 0 || err != nil {
		t.Errorf("status %d, %v", status, err)
	}
	want := "/etc 755 0 directory\n/etc/hosts 644 0 regular file\n/etc/resolv.conf 644 0 regular empty file\n/run 755 0 directory\n/run/there 755 0 directory\n"
	if output.String() != want {
		t.Errorf("seen:\n%s\nwant:\n%s", output.String(), want)
	}
	if left, err := filepath.Glob(filepath.Join(base, "o-*", "c*")); len(left) > 0 || err != nil {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestOrdinaryUser runs the whole of this package's tests again as one.
func TestOrdinaryUser(t *testing.T) {
	need(t)
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user")
	}
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
	home, err := os.MkdirTemp("", "writ-user-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { scratch.RemoveAll(home) })
	const nobody = 65534
	for name, from := range map[string]string{"writ": self, "oci.test": own} {
		data, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(home, name), data, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if output, err := exec.Command("cp", "-a", filepath.Join(os.Getenv(shared), "image"), home).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if output, err := exec.Command("chown", "-hR", "nobody:nogroup", filepath.Join(home, "image")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output) // an ordinary user unpacks an image as its own
	}
	for path, mode := range map[string]os.FileMode{home: 0o755, filepath.Join(home, "tmp"): 0o700} {
		if err := errors.Join(os.MkdirAll(path, mode), os.Chmod(path, mode), os.Chown(path, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(filepath.Join(home, "oci.test"), "-test.parallel", "4")
	command.Dir = home
	command.Env = []string{"HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"), "PATH=/usr/bin:/bin", shared + "=" + home, "WRIT_TEST_REQUIRE=" + os.Getenv("WRIT_TEST_REQUIRE")}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// need skips a test where containers cannot be had; CI demands them.
func need(t *testing.T) {
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

// staticWrit builds the binary that plays stage and init: a test binary needs the libraries of this machine.
var staticWrit = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv(shared), "writ")
	if _, err := os.Stat(path); err == nil { // another process of these tests has built it
		return path, nil
	}
	command := exec.Command("go", "build", "-o", path, "github.com/writ-run/writ/cmd/writ-container")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return "", &buildError{string(output), err}
	}
	return path, nil
})

type buildError struct {
	output string
	error
}

func (e *buildError) Error() string { return e.error.Error() + "\n" + e.output }

// busybox is an image of Debian's static one.
var busybox = sync.OnceValues(func() (*oci.Image, error) {
	root := filepath.Join(os.Getenv(shared), "image")
	image := &oci.Image{Layers: []string{root}}
	if _, err := os.Stat(root); err == nil {
		return image, nil
	}
	for _, directory := range []string{"bin", "etc", "tmp", "proc", "sys", "dev", "run", "root", "usr/bin"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			return nil, err
		}
	}
	if output, err := exec.Command("cp", "/bin/busybox", filepath.Join(root, "usr/bin/busybox")).CombinedOutput(); err != nil {
		return nil, &buildError{string(output), err}
	}
	if err := os.Symlink("../usr/bin/busybox", filepath.Join(root, "bin/busybox")); err != nil {
		return nil, err
	}
	if output, err := exec.Command("/bin/busybox", "--install", "-s", filepath.Join(root, "bin")).CombinedOutput(); err != nil {
		return nil, &buildError{string(output), err}
	}
	return image, nil
})
