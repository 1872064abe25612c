package writ_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// relyingParty is a program of somebody else's that verifies our tokens. IMPORT and USE are what it takes further.
const relyingParty = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"IMPORT
)

func main() {
	keys, err := remote.New(remote.Config{Issuer: "https://ci.example.com"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	profile := token.Profile{Issuer: "https://ci.example.com", Audience: []string{"https://registry.example.com"}}
	verified, _, err := token.Verify[token.Registered](context.Background(), os.Getenv("TOKEN"), keys, profile)USE
	fmt.Println(verified.Claims().Subject, err)
}
`

// TestLibraryIsSmall: a module that verifies our tokens gets these modules into its program and no other. Whatever comes
// on top is weight on everybody who trusts an issuer.
func TestLibraryIsSmall(t *testing.T) {
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	readSources(t)
	small := []string{"filippo.io/edwards25519", "github.com/go-json-experiment/json", "github.com/writ-run/writ", "golang.org/x/sync"}
	for name, test := range map[string]struct {
		imports, use string
		want         []string
	}{
		"token":  {"", "", small},
		"policy": {"\n\t\"github.com/writ-run/writ/policy\"", "\n\tif err == nil {\n\t\t_, _, err = policy.Allow(verified)\n\t}", append(slices.Clone(small), "github.com/expr-lang/expr")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			directory := t.TempDir()
			sums, err := os.ReadFile("go.sum")
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{
				"main.go": strings.NewReplacer("IMPORT", test.imports, "USE", test.use).Replace(relyingParty),
				"go.mod":  "module relying.example.com\n\ngo 1.26.0\n\nrequire github.com/writ-run/writ v0.0.0\n\nreplace github.com/writ-run/writ => " + root + "\n",
				"go.sum":  string(sums),
			} {
				if err := os.WriteFile(filepath.Join(directory, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := func(arguments ...string) string {
				command := exec.CommandContext(t.Context(), "go", arguments...)
				command.Dir = directory
				command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
				var problem strings.Builder
				command.Stderr = &problem
				output, err := command.Output()
				if err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, problem.String())
				}
				return string(output)
			}
			modules := map[string]bool{}
			for line := range strings.Lines(run("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
				if module := strings.TrimSpace(line); module != "" && module != "relying.example.com" {
					modules[module] = true
				}
			}
			slices.Sort(test.want)
			if got := slices.Sorted(maps.Keys(modules)); !slices.Equal(got, test.want) {
				t.Errorf("a program gets %v, want %v", got, test.want)
			}
			run("build", "-o", os.DevNull, ".")
		})
	}
}

// readSources reads the rooms of the library, so that a cached result of this test does not outlive a change of them: what
// the go command reads is not noticed.
func readSources(t *testing.T) {
	t.Helper()
	read := 0
	for _, room := range []string{"token", "key", "key/remote", "policy"} {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(room), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, err := os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			read++
		}
	}
	if read == 0 {
		t.Fatal("no sources")
	}
}
