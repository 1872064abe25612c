// Package debiantest has Debian's base system for tests: as an image, and as a machine whose files a test may change.
//
// Invariants: the system is made once per machine, whoever asks first, and no test changes it; a machine ends with its
// test, and what it has mounted is gone with each process.
package debiantest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// Image returns a directory with the system as an image: rootfs and metadata.json. It needs root and debootstrap.
func Image(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("debootstrap needs root")
	}
	return cached(t, "debian-bookworm", func(making string) error {
		return bootstrap(t, program.Find(t, "debootstrap"), making)
	})
}

// cached returns a directory of the cache. Where it is not there, it is made beside its place, which it gets when it is
// whole.
func cached(t testing.TB, name string, fill func(making string) error) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	directory := filepath.Join(cache, "writ-test", name)
	if err := os.MkdirAll(filepath.Dir(directory), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile(directory+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil { // packages' tests run side by side
		t.Fatal(err)
	}
	if _, err := os.Stat(directory); err == nil {
		return directory
	}
	making := directory + ".partial"
	defer os.RemoveAll(making)
	err = errors.Join(os.RemoveAll(making), os.Mkdir(making, 0o700))
	if err == nil {
		err = fill(making)
	}
	if err == nil {
		err = os.Rename(making, directory)
	}
	if err != nil {
		program.Unavailable(t, err.Error())
	}
	return directory
}

func bootstrap(t testing.TB, debootstrap, making string) error {
	if output, err := exec.CommandContext(t.Context(), debootstrap, "--variant=minbase", "bookworm", filepath.Join(making, "rootfs")).CombinedOutput(); err != nil {
		return fmt.Errorf("debootstrap: %w\n%s", err, output[max(0, len(output)-2000):])
	}
	devices, err := filepath.Glob(filepath.Join(making, "rootfs/dev/*"))
	if err != nil {
		return err
	}
	for _, device := range devices { // an image has none
		if err := os.RemoveAll(device); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(making, "metadata.json"), []byte(`{"env":["FROM_METADATA=yes"],"user":"root"}`), 0o600)
}

// Machine is a Debian whose changes are kept for one test. It shares the network of the real one.
type Machine struct{ script []string }

// New returns a machine as debootstrap has made it, with files (or directories; path there to path here), and with packages
// of the distribution, which are installed once for all tests.
func New(t testing.TB, files map[string]string, packages ...string) *Machine {
	t.Helper()
	lower := filepath.Join(Image(t), "rootfs")
	if len(packages) > 0 {
		layer := cached(t, "debian-bookworm+"+strings.Join(packages, "+"), func(making string) error {
			m, err := over(lower, making)
			if err != nil {
				return err
			}
			install := "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends \"$@\" && apt-get clean && rm -rf /var/lib/apt/lists/*"
			if output, status := m.Run(t, "", append([]string{"sh", "-ec", install, "install"}, packages...)...); status != 0 {
				return fmt.Errorf("apt-get: exit status %d\n%s", status, output[max(0, len(output)-2000):])
			}
			return nil
		})
		lower = filepath.Join(layer, "upper") + ":" + lower
	}
	changes := t.TempDir()
	m, err := over(lower, changes)
	if err != nil {
		t.Fatal(err)
	}
	for there, here := range files {
		target := filepath.Join(changes, "upper", there)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if output, err := exec.CommandContext(t.Context(), "cp", "-r", here, target).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
	}
	return m
}

// over returns a machine of lower directories whose changes are below a directory, in upper.
func over(lower, changes string) (*Machine, error) {
	for _, inner := range []string{"upper", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(changes, inner), 0o755); err != nil {
			return nil, err
		}
	}
	mounts := fmt.Sprintf(`set -e
mount -t overlay overlay -o lowerdir='%s',upperdir='%s/upper',workdir='%[2]s/work' '%[2]s/root'
cd '%[2]s/root'
mount -t tmpfs tmpfs dev -o mode=0755
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%%:*}" "dev/${stream#*:}"; done
mount -t proc proc proc
cp /etc/resolv.conf /etc/hosts etc/ 2>/dev/null || true
exec chroot . /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"`, lower, changes)
	return &Machine{[]string{"--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, "machine"}}, nil
}

// Run runs a program there, and returns what it printed on both streams and its exit status.
func (m *Machine) Run(t testing.TB, stdin string, argv ...string) (output string, status int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "unshare", append(m.script, argv...)...)
	command.Stdin = strings.NewReader(stdin)
	var printed bytes.Buffer
	command.Stdout, command.Stderr = &printed, &printed
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return printed.String(), command.ProcessState.ExitCode()
}
