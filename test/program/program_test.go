package program

import (
	"os"
	"path/filepath"
	"testing"
)

// modules are those below test/ that are programs, the longest build first, with the package that is built.
var modules = [...]struct{ name, pkg string }{
	{"kube-apiserver", "."}, {"minio", "github.com/minio/minio"}, {"vaultdev", "."}, {"kubectl", "."}, {"vaultjwt", "."}, {"awsclient", "."}, {"hcl", "."},
}

// TestBuild builds every program, as many at a time as tests run: `make components` runs this alone, so that tests
// which need them do not wait for one another's.
func TestBuild(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"runc": true} // built by the tests of container/oci, with cgo
	for _, m := range modules {
		known[m.name] = true
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			info, err := os.Stat(Build(t, m.name, m.pkg))
			if err != nil || info.Mode().Perm()&0o100 == 0 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("..", "*", "go.mod"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no modules: %v", err)
	}
	for _, file := range files {
		if name := filepath.Base(filepath.Dir(file)); !known[name] {
			t.Errorf("test/%s is a module that nothing here builds", name)
		}
	}
}
