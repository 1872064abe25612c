package verifiers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/badtokens"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/program"
)

// The names that the page has for the issuer; everything else on it is as the tests have it.
const pageIssuer = "https://ci.example.com"

// blocks are the page's fenced blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	inside := false
	for line := range strings.Lines(string(text)) {
		switch {
		case inside && strings.HasPrefix(line, "```"):
			inside = false
		case inside:
			found[len(found)-1] += line
		case strings.TrimSpace(line) == "```"+language:
			inside = true
			found = append(found, "")
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no block of %s", page, language)
	}
	return found
}

// What the page leaves out: tokens from standard input, one a line, and the verdict in the form that the libraries' programs
// have.
const (
	goMain = `package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

func main() {
	KEYS
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if claims, err := verify(context.Background(), keys, lines.Text()); err != nil {
			fmt.Println("refused", err)
		} else {
			fmt.Println("accepted", claims.Subject)
		}
	}
}

VERIFY`
	pythonMain = `
import sys
for line in sys.stdin:
    try:
        print("accepted", verify(line.strip())["sub"])
    except (jwt.PyJWTError, PermissionError) as e:
        print("refused", type(e).__name__, e)
`
	jsMain = `
import { createInterface } from 'node:readline'
for await (const line of createInterface({ input: process.stdin })) {
  await verify(line).then((claims) => console.log('accepted', claims.sub), (e) => console.log('refused', e.code))
}
`
)

// TestVerifiersOfThePage runs the verifiers that docs/verify.md shows, as they stand there: each accepts the good token
// and refuses the eleven bad ones.
func TestVerifiersOfThePage(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	good := issuer.Mint(t, audience, key.RS256)
	bad := badtokens.Make(t, good, issuer.Key(t, key.RS256))
	for language, make := range map[string]func(t *testing.T, blocks []string) []string{"go": goPage, "python": pythonPage, "js": jsPage} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			shown := blocks(t, language)
			for i := range shown {
				shown[i] = strings.ReplaceAll(shown[i], pageIssuer, issuer.URL)
			}
			command := make(t, shown)
			run := exec.CommandContext(t.Context(), command[0], command[1:]...)
			lines := good + "\n"
			for _, token := range bad {
				lines += token.Raw + "\n"
			}
			run.Stdin = strings.NewReader(lines)
			output, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			said := strings.Split(strings.TrimSpace(string(output)), "\n")
			if len(said) != 1+len(bad) || said[0] != "accepted "+subject {
				t.Fatalf("said\n%s", output)
			}
			for i, token := range bad {
				if !strings.HasPrefix(said[1+i], "refused ") {
					t.Errorf("%s: %s", token.Name, said[1+i])
				}
			}
		})
	}
}

func goPage(t *testing.T, shown []string) []string {
	directory := t.TempDir()
	source := filepath.Join(directory, "main.go")
	save(t, source, strings.NewReplacer("KEYS", shown[1], "VERIFY", shown[0]).Replace(goMain))
	binary := filepath.Join(directory, "verifier")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, source) // within this module
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return []string{binary}
}

func pythonPage(t *testing.T, shown []string) []string {
	debian("python3-jwt")(t)
	file := filepath.Join(t.TempDir(), "verifier.py")
	save(t, file, shown[0]+pythonMain)
	return []string{"/usr/bin/python3", file}
}

func jsPage(t *testing.T, shown []string) []string {
	directory := t.TempDir()
	if err := os.Symlink(nodeModules(t), filepath.Join(directory, "node_modules")); err != nil {
		t.Fatal(err)
	}
	const fetching = "createRemoteJWKSet(new URL(discovery.jwks_uri)"
	if !strings.Contains(shown[0], fetching) {
		t.Fatalf("no %s) in\n%s", fetching, shown[0])
	}
	shown[0] = strings.Replace(shown[0], fetching, fetching+", { timeoutDuration: 60_000 }", 1) // tests run on a machine that is busy
	save(t, filepath.Join(directory, "verifier.mjs"), shown[0]+jsMain)
	return []string{program.Find(t, "node"), filepath.Join(directory, "verifier.mjs")}
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
