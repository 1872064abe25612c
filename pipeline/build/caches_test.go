package build

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
)

const cached = ", caches: [{path: c}]"

// What a task finds in its cache: what the last run of the same step of the same job left there, however it ended.
func TestCaches(t *testing.T) {
	t.Parallel()
	const add = "echo x >>c/n; wc -l <c/n"
	for _, test := range []struct {
		name, plan string
		first      string // output of a build
		second     string // and of the next
	}{
		{"between builds", "{" + sh("a", add, cached) + "}", "a 1", "a 2"},
		{"between attempts", "{" + sh("a", add+"; test $(wc -l <c/n) -ge 3", cached) + ", attempts: 5}", "a 1,a 2,a 3", "a 4"},
		{"of a failed task", "{try: {" + sh("a", add+"; exit 1", cached) + "}}", "a 1", "a 2"},
		{"of a task that never started", "{" + sh("a", add, cached) + "}, {try: {task: a, config: {" + head + cached + ", run: {path: no-such-executable}}}}, {" + sh("a", add, cached) + "}", "a 1,a 2", "a 3,a 4"},
		{"of a task that ran out of time", "{try: {" + sh("a", "echo x >>c/n; wc -l <c/n; exec sleep 60", cached) + ", timeout: 1s}}", "a 1", "a 2"},
		{"each step has its own", "{" + sh("a", add, cached) + "}, {" + sh("b", add, cached) + "}", "a 1,b 1", "a 2,b 2"},
		{"each path is its own", "{" + sh("a", add, ", caches: [{path: c}, {path: d}]") + "}, {" + sh("a", "ls d", ", caches: [{path: d}]") + "}", "a 1", "a 2"},
		{"within an input", made("f", "text") + ", {" + sh("a", "cat made/f; echo; touch made/c/f; ls made/c", ", inputs: [{name: made}], caches: [{path: made/c}]") + "}, {" +
			sh("b", "test ! -e made/c/f", ", inputs: [{name: made}]") + "}", "a text,a f", "a text,a f"},
		{"is no output", "{" + sh("a", add, cached) + "}, {try: {" + sh("b", "cat c/n", ", inputs: [{name: c}]") + "}}", "a 1", "a 2"},
		{"across", "{across: [{var: x, values: [1, 2]}], " + sh("a", add, cached) + "}", "a (x=1) 1,a (x=2) 2", "a (x=1) 3,a (x=2) 4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, log := real(t, "jobs: [{name: j, plan: ["+test.plan+"]}]")
			store := NewCacheStore(c.Runtime, "", c.Copy, slog.New(slog.DiscardHandler))
			c.Caches = store
			for _, want := range []string{test.first, test.second} {
				log.entries = nil
				status, err := Run(t.Context(), c)
				if got := strings.Join(log.lines(journal.Output), ","); status != Succeeded || err != nil || got != want {
					t.Errorf("got %s %v %s, want %s\n%s", status, err, got, want, log.text(journal.Errored, journal.Warning))
				}
			}
			if err := store.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Without a store a cache is an empty directory.
func TestNoCaches(t *testing.T) {
	t.Parallel()
	status, log := runReal(t, "jobs: [{name: j, plan: [{"+sh("a", "ls c; touch c/f", cached)+"}, {"+sh("a", "ls c", cached)+"}]}]")
	if got := log.text(journal.Output, journal.Errored, journal.Warning); status != Succeeded || got != "" {
		t.Errorf("%s %s", status, got)
	}
}

// Two tasks at the same time never have one volume, and what one of them left is kept.
func TestCachesAtOnce(t *testing.T) {
	t.Parallel()
	c, log := real(t, "jobs: [{name: j, plan: [{across: [{var: x, values: [1, 2, 3], max_in_flight: all}], "+sh("a", "touch c/((.:x)); sleep 0.1; ls c | wc -l", cached)+"}, {"+sh("a", "ls c | wc -l", cached)+"}]}]")
	store := NewCacheStore(c.Runtime, "", c.Copy, slog.New(slog.DiscardHandler))
	c.Caches = store
	if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
		t.Fatal(status, err, log.text(journal.Errored))
	}
	if got := log.text(journal.Warning); got != "" {
		t.Error(got)
	}
	if err := store.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Keys tell apart whatever may be another cache.
func TestCacheKey(t *testing.T) {
	t.Parallel()
	c, _, _, _ := config(t, "plan: [{T(t ok)}]")
	b := &build{Config: c}
	if got, want := b.cacheKey("s", "p"), `["main","deploy",null,"release","s","p"]`; got != want {
		t.Errorf("got %s", got)
	}
	if b.cacheKey("a", "b") == b.cacheKey("ab", "") {
		t.Error("one key for two caches")
	}
}

// Caches are there in the next run; one that cannot be read is started anew, and an interrupt saves nothing by halves.
func TestSavedCaches(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "caches")
	run := func(ctx context.Context) (string, string) {
		c, log := real(t, "jobs: [{name: j, plan: [{"+sh("a", "echo x >>c/n; wc -l <c/n; mkdir -p c/d; ln -sf n c/l", cached)+"}]}]")
		var warnings bytes.Buffer
		store := NewCacheStore(c.Runtime, directory, container.CopyTree, slog.New(slog.NewTextHandler(&warnings, nil)))
		c.Caches = store
		if status, err := Run(t.Context(), c); status != Succeeded || err != nil {
			t.Fatal(status, err)
		}
		if err := store.Close(ctx); err != nil {
			t.Error(err)
		}
		return log.text(journal.Output), warnings.String()
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for i, want := range []string{"a 1", "a 2", "a 3", "a 3"} {
		ctx := t.Context()
		if i == 2 {
			ctx = ended
		}
		if got, warnings := run(ctx); got != want || warnings != "" {
			t.Errorf("run %d: got %s, want %s; %s", i, got, want, warnings)
		}
	}
	old := filepath.Join(directory, unfinished+"1")
	long := time.Now().Add(-2 * abandoned)
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	saved, err := filepath.Glob(filepath.Join(directory, "[0-9a-f]*"))
	if err != nil || len(saved) != 1 {
		t.Fatal(saved, err)
	}
	deep := saved[0] // deeper than a copy goes
	for range 210 {
		deep = filepath.Join(deep, "d")
	}
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, warnings := run(t.Context()); got != "a 1" || !strings.Contains(warnings, "a saved cache cannot be read; the task starts without it") {
		t.Errorf("got %s; %s", got, warnings)
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v %v", entries, err)
	}
	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode: %v %v", info, err)
	}
}

// A reserved path is refused for a cache too.
func TestReservedCache(t *testing.T) {
	t.Parallel()
	c, _, _, _ := config(t, "plan: [{task: t, config: {"+head+", run: {path: ok}, caches: [{path: /run/writ}]}}]")
	c.Reserved = func(path string) error {
		if path == "/run/writ" {
			return os.ErrInvalid
		}
		return nil
	}
	if _, err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), `cache "/run/writ": invalid argument`) {
		t.Error(err)
	}
}
