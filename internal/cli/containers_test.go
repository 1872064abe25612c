package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/container"
)

// staticWrit makes a directory with a writ that has no libraries, as it is released: in a container there are none.
var (
	staticDirectory string
	staticWrit      = sync.OnceValues(func() (string, error) {
		directory, err := os.MkdirTemp("", "writ-static-")
		if err == nil {
			err = os.Chmod(directory, 0o755)
		}
		if err != nil {
			return "", err
		}
		command := exec.Command("go", "build", "-o", filepath.Join(directory, "writ"), "github.com/writ-run/writ/cmd/writ")
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		command.Stderr = os.Stderr
		staticDirectory = directory
		return directory, command.Run()
	})
)

// needContainers skips a test where there is no runc; CI demands it.
func needContainers(t *testing.T) (binaries string) {
	t.Helper()
	if _, err := exec.LookPath("/usr/sbin/runc"); err != nil {
		if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skipf("no containers here: %v", err)
	}
	binaries, err := staticWrit()
	if err != nil {
		t.Fatal(err)
	}
	return binaries
}

// nobody is the ordinary user of these tests.
const nobody = 65534

// asNobody makes a directory with a writ that runs the other one as an ordinary user.
func asNobody(t *testing.T, binaries string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this is an ordinary user")
	}
	directory := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid=%d --regid=%d --clear-groups '%s/writ' \"$@\"\n", nobody, nobody, binaries)
	if err := container.WriteExecutable(filepath.Join(directory, "writ"), []byte(script)); err != nil {
		t.Fatal(err)
	}
	return directory
}

// give gives a directory with all that is in it to the ordinary user, who can reach it.
func give(directory string) error {
	for parent := filepath.Dir(directory); parent != "/" && parent != os.TempDir(); parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err == nil && info.Mode().Perm()&0o011 != 0o011 {
			err = os.Chmod(parent, info.Mode().Perm()|0o011)
		}
		if err != nil {
			return err
		}
	}
	return filepath.WalkDir(directory, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	})
}

// inContainers has a script's writ run tasks in containers.
func inContainers(env *testscript.Env, binaries string) {
	env.Setenv("PATH", binaries+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("WRIT_CONTAINER_RUNTIME", "oci")
	env.Setenv("TMPDIR", "/tmp") // the path of a socket is short
}

// TestContainerScripts runs testdata/containers/CASE.txtar with real containers, as this user and as an ordinary one.
func TestContainerScripts(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	for _, ordinary := range []bool{false, true} {
		name := "as " + map[bool]string{false: "this user", true: "nobody"}[ordinary]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			use := binaries
			if ordinary {
				use = asNobody(t, binaries)
			}
			testscript.Run(t, testscript.Params{
				Dir:                filepath.Join("testdata", "containers"),
				UpdateScripts:      os.Getenv("WRIT_UPDATE_GOLDEN") != "",
				RequireUniqueNames: true,
				Setup: func(env *testscript.Env) error {
					err := setup(env)
					inContainers(env, use)
					if ordinary {
						err = errors.Join(err, give(env.WorkDir))
					}
					return err
				},
				Cmds: commands(),
				Condition: func(condition string) (bool, error) {
					return condition == "root" && os.Geteuid() == 0 && !ordinary, nil
				},
			})
		})
	}
}

// mountOverlay mounts a file system that cannot translate ids.
func mountOverlay(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounts an overlay")
	}
	directory, err := os.MkdirTemp("", "writ-fs-") // a short path, for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	for _, inner := range []string{"l", "u", "w", "m"} {
		if err := os.Mkdir(filepath.Join(directory, inner), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(directory, "m")
	if err := syscall.Mount("overlay", merged, "overlay", 0, fmt.Sprintf("lowerdir=%[1]s/l,upperdir=%[1]s/u,workdir=%[1]s/w", directory)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(merged, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return merged
}

// TestContainersOnOverlay runs the same scripts with a TMPDIR whose file system cannot translate ids: what a writ within a
// container has.
func TestContainersOnOverlay(t *testing.T) {
	binaries := needContainers(t)
	merged := mountOverlay(t)
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "containers"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			err := setup(env)
			inContainers(env, binaries)
			env.Setenv("TMPDIR", merged)
			return err
		},
		Cmds:      commands(),
		Condition: func(condition string) (bool, error) { return condition == "root", nil },
	})
}

// TestDemoInContainers runs the README's demo with a writ that may not fall back to processes.
func TestDemoInContainers(t *testing.T) {
	t.Parallel()
	binaries := needContainers(t)
	command := exec.CommandContext(t.Context(), "sh", filepath.Join("..", "..", "examples", "identity", "demo.sh"))
	command.Env = append(os.Environ(), "PATH="+binaries+":"+os.Getenv("PATH"), "WRIT_DEMO_RUNTIME=oci", "HOME="+t.TempDir())
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "Done: minted, delivered, verified, refused, ended") {
		t.Errorf("%v\n%s", err, output)
	}
}
