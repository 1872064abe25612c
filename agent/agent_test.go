package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	scripts "github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/jsonnet/apart"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

func TestMain(m *testing.M) {
	if status, played := apart.Main(os.Args); played {
		os.Exit(status)
	}
	if directory := os.Getenv(victim); directory != "" {
		playVictim(directory)
	}
	os.Exit(m.Run())
}

// patience bounds every wait for a condition: far more than any machine needs.
const patience = 5 * time.Minute

// machine is one with an agent: its Commands run in dir, and note in the file trace what they do.
type machine struct {
	t       testing.TB
	dir     string
	state   string
	private key.Private
	runtime *host.Runtime
	log     *logged

	mu      sync.Mutex
	clock   time.Time // zero: the real one
	trusted []key.Public
	away    bool // keys cannot be reached

	config agent.Config
	agent  *agent.Agent
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(data)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newMachine has sources with a key that orders are signed with. The agent is not there yet.
func newMachine(t testing.TB, sources map[string]*agent.Source) *machine {
	t.Helper()
	private, err := key.Generate(key.EdDSA, "first")
	must(t, err)
	m := &machine{t: t, dir: t.TempDir(), state: filepath.Join(t.TempDir(), "state"), private: private, trusted: []key.Public{private.Public()}, log: &logged{}}
	m.runtime, err = host.New(host.Config{KillGrace: time.Second})
	must(t, err)
	t.Cleanup(func() { must(t, m.runtime.Close()) })
	m.configure(sources)
	return m
}

func (m *machine) configure(sources map[string]*agent.Source) {
	m.config = agent.Config{
		Run:     agent.Run{StateDir: m.state, PushTimeout: patience, WebhookTimeout: patience},
		Sources: sources, Open: m.open, Work: m.work, Now: m.now,
		Log: slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func (m *machine) now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clock.IsZero() {
		return time.Now()
	}
	return m.clock
}

func (m *machine) setClock(to time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock = to
}

func (m *machine) trust(keys ...key.Public) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trusted = keys
}

func (m *machine) open(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error) {
	m.mu.Lock()
	keys, err := key.NewOrderKeys(m.trusted, nil)
	away := m.away
	m.mu.Unlock()
	if err != nil || away {
		return pattern.Opened{}, nil, fmt.Errorf("%w: no route to keys", agent.ErrUnverified)
	}
	return pattern.Verifier{Keys: keys, Audience: []string{source}, Now: m.now}.Open(ctx, raw)
}

func (m *machine) work(_ string, sink journal.Sink) (agent.Work, error) {
	exec := scripts.DefaultExec()
	exec.WorkDir = m.dir
	redactor := journal.NewRedactor(sink)
	redactor.Add("hunter2")
	return agent.Work{
		Environment: pattern.Environment{Exec: exec, Vars: map[string]any{"place": m.dir}},
		Runner:      command.Runner{Runtime: m.runtime, Exec: exec, Sink: redactor},
		Mask:        redactor.Mask,
	}, nil
}

// start makes the agent, which does not run yet.
func (m *machine) start() *agent.Agent {
	m.t.Helper()
	awaitFor(m.t, "the state is free", func() bool { // a process that another test has just forked may hold its lock
		a, err := agent.New(m.config)
		if err != nil && !strings.Contains(err.Error(), "in use") {
			m.t.Fatal(err)
		}
		m.agent = a
		return err == nil
	})
	return m.agent
}

// run runs the agent until stop, which waits for its end.
func (m *machine) run() (stop func() error) {
	m.t.Helper()
	ready := make(chan struct{})
	m.config.Ready = func() { close(ready) }
	a := m.start()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	<-ready
	stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		must(m.t, a.Close())
		return err
	})
	m.t.Cleanup(func() {
		if err := stop(); err != nil {
			m.t.Error(err)
		}
		if m.t.Failed() {
			m.t.Log(m.log)
		}
	})
	return stop
}

// restart ends the agent and starts it again.
func (m *machine) restart(stop func() error) func() error {
	m.t.Helper()
	must(m.t, stop())
	return m.run()
}

