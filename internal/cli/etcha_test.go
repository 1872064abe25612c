package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// observed is what the real Etcha did with a Pattern in one phase.
type observed struct {
	Exit       int
	Executions [][2]string // id and script, in order
	Files      map[string]string
}

// TestEtchaPatterns applies Patterns as the real Etcha was seen to: the same scripts run in the same order, and leave the
// same files. Where it finds drift it exits with 1, unlike Etcha.
func TestEtchaPatterns(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("/usr/bin/bash"); err != nil {
		t.Skip("bash is not there, which Patterns run with: ", err)
	}
	root := filepath.Join("..", "..", "pattern", "testdata", "etcha")
	cases, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range cases {
		t.Run(one.Name(), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, one.Name(), "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Entrypoint                                           string
				RenderExit                                           int
				Change, ChangeAgain, Check, Remove, CheckAfterRemove observed
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			directory := t.TempDir()
			if err := os.CopyFS(directory, os.DirFS(filepath.Join(root, one.Name()))); err != nil {
				t.Fatal(err)
			}
			for _, phase := range []struct {
				name string
				flag []string
				want observed
			}{
				{"change", nil, want.Change}, {"change again", nil, want.ChangeAgain}, {"check", []string{"--check"}, want.Check},
				{"remove", []string{"--remove"}, want.Remove}, {"check after remove", []string{"--check"}, want.CheckAfterRemove},
			} {
				got, output := applyCase(t, directory, append([]string{"apply", want.Entrypoint}, phase.flag...))
				if got.Exit == statusFailed && phase.flag != nil && strings.Contains(output, "drifted") {
					got.Exit = statusDone
				}
				if want.RenderExit != 0 && got.Exit == statusErrored {
					got.Exit = phase.want.Exit // what is no Pattern could not be tried
				}
				if len(phase.want.Executions) == 0 {
					phase.want.Executions = nil
				}
				if !reflect.DeepEqual(got, phase.want) {
					t.Errorf("%s: %+v\nwant %+v\n%s", phase.name, got, phase.want, output)
				}
			}
		})
	}
}

// applyCase runs writ in a copy of a case, and sees what its scripts traced.
func applyCase(t *testing.T, directory string, arguments []string) (got observed, output string) {
	t.Helper()
	process := exec.CommandContext(t.Context(), "writ", arguments...)
	process.Dir = directory
	process.Env = append(os.Environ(), "HOME="+directory, "XDG_STATE_HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_CACHE_HOME=")
	text, err := process.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	got.Exit, got.Files = process.ProcessState.ExitCode(), map[string]string{}
	trace := filepath.Join(directory, "trace")
	lines, err := os.ReadFile(trace)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		cut := strings.LastIndexByte(strings.TrimSpace(line), ' ')
		got.Executions = append(got.Executions, [2]string{line[:cut], strings.TrimSpace(line[cut+1:])})
	}
	if err := os.RemoveAll(trace); err != nil {
		t.Fatal(err)
	}
	made, err := filepath.Glob(filepath.Join(directory, "out", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range made {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got.Files["out/"+filepath.Base(path)] = string(content)
	}
	return got, string(text)
}

// TestEtchaPatternsAsOrders builds the same Patterns, and applies the tokens elsewhere: the build's scripts run where it is
// built and only there, all others as they did from the Pattern itself.
func TestEtchaPatternsAsOrders(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("/usr/bin/bash"); err != nil {
		t.Skip("bash is not there, which Patterns run with: ", err)
	}
	root := filepath.Join("..", "..", "pattern", "testdata", "etcha")
	cases, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range cases {
		t.Run(one.Name(), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(root, one.Name(), "expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Entrypoint            string
				RenderExit            int
				Change, Check, Remove observed
				Render                struct {
					Build []struct{ ID string }
				}
			}
			if err := json.Unmarshal(text, &want); err != nil {
				t.Fatal(err)
			}
			builds := map[string]bool{}
			for _, c := range want.Render.Build {
				builds[c.ID] = true
			}
			split := func(all [][2]string, build bool) (some [][2]string) {
				for _, one := range all {
					if builds[one[0]] == build {
						some = append(some, one)
					}
				}
				return some
			}
			builder, machine := t.TempDir(), t.TempDir()
			if err := os.CopyFS(builder, os.DirFS(filepath.Join(root, one.Name()))); err != nil {
				t.Fatal(err)
			}
			key, token := filepath.Join(machine, "signing.key"), filepath.Join(machine, "order.jwt")
			applyCase(t, machine, []string{"key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "signing.key", "--public", "signing.pub"})
			built, output := applyCase(t, builder, []string{"build", want.Entrypoint, token, "-x", "build.signingKeyPath=" + key})
			if want.RenderExit != 0 {
				if built.Exit == statusDone {
					t.Errorf("it was built:\n%s", output)
				}
				return
			}
			if built.Exit != statusDone || !reflect.DeepEqual(built.Executions, split(want.Change.Executions, true)) {
				t.Fatalf("build: %+v\nwant %+v\n%s", built, split(want.Change.Executions, true), output)
			}
			for _, phase := range []struct {
				flag []string
				want observed
			}{{nil, want.Change}, {[]string{"--check"}, want.Check}, {[]string{"--remove"}, want.Remove}} {
				arguments := append([]string{"apply", "order.jwt", "--verify-key", "signing.pub", "-x", `sources.local={"audience":["*"]}`}, phase.flag...)
				got, output := applyCase(t, machine, arguments)
				if got.Exit == statusFailed && phase.flag != nil && strings.Contains(output, "drifted") {
					got.Exit = statusDone
				}
				phase.want.Executions = split(phase.want.Executions, false)
				if !reflect.DeepEqual(got, phase.want) {
					t.Errorf("%q: %+v\nwant %+v\n%s", phase.flag, got, phase.want, output)
				}
			}
		})
	}
}
