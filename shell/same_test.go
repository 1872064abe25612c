package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds one script: far more than any machine needs.
const patience = 3 * time.Minute

// TestSameAsDebian runs every script of testdata/same*.txt with Debian's bash and utilities and with ours, each in a
// directory with the same files, and compares exit status, standard output and whether standard error is empty. A line
// of %% stands between scripts. A script that begins with "#stderr" compares standard error too; with "#argv ..." it is
// not `bash -c SCRIPT` but these words, with SCRIPT as the last.
func TestSameAsDebian(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "find", "grep", "ls", "ps", "tar", "diff", "sed", "xargs"} {
		if _, err := os.Stat("/usr/bin/" + tool); err != nil {
			missing(t, "Debian's %s is not here", tool)
		}
	}
	ours := links(t)
	files, err := filepath.Glob("testdata/same*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, script := range strings.Split(string(text), "\n%%\n") {
			count++
			t.Run(fmt.Sprintf("%s/%d", strings.TrimSuffix(filepath.Base(file), ".txt"), i+1), func(t *testing.T) {
				t.Parallel()
				want := play(t, "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "/usr/bin", script)
				got := play(t, ours, ours, script)
				if !strings.HasPrefix(script, "#stderr") {
					want.compared, got.compared = fmt.Sprint(want.errors != ""), fmt.Sprint(got.errors != "")
				} else {
					want.compared, got.compared = want.errors, got.errors
				}
				if got.status != want.status || got.output != want.output || got.compared != want.compared {
					t.Errorf("%s\n-- Debian: status %d\n%s%s-- ours: status %d\n%s%s", script, want.status, want.output, want.errors, got.status, got.output, got.errors)
				}
			})
		}
	}
	if count < 150 {
		t.Errorf("%d scripts only", count)
	}
}

// missing skips loudly, or fails where everything is required.
func missing(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("WRIT_TEST_REQUIRE") == "all" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf("NOT TESTED: "+format, arguments...)
}

type outcome struct {
	status                   int
	output, errors, compared string
}

func play(t *testing.T, path, programs, script string) outcome {
	t.Helper()
	directory := t.TempDir()
	furnish(t, directory)
	args := []string{"bash", "-c"}
	if first, _, _ := strings.Cut(script, "\n"); strings.HasPrefix(first, "#argv ") {
		args = strings.Fields(strings.TrimPrefix(first, "#argv "))
		_, script, _ = strings.Cut(script, "\n")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	process := exec.CommandContext(ctx, filepath.Join(programs, args[0]), append(args[1:], script)...)
	process.Args[0] = args[0]
	process.Dir = directory
	process.Env = []string{"PATH=" + path, "HOME=" + directory, "LC_ALL=C", "TZ=UTC", "TMPDIR=" + directory, "PWD=" + directory,
		"GORACE=atexit_sleep_ms=0"} // else every command of a race build sleeps a second at its end
	var out, problems bytes.Buffer
	process.Stdout, process.Stderr = &out, &problems
	process.WaitDelay = patience
	err := process.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", script, err)
	}
	status := process.ProcessState.ExitCode()
	hide := strings.NewReplacer(directory, "DIRECTORY", programs, "PROGRAMS")
	return outcome{status: status, output: hide.Replace(out.String()), errors: hide.Replace(problems.String())}
}

// furnish fills a directory with the files that the scripts know.
func furnish(t *testing.T, directory string) {
	t.Helper()
	when := time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC)
	for _, name := range []string{"d", "d/sub", "d/sub/deep", "empty"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"x":              "y\n",
		"lines":          "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n",
		"words":          "the quick brown fox\njumps over the lazy dog\nThe END\n\nfoo_bar foo-bar 42 4.2\n",
		"numbers":        "10\n9\n2\n33\n2\n1\n",
		"table":          "b:2:beta\na:1:alpha\nc:3:gamma\na:1:alpha\n",
		"nonl":           "no newline",
		"d/a.txt":        "alpha\n",
		"d/b.log":        "beta\n",
		"d/sub/c.txt":    "gamma\n",
		"d/sub/deep/.hh": "hidden\n",
		"script":         "#!/bin/sh\necho from script $#\n",
	} {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("x", filepath.Join(directory, "link")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(directory, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Type()&os.ModeSymlink != 0 {
			return err
		}
		return os.Chtimes(path, when, when)
	})
	if err != nil {
		t.Fatal(err)
	}
}