// an order's file, which traces as command's tests do: a Command is a file whose name is its id, with a text in it.
func file(id, text string) string {
	return fmt.Sprintf("{ id: '%[1]s', check: 'echo %[1]s check >>trace; grep -qx \"%[2]s\" %[1]s', change: 'echo %[1]s change >>trace; echo \"%[2]s\" >%[1]s', remove: 'echo %[1]s remove >>trace; rm -f %[1]s' }", id, text)
}

// sign makes an order that runs Commands, given as Jsonnet, issued at a time.
func (m *machine) sign(issued time.Time, commands ...string) []byte {
	m.t.Helper()
	return m.signPattern(issued, "{ run: ["+strings.Join(commands, ",\n")+"] }")
}

func (m *machine) signPattern(issued time.Time, text string) []byte {
	m.t.Helper()
	return m.signBy(m.private, pattern.NewOrder(pattern.Pattern{ID: "order"}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: map[string]string{"/main.jsonnet": text}}, "", nil, "test", issued))
}

func (m *machine) signBy(private key.Private, o pattern.Order) []byte {
	m.t.Helper()
	payload, err := o.Payload()
	must(m.t, err)
	raw, err := token.NewSigner(private).SignPayload(context.Background(), "JWT", payload)
	must(m.t, err)
	return []byte(raw)
}

// push pushes to the source web, where nothing may go wrong.
func (m *machine) push(raw []byte) agent.Outcome {
	m.t.Helper()
	out, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: raw, RemoteAddr: "192.0.2.7:4711"})
	must(m.t, err)
	return out
}

// pushing pushes to web, and tells when that is over.
func (m *machine) pushing(raw []byte) (ended chan error) {
	ended = make(chan error, 1)
	go func() {
		_, err := m.agent.Push(m.t.Context(), agent.Push{Source: "web", Token: raw})
		ended <- err
	}()
	return ended
}

// trace is what ran since it was asked for last.
func (m *machine) trace() string {
	m.t.Helper()
	path := filepath.Join(m.dir, "trace")
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return ""
	}
	must(m.t, err)
	must(m.t, os.Remove(path))
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", ", ")
}

// ran compares what ran since the last time.
func (m *machine) ran(what, want string) {
	m.t.Helper()
	if got := m.trace(); got != want {
		m.t.Errorf("%s: ran %q; want %q", what, got, want)
	}
}

// await waits until a file has a content.
func (m *machine) await(name, content string) {
	m.t.Helper()
	awaitFor(m.t, fmt.Sprintf("%s: %q", name, content), func() bool {
		text, err := os.ReadFile(filepath.Join(m.dir, name))
		return err == nil && strings.TrimSpace(string(text)) == content
	})
}

func awaitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// there are the files of Commands on the machine.
func (m *machine) there() string {
	m.t.Helper()
	entries, err := os.ReadDir(m.dir)
	must(m.t, err)
	var names []string
	for _, entry := range entries {
		if entry.Name() != "trace" {
			names = append(names, entry.Name())
		}
	}
	return strings.Join(names, " ")
}

// status is that of a source.
func (m *machine) status(name string) agent.SourceStatus {
	m.t.Helper()
	all := m.agent.Status()
	i := slices.IndexFunc(all, func(s agent.SourceStatus) bool { return s.Name == name })
	if i < 0 {
		m.t.Fatalf("no source %s in %+v", name, all)
	}
	return all[i]
}

// settled waits until the source has run, and does not any more.
func (m *machine) settled(name string) agent.SourceStatus {
	m.t.Helper()
	awaitFor(m.t, name+" has run", func() bool { s := m.status(name); return s.LastRun != nil && len(s.Running) == 0 })
	return m.status(name)
}

// reasons are those of a source's refusals, oldest first.
func (m *machine) reasons(name string) string {
	m.t.Helper()
	var all []string
	for _, r := range m.status(name).Refusals {
		all = append(all, r.By+" "+r.Reason)
	}
	return strings.Join(all, ", ")
}
