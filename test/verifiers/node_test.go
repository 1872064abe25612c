package verifiers

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// nodeModules installs what js/package-lock.json names, once per machine, and returns the directory.
func nodeModules(t *testing.T) string {
	t.Helper()
	sum := sha256.New()
	files := map[string][]byte{}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("js", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
		sum.Write(text)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(cache, "writ-test", "verifiers-js-"+hex.EncodeToString(sum.Sum(nil))[:16])
	if err := os.MkdirAll(filepath.Dir(directory), 0o700); err != nil {
		t.Fatal(err)
	}
	unlock := lock(t, directory+".lock") // one test at a time installs
	defer unlock()
	modules := filepath.Join(directory, "node_modules")
	if _, err := os.Stat(directory); err == nil {
		return modules
	}
	making := directory + ".partial"
	if err := os.RemoveAll(making); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(making, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(making, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), program.Find(t, "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = making
	if output, err := install.CombinedOutput(); err != nil {
		program.Unavailable(t, "npm cannot install test/verifiers/js: "+err.Error()+"\n"+string(output))
	}
	if err := os.Rename(making, directory); err != nil {
		t.Fatal(err)
	}
	return modules
}

// lock waits for a file's lock (flock(2)), which goes with the process.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		t.Fatal(err)
	}
	return func() { file.Close() }
}
