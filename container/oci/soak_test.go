package oci_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/containertest"
	"github.com/writ-run/writ/container/oci"
)

// soakRuns is how many runs the soak test kills; WRIT_TEST_SOAK is another number.
const soakRuns = 40

// soakBase names the base directory in the environment of a run that gets killed.
const soakBase = "WRIT_TEST_SOAK_BASE"

// TestSoak starts runs and kills each at a random moment, some with their containers' OCI runtime in the middle of its work.
// After a sweep no process, mount, cgroup, network namespace or directory of theirs is left.
func TestSoak(t *testing.T) {
	need(t)
	if base := os.Getenv(soakBase); base != "" {
		soak(t, base)
		return
	}
	if testing.Short() {
		t.Skip("short")
	}
	runs := soakRuns
	if given, err := strconv.Atoi(os.Getenv("WRIT_TEST_SOAK")); err == nil {
		runs = given
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "b")
	mark := fmt.Sprintf("SOAK_MARK=%d", rand.Uint64())
	r, err := suite.New(base, containertest.Grace)
	if err != nil {
		t.Fatal(err)
	}
	defer r.(*oci.Runtime).Close()
	seen := map[string]bool{}
	for _, name := range scratches(base) { // this test's own runtime's
		seen[name] = true
	}
	before := leftovers(t, base, mark, seen)
	for i := range runs {
		command := exec.Command(self, "-test.run", "^TestSoak$")
		command.Env = append(os.Environ(), soakBase+"="+base, mark)
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(output).ReadString('\n'); line != "begin\n" {
			t.Fatalf("the run says %q, %v", line, err)
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // the moment is what is tested
		_ = command.Process.Kill()
		_ = command.Wait()
		for _, name := range scratches(base) {
			seen[name] = true
		}
		notes, err := filepath.Glob(base + "/o-*/c*/pasta")
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range notes {
			if text, err := os.ReadFile(note); err == nil { // one that is no more was ended well
				seen[string(text)] = true
			}
		}
		if i%4 == 3 {
			if err := r.Sweep(t.Context()); err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		}
	}
	// What was in the middle of its start when its run was killed may still come into being: one sweep has it, or the next.
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err := r.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := leftovers(t, base, mark, seen)
		if after == before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left:\n%s\nwant:\n%s", after, before)
		}
	}
}

// soak starts containers until it is killed.
func soak(t *testing.T, base string) {
	self, err := staticWrit()
	if err != nil {
		fmt.Println(err)
		return
	}
	image, err := busybox()
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := oci.New(oci.Config{BaseDir: base, Self: self, Own: image}) // every other one has a network, by pasta where it works
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("begin")
	for i := range 1000 {
		v, err := r.Volume(t.Context(), "v")
		if err != nil {
			fmt.Println(err)
			return
		}
		p, err := r.Start(t.Context(), container.Spec{
			Name: "soak", Path: "sh", Args: []string{"-c", "echo x >v/x; sleep 0.0$((RANDOM % 9)); (sleep 60 &) ; test $((RANDOM % 3)) = 0 && sleep 60; true"},
			Env: []string{os.Getenv("SOAK_MARK")}, Mounts: []container.Mount{{Path: "v", Volume: v}}, Hermetic: i%2 == 0,
		}, container.IO{})
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := p.Wait(t.Context()); err != nil {
			fmt.Println(err)
		}
		v.Close()
	}
}

// leftovers lists what there is of runs in base: processes, mounts, cgroups and files.
func leftovers(t *testing.T, base, mark string, seen map[string]bool) string {
	t.Helper()
	var found []string
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, directory := range processes {
		line, _ := os.ReadFile(directory + "/cmdline")
		environment, _ := os.ReadFile(directory + "/environ")
		status, _ := os.ReadFile(directory + "/status")
		zombie := bytes.Contains(status, []byte("State:\tZ"))
		if !zombie && filepath.Base(directory) != strconv.Itoa(os.Getpid()) &&
			(bytes.Contains(line, []byte(base)) || bytes.Contains(line, []byte("writ-init")) && bytes.Contains(environment, []byte("SOAK_MARK")) || bytes.Contains(environment, []byte(mark))) {
			found = append(found, "process "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	for note := range seen { // "PID START" of a pasta, or a scratch directory
		pid, started, isPasta := strings.Cut(note, " ")
		if _, err := os.Lstat("/dev/shm/writ-" + note); err == nil && !isPasta {
			found = append(found, "state of "+note)
		}
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if isPasta && err == nil && strings.Contains(string(stat), " "+started+" ") && !strings.Contains(string(stat), ") Z ") {
			found = append(found, "pasta "+note)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, base) || strings.Contains(line, "/mnt/rootfs") {
			found = append(found, "mount "+line)
		}
	}
	cgroups, _ := filepath.Glob("/sys/fs/cgroup/*/writ/*")
	more, _ := filepath.Glob("/sys/fs/cgroup/writ/*")
	for _, cgroup := range append(cgroups, more...) {
		for scratch := range seen {
			if strings.Contains(cgroup, scratch) {
				found = append(found, "cgroup "+cgroup)
			}
		}
	}
	err = filepath.WalkDir(base, func(path string, _ fs.DirEntry, err error) error {
		found = append(found, "file "+strings.TrimPrefix(path, base))
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(found, "\n")
}

// scratches are the names of the scratch directories in base, those that there were among them.
func scratches(base string) (names []string) {
	entries, _ := os.ReadDir(base)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
