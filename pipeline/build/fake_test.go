package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/vars/dummy"
	"github.com/writ-run/writ/workload/workloadtest"
)

// scripted is a container.Runtime whose processes do what their path says.
type scripted struct {
	t     testing.TB
	abort func() // by a step whose path is "abort"

	mu    sync.Mutex
	ran   []string // steps that were started
	specs []container.Spec
	left  map[string]int
	live  int // processes started and not waited for
	most  int // of those, at any time
}

func (*scripted) Name() string                 { return "process" }
func (*scripted) See(m container.Mount) string { return m.Path }
func (*scripted) Sweep(context.Context) error  { return nil }

func (r *scripted) Volume(context.Context, string) (container.Volume, error) {
	return &directory{r.t, r.t.TempDir()}, nil
}

func (r *scripted) Start(_ context.Context, s container.Spec, out container.IO) (container.Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, s.Name)
	r.specs = append(r.specs, s)
	if s.Path == "missing" {
		return nil, errors.New(`executable "missing" not found`)
	}
	r.live++
	r.most = max(r.most, r.live)
	if len(s.Args) > 0 {
		fmt.Fprintln(out.Stdout, strings.Join(s.Args, " "))
	}
	return &script{r, s.Name, s.Path}, nil
}

// end says what a process does: "ok", "fail", "hang", "abort", "sleep" and "fail-late" take a second, or "ok-on-N": it fails
// until it is run for the Nth time.
func (r *scripted) end(ctx context.Context, name, path string) (int, error) {
	switch path {
	case "ok":
		return 0, nil
	case "fail":
		return 1, nil
	case "sleep", "fail-late":
		select {
		case <-time.After(time.Second):
			return map[string]int{"fail-late": 1}[path], nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	case "abort":
		r.abort()
	case "hang":
	default:
		var n int
		if _, err := fmt.Sscanf(path, "ok-on-%d", &n); err != nil {
			return 0, errors.New("what is " + path)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.left == nil {
			r.left = map[string]int{}
		}
		r.left[name]++
		if r.left[name] < n {
			return 1, nil
		}
		return 0, nil
	}
	<-ctx.Done()
	return 0, ctx.Err()
}

type script struct {
	runtime    *scripted
	name, path string
}

func (*script) Signal(os.Signal) error { return nil }

func (p *script) Wait(ctx context.Context) (int, error) {
	defer func() {
		p.runtime.mu.Lock()
		p.runtime.live--
		p.runtime.mu.Unlock()
	}()
	return p.runtime.end(ctx, p.name, p.path)
}

type directory struct {
	t    testing.TB
	path string
}

func (d *directory) Path() string                          { return d.path }
func (d *directory) Files(context.Context) (string, error) { return d.path, nil }
func (d *directory) Close() error                          { return os.RemoveAll(d.path) }

func (d *directory) Fork(context.Context) (container.Volume, error) {
	fork := filepath.Join(d.t.TempDir(), "fork")
	return &directory{d.t, fork}, os.CopyFS(fork, os.DirFS(d.path))
}

// recorder is a journal.Sink that keeps what it is given.
type recorder struct {
	mu      sync.Mutex
	entries []journal.Entry
}

func (r *recorder) Append(e journal.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	return nil
}

// lines is what was logged, without output where it is false.
func (r *recorder) lines(kinds ...journal.Kind) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, e := range r.entries {
		for _, kind := range kinds {
			if e.Kind == kind {
				lines = append(lines, strings.TrimSpace(e.Step+" "+e.Text+e.Status))
			}
		}
	}
	return lines
}

func (r *recorder) text(kinds ...journal.Kind) string { return strings.Join(r.lines(kinds...), "\n") }

var taskForm = regexp.MustCompile(`T\(([\w-]+) ([\w-]+)\)`)

// parse reads a pipeline in which T(name path) stands for a task step's task and config.
func parse(t testing.TB, text string) pipeline.Pipeline {
	t.Helper()
	text = taskForm.ReplaceAllString(text, `task: $1, config: {platform: linux, image_resource: {type: mock, source: {mirror_self: true}}, run: {path: $2}}`)
	p, err := pipeline.Parse("p.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// config is a Config for a job "j" whose fields after its name are given.
func config(t testing.TB, job string) (Config, *scripted, *recorder, *workloadtest.Minter) {
	t.Helper()
	return configFor(t, parse(t, "jobs: [{name: j, "+job+"}]"))
}

func configFor(t testing.TB, p pipeline.Pipeline) (Config, *scripted, *recorder, *workloadtest.Minter) {
	t.Helper()
	rt, log, minter := &scripted{t: t}, &recorder{}, workloadtest.New(t)
	return Config{
		Pipeline: p, Job: "j", Session: minter.Open(t), Runtime: rt, Sink: log, Platform: "linux",
		Copy:  func(_ context.Context, dst, src string) error { return os.CopyFS(dst, os.DirFS(src)) },
		Kinds: map[string]vars.Kind{"dummy": dummy.Kind{}},
	}, rt, log, minter
}

var _ io.Closer = (*directory)(nil)
