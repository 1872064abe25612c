package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/debiantest"
)

// tryPatterns has a writ that is fit for containers try Patterns, and returns what it prints and its exit status.
func tryPatterns(t *testing.T, binaries string, arguments ...string) (output string, status int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), filepath.Join(binaries, "writ"), append([]string{"test"}, arguments...)...)
	command.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TMPDIR=/tmp"}
	text, err := command.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}

// TestDebianPatterns tries Commands for a real distribution in a container of it: as root, as another user, with apt.
func TestDebianPatterns(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	image := debiantest.Image(t)
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "debian.jsonnet"), []byte(debianPattern), 0o600); err != nil {
		t.Fatal(err)
	}
	output, status := tryPatterns(t, binaries, directory, "--image", image, "-v", "-b")
	for _, want := range []string{
		"debian.jsonnet: passed: 4 tested, 1 not tested, ", "/who | daemon daemon\n", "/machine | debian 12 apt\n", "Removing writ-hello (1.0)",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("no %q", want)
		}
	}
	if status != 0 || t.Failed() {
		t.Errorf("status %d\n%s", status, output)
	}
}

const debianPattern = `
local machine = std.native('getConfig')().vars.sysinfo;
{
  build: [
    { id: 'machine', check: 'test -e /built', change: 'echo %s %s %s; touch /built' % [machine.osID, machine.osVersionID, machine.packageManager], remove: 'rm /built' },
  ],
  run: [
    {
      id: 'package',
      check: 'dpkg -s writ-hello',
      change: |||
        mkdir -p /tmp/hello/DEBIAN
        printf 'Package: writ-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody\nDescription: hello\n' >/tmp/hello/DEBIAN/control
        dpkg-deb --build /tmp/hello /tmp/hello.deb
        apt-get install -y /tmp/hello.deb
      |||,
      remove: 'apt-get purge -y writ-hello',
    },
    { id: 'user', check: 'getent passwd writ-hello', change: 'useradd --create-home writ-hello', remove: 'userdel --remove writ-hello' },
    { id: 'mode', check: 'test "$(stat -c %U:%a /home/writ-hello/f)" = writ-hello:640', change: 'install -o writ-hello -m 640 /dev/null /home/writ-hello/f', remove: 'rm /home/writ-hello/f' },
    { id: 'who', always: true, change: 'echo $(id -un) $(id -gn)', exec: { command: '/bin/sh -c', user: 'daemon', envInherit: true } },
  ],
}
`

// TestLibraryPatterns tries those test Patterns of the library that need no network and no other program.
func TestLibraryPatterns(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	image := debiantest.Image(t)
	arguments := []string{"--image", image}
	for _, name := range []string{"copy", "dir", "file", "group", "line", "link", "user"} {
		arguments = append(arguments, filepath.Join("..", "..", "library", "testdata", name+".jsonnet"))
	}
	if output, status := tryPatterns(t, binaries, arguments...); status != 0 || !strings.Contains(output, "Patterns: 7 passed; ") {
		t.Errorf("status %d\n%s", status, output)
	}
}

// TestTestingGuide runs every command of docs/testing.md, as its reader would.
func TestTestingGuide(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "testing.md"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", shellBlocks(string(text)))
	script.Dir = directory
	script.Env = []string{"HOME=" + directory, "PATH=" + binaries + ":" + os.Getenv("PATH"), "TMPDIR=/tmp"}
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, want := range []string{"1 file, 3 scripts, 0 findings\n", "patterns/motd.jsonnet: passed: 1 tested, "} {
		if !strings.Contains(string(output), want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
}

// TestIsSystem keeps directories out of a container that it cannot be without.
func TestIsSystem(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/": true, "/etc": true, "/etc/writ": false, "/usr": true, "/usr/lib": true, "/usr/local": true, "/usr/local/bin": true, "/usr/local/etc/patterns": false,
		"/usr/share/patterns": false, "/home": true, "/home/me": false, "/root": true, "/root/p": false, "/tmp": true, "/tmp/p": false, "/dev/shm/p": true,
		"/proc/self/cwd": true, "/srv": false, "/patterns": false, "/lib64/x": true, "/var": true, "/var/lib/p": false,
	} {
		if got := isSystem(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}
