package library_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/test/debiantest"
)

// run is a Pattern on a machine.
type run struct {
	*testing.T
	machine      *debiantest.Machine
	commands     command.List
	pattern, url string
}

// execute executes a script as a Command's is, and returns its output and exit status.
func (r *run) execute(script, stdin string) (string, int) {
	r.Helper()
	return r.machine.Run(r, stdin, "bash", "-e", "-o", "pipefail", "-c", script)
}

// must executes what has to be well.
func (r *run) must(script string) string {
	r.Helper()
	output, status := r.execute(script, "")
	if status != 0 {
		r.Fatalf("exit status %d\n%s\nof\n%s", status, output, script)
	}
	return output
}

// apply has writ apply the Pattern, and returns the ids of the Commands that came to each state, in order.
func (r *run) apply(flags ...string) map[string][]string {
	r.Helper()
	argv := append([]string{"env", "DOWNLOAD_URL=" + r.url, "writ", "apply", "/srv/library/testdata/" + r.pattern + ".jsonnet", "--json"}, flags...)
	output, status := r.machine.Run(r, "", argv...)
	states := map[string][]string{}
	for line := range strings.Lines(output) {
		var event struct{ Kind, Step, Status string }
		if err := json.Unmarshal([]byte(line), &event, json.MatchCaseInsensitiveNames(true)); err != nil {
			r.Fatalf("%v: exit status %d\n%s", err, status, output)
		}
		if event.Kind == "finish" {
			states[event.Status] = append(states[event.Status], event.Step)
		}
	}
	if drift := len(states["drifted"]) > 0; status != 0 && !drift || len(states["failed"]) > 0 {
		r.Fatalf("writ apply %s: exit status %d\n%s", flags, status, output)
	}
	return states
}

// check returns the ids of Commands whose checks say that something is to do.
func (r *run) check() []string {
	r.Helper()
	return r.apply("--check")["drifted"]
}

// change makes it so, and returns the ids of the Commands that changed something.
func (r *run) change() []string {
	r.Helper()
	return r.apply()["changed"]
}

// try has writ test prove it, on this machine, which is a container already.
func (r *run) try() {
	r.Helper()
	output, status := r.machine.Run(r, "", "env", "DOWNLOAD_URL="+r.url, "writ", "test", "--runtime", "host", "/srv/library/testdata/"+r.pattern+".jsonnet")
	if status != 0 || !strings.Contains(output, "Patterns: 1 passed") {
		r.Errorf("writ test: exit status %d\n%s", status, output)
	}
}

