// Package program builds and runs the real systems that tests speak to: programs of the modules below test/, and
// programs of the distribution.
//
// Invariants: a program is built once per machine, whoever asks first; a process ends with its test, and with the test's
// process where that is killed; where a program cannot be had the test skips, or fails with WRIT_TEST_REQUIRE=all.
package program

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// buildTime bounds the first build, with an empty cache; later ones take the binary from the cache.
const buildTime = 25 * time.Minute

// Unavailable skips the test for want of a real component, loudly, or fails it where WRIT_TEST_REQUIRE is "all".
func Unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatalf("required by WRIT_TEST_REQUIRE=all: %s", why)
	}
	t.Skipf("SKIPPED, a real component is missing: %s", why)
}

// Find returns the path of a program of the distribution: in PATH, or where Debian has those of administrators.
func Find(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	Unavailable(t, name+" is not installed")
	return ""
}

// Build returns the path of the program that test/MODULE is, or of a package of another module that it requires. It is
// taken from the cache of the user where it is there, and built into it where not.
func Build(t testing.TB, module, pkg string) string {
	t.Helper()
	binary, err := build(module, pkg)
	if err != nil {
		Unavailable(t, module+" cannot be built: "+err.Error())
	}
	return binary
}

// build builds; one process at a time does: packages' tests run side by side.
func build(module, pkg string) (string, error) {
	source, err := sourceDir(module)
	if err != nil {
		return "", err
	}
	sum, err := digest(source, pkg)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "writ-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, module+"-"+sum)
	lock, err := os.OpenFile(filepath.Join(dir, module+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildTime)
	defer cancel()
	partial := binary + ".partial"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", partial, pkg)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s in %s: %v: %s", pkg, source, err, bytes.TrimSpace(output))
	}
	return binary, os.Rename(partial, binary)
}

// digest is short for what a binary is made of.
func digest(source, pkg string) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, runtime.Version(), runtime.GOOS, runtime.GOARCH, pkg)
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	for _, path := range append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum")) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, filepath.Base(path), len(data))
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

// sourceDir finds test/MODULE from the directory of the running test upwards.
func sourceDir(module string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, "test", module)
		if _, err := os.Stat(filepath.Join(candidate, "go.mod")); err == nil {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no test/%s above the working directory", module)
		}
		dir = parent
	}
}