// removable are the ids of Commands with a check and a remove.
func (r *run) removable() []string {
	var ids []string
	for _, c := range r.commands {
		if c.Check != "" && c.Remove != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// patterns are the test Patterns: the packages that their machines have, and what is to be seen once they are changed.
var patterns = map[string]struct {
	packages []string
	changed  func(r *run)
}{
	"copy": {}, "dir": {}, "group": {}, "line": {},
	"file": {changed: func(r *run) {
		if got, want := r.must("stat -c '%a %U %g %s' /srv/file/text"), "640 daemon 2 40\n"; got != want {
			r.Errorf("%q, want %q", got, want)
		}
		if got := r.must("cd /srv/file; ls -A | wc -l; stat -c %a -- -n"); got != "6\n4755\n" {
			r.Errorf("%q", got)
		}
	}},
	"link": {changed: func(r *run) {
		if got, want := r.must("readlink /srv/*link /srv/replaced"), "it's $(touch broken)\nnowhere\n/etc/passwd\n/dev/null\n"; got != want {
			r.Errorf("%q, want %q", got, want)
		}
	}},
	"download": {changed: func(r *run) {
		if got := r.must("stat -c %a /srv/download; cat /srv/download"); got != "755\ndownloaded\n" {
			r.Errorf("%q", got)
		}
		for _, c := range r.commands {
			if strings.Contains(c.Check+c.Change+c.Remove, "secret") || !strings.Contains(c.Stdin, "secret") {
				r.Errorf("%s shows a header", c.ID)
			}
		}
	}},
	"user": {changed: func(r *run) {
		if got, want := r.must("getent passwd writ-all; id -Gn writ-all; test -d '/srv/home of all'; test ! -e /home/writ-number"),
			"writ-all:x:4244:4243:It's $(touch broken) a user:/srv/home of all:/bin/sh\nwrit-main adm writ-more\n"; got != want {
			r.Errorf("%q, want %q", got, want)
		}
		r.must("usermod --shell /bin/false --comment other --groups '' writ-all")
		if drifted := r.check(); !slices.Equal(drifted, []string{"user writ-all"}) {
			r.Errorf("drifted: %q", drifted)
		}
		if changed := r.change(); !slices.Equal(changed, []string{"user writ-all"}) {
			r.Errorf("changed: %q", changed)
		}
	}},
	"package": {changed: func(r *run) {
		r.must("hello --version; test -x /usr/games/sl")
		list := commands(r, `(import '../writ/package.libsonnet')('no-such-package'), (import '../writ/package.libsonnet')('libncurses6'), (import '../writ/package.libsonnet')('hello=1.0'), (import '../writ/package.libsonnet')('cows.y')`)
		if output, status := r.execute(list[0].Change, ""); status == 0 || !strings.Contains(output, "Unable to locate package no-such-package") {
			r.Errorf("%d, %s", status, output)
		}
		if output, status := r.execute(list[1].Remove, ""); status != 1 || !strings.Contains(output, "not removed: these would go as well:\n") || !strings.Contains(output, "\nsl\n") {
			r.Errorf("%d, %s", status, output)
		}
		if _, status := r.execute(list[2].Check, ""); status == 0 {
			r.Error("it is not this version")
		}
		if output, status := r.execute(list[3].Change, ""); status == 0 || !strings.Contains(output, "cows.y") {
			r.Errorf("a name taken for a pattern: %d, %s", status, output)
		}
		version := strings.TrimSpace(r.must("dpkg-query --show --showformat '${Version}' hello"))
		list = commands(r, fmt.Sprintf(`(import '../writ/package.libsonnet')('hello=%s')`, version))
		r.must(list[0].Check)
	}},
	"service": {packages: []string{"systemd"}, changed: func(r *run) {
		r.must("test -L /etc/systemd/system/multi-user.target.wants/writ-hello.service; ! systemctl --root=/ is-enabled systemd-timesyncd.service")
		said := r.must("grep -vE '^(is-enabled|is-active|show) ' /var/log/systemctl")
		if want := "daemon-reload\ntry-restart -- writ-hello.service\nenable -- writ-hello.service\nstart -- writ-hello.service\n"; said != want {
			r.Errorf("%q, want %q", said, want)
		}
		r.must("touch /run/reload") // somebody else has edited a unit
		if changed := r.change(); !slices.Equal(changed, []string{"unit writ-hello.service", "restart writ-hello.service"}) {
			r.Errorf("changed: %q", changed)
		}
	}},
	"git": {packages: []string{"git"}, changed: func(r *run) {
		if got := r.must(`cat /srv/head/file /srv/branch/file /srv/tag/file "/srv/it's "*/file`); got != "3\n2\n1\n1\n" {
			r.Errorf("%q", got)
		}
		// The branch goes on, somebody edits: what is pinned stays; what is edited is refused, or with force lost.
		r.must("cd /srv/repository; git checkout -q stable; echo 4 >file; git -c user.name=a -c user.email=a@example.com commit -qam four; git checkout -q main; echo mine | tee /srv/tag/file >/srv/branch/file")
		if drifted := r.check(); !slices.Equal(drifted, []string{"git /srv/branch", "git /srv/tag"}) {
			r.Errorf("drifted: %q", drifted)
		}
		for _, c := range r.commands {
			if c.ID == "git /srv/branch" {
				if output, status := r.execute(c.Change, ""); status == 0 || !strings.Contains(output, "overwritten by checkout") {
					r.Errorf("%d, %s", status, output)
				}
				if output, status := r.execute(c.Remove, ""); status != 1 || !strings.Contains(output, "/srv/branch holds changes that are nowhere else: not removed") {
					r.Errorf("%d, %s", status, output)
				}
			}
		}
		r.must("git -C /srv/branch checkout -q file")
		if changed := r.change(); !slices.Equal(changed, []string{"git /srv/branch", "git /srv/tag"}) {
			r.Errorf("changed: %q", changed)
		}
		if got := r.must("cat /srv/branch/file /srv/tag/file"); got != "4\n1\n" {
			r.Errorf("%q", got)
		}
	}},
}

// TestPatterns: each function, on a Debian: all is to do, is done, is well, stays so, is removed, is to do again. Then writ
// test says the same.
func TestPatterns(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.jsonnet")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(patterns) {
		t.Errorf("%d Patterns in testdata, %d here", len(files), len(patterns))
	}
	debiantest.Image(t)
	writ := filepath.Join(t.TempDir(), "writ") // without libraries: the machine has others
	build := exec.CommandContext(t.Context(), "go", "build", "-o", writ, "github.com/writ-run/writ/cmd/writ")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != "it's secret $(touch broken)" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		fmt.Fprintln(w, "downloaded")
	}))
	t.Cleanup(server.Close)
	for name, pattern := range patterns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			access := jsonnet.Access{Env: func(string) (string, bool) { return server.URL, true }}
			out, err := jsonnet.Run(t.Context(), jsonnet.Program{Entrypoint: "testdata/" + name + ".jsonnet", Import: jsonnet.Disk("")}, access, patient)
			if err != nil {
				t.Fatal(err)
			}
			var rendered struct{ Run command.List }
			if err := json.Unmarshal(out, &rendered, json.MatchCaseInsensitiveNames(true)); err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"/usr/local/bin/writ": writ, "/srv/library/writ": "writ", "/srv/library/testdata": "testdata"}
			r := &run{t, debiantest.New(t, files, pattern.packages...), rendered.Run, name, server.URL}
			todo := r.check()
			for _, id := range r.removable() {
				if !slices.Contains(todo, id) {
					t.Errorf("%s: well on a new machine", id)
				}
			}
			r.change()
			if drifted := r.check(); len(drifted) > 0 {
				t.Errorf("not well after the change: %q", drifted)
			}
			if changed := r.change(); len(changed) > 0 {
				t.Errorf("changed again: %q", changed)
			}
			if pattern.changed != nil {
				pattern.changed(r)
			}
			r.apply("--remove")
			drifted := r.check()
			for _, id := range r.removable() {
				if slices.Contains(todo, id) && !slices.Contains(drifted, id) {
					t.Errorf("%s: well after its removal", id)
				}
			}
			r.try()
			r.must("test ! -e /broken; test ! -e /root/broken; test ! -e /srv/library/broken")
		})
	}
}
