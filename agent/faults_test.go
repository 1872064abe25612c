package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/container/host"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// victim names, in the environment of a process that a test kills, the directory that it works in.
const victim = "WRIT_TEST_AGENT_VICTIM"

// playVictim writes a state without end, or is an agent that pulls from a file.
func playVictim(directory string) {
	public, err := os.ReadFile(filepath.Join(directory, "key"))
	if err != nil {
		writeForever(filepath.Join(directory, "state"))
	}
	m := &machine{dir: filepath.Join(directory, "machine"), state: filepath.Join(directory, "state"), log: &logged{}}
	m.runtime, err = host.New(host.Config{})
	if err != nil {
		panic(err)
	}
	trusted, err := key.ParsePublic(public)
	if err != nil {
		panic(err)
	}
	m.trusted = []key.Public{trusted}
	m.configure(map[string]*agent.Source{"web": {PullPaths: []string{filepath.Join(directory, "web.jwt")}}})
	a, err := agent.New(m.config)
	if err == nil {
		err = a.Run(context.Background())
	}
	panic(err)
}

// writeForever replaces each file of a state again and again, by one of a thousand versions.
func writeForever(directory string) {
	s, err := agent.OpenState(directory)
	for err != nil && strings.Contains(err.Error(), "in use") { // by what another test has just forked
		s, err = agent.OpenState(directory)
	}
	last, _, problem := s.Mark("web")
	err = errors.Join(err, problem)
	for n := (int(last.IssuedAt) + 1) % 1000; err == nil; n = (n + 1) % 1000 {
		err = errors.Join(s.Take("web", version(n), agent.Mark{IssuedAt: int64(n), Order: string(version(n))}),
			s.KeepRan("web", agent.Ran{Order: strconv.Itoa(n), Commands: command.List{{ID: "a", Change: string(version(n))}}}), s.Promote("web"))
	}
	panic(err)
}

func version(n int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%03d.", n), 5000) }

// kill runs this test's binary as a victim and kills it once a condition holds.
func kill(t *testing.T, directory string, condition func() bool) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	process := exec.Command(self)
	process.Env = append(os.Environ(), victim+"="+directory)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	must(t, process.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = process.Wait() }()
	awaitFor(t, "the victim is where it is to be killed", func() bool {
		select {
		case <-ended:
			t.Fatalf("the victim has ended by itself: %s", output.String())
		default:
		}
		return condition()
	})
	must(t, process.Process.Kill())
	<-ended
}

// TestKilledInWrite: whenever an agent is killed, every file of its state is whole, of one version, and no mark is there
// without its order.
func TestKilledInWrite(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	path := filepath.Join(directory, "state")
	for range 20 {
		begun, after := time.Now(), time.Duration(rand.IntN(20))*time.Millisecond
		kill(t, directory, func() bool {
			_, err := os.Stat(filepath.Join(path, "web.jwt"))
			return err == nil && time.Since(begun) > after
		})
		s := reopen(t, path)
		must(t, s.Sweep())
		left, err := filepath.Glob(filepath.Join(path, ".*.*"))
		if err != nil || left != nil {
			t.Errorf("left: %q, %v", left, err)
		}
		for name, read := range map[string]func(string) ([]byte, error){"jwt": s.Order, "next": s.Next} {
			raw, err := read("web")
			if err != nil || raw != nil && !bytes.Equal(raw, version(number(raw))) {
				t.Errorf("%s: %d bytes, %v", name, len(raw), err)
			}
		}
		mark, found, err := s.Mark("web")
		if err != nil || !found || mark.Order != string(version(int(mark.IssuedAt))) {
			t.Errorf("mark: %v, %v", mark.IssuedAt, err)
		}
		newest, err := s.Next("web")
		if err == nil && newest == nil {
			newest, err = s.Order("web")
		}
		if err != nil || number(newest) != int(mark.IssuedAt) && number(newest) != int(mark.IssuedAt+1)%1000 {
			t.Errorf("the mark is of %d, and the newest order of %d, %v", mark.IssuedAt, number(newest), err)
		}
		ran, err := s.Ran("web")
		if err != nil || strconv.Itoa(number([]byte(ran.Commands[0].Change))) != ran.Order {
			t.Errorf("ran: %v, %v", ran.Order, err)
		}
		must(t, s.Close())
	}
}

func number(raw []byte) int {
	n, _ := strconv.Atoi(string(raw[:min(3, len(raw))]))
	return n
}

// killed is a machine whose agent was killed in the middle of an order's second Command, with another order before it.
func killed(t *testing.T) (m *machine, path string) {
	t.Helper()
	directory := t.TempDir()
	path = filepath.Join(directory, "web.jwt")
	m = newMachine(t, map[string]*agent.Source{"web": {PullPaths: []string{path}}})
	m.dir, m.state = filepath.Join(directory, "machine"), filepath.Join(directory, "state")
	m.config.Run.StateDir = m.state
	must(t, os.Mkdir(m.dir, 0o700))
	text, err := m.private.Public().Text()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(directory, "key"), []byte(text), 0o600))
	now := time.Now()
	m.place(path, m.sign(now.Add(-3*time.Hour), file("old", "1")))
	stop := m.run()
	m.await("old", "1")
	must(t, stop())
	m.place(path, m.sign(now.Add(-2*time.Hour), file("a", "1"), slow, file("b", "1")))
	kill(t, directory, func() bool { _, err := os.Stat(filepath.Join(m.dir, "began")); return err == nil })
	m.ran("until it was killed", "old check, old change, old check, old check, old remove, a check, a change")
	awaitFor(t, "its Command is killed, too", func() bool { return !runs(filepath.Join(m.dir, "pid")) })
	m.gone("pid")
	m.gone("began")
	return m, path
}

// slow is a Command that notes its process, and ends when there is a file proceed.
const slow = "{ id: 'slow', check: 'test -e slow', change: 'echo $$ >pid; touch began; while test ! -e proceed; do sleep 0.01; done; rm pid; touch slow', remove: 'rm slow' }"

// runs says whether a process does whose number is in a file.
func runs(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	line, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(text)), "cmdline"))
	return err == nil && len(line) > 0 // of one that nobody has waited for yet it is empty
}

// TestKilledInCommand: the order is run again at the next start, against what was on the machine before it.
func TestKilledInCommand(t *testing.T) {
	t.Parallel()
	m, _ := killed(t)
	m.touch("proceed")
	stop := m.run()
	m.await("b", "1")
	s := m.settled("web")
	m.ran("after the start", "old check, a check, b check, b change")
	if s.Interrupted || s.Extra != nil || s.Left != nil || !strings.Contains(m.log.String(), "the run of an order was interrupted") {
		t.Errorf("%+v", s)
	}
	m.restart(stop)
	m.settled("web")
	m.ran("after another", "a check, b check")
}

// TestKilledThenAnother: where another order comes first, it removes what the interrupted one has done.
func TestKilledThenAnother(t *testing.T) {
	t.Parallel()
	m, path := killed(t)
	must(t, os.Remove(filepath.Join(m.state, "web.next"))) // so that it does not run first
	m.place(path, m.sign(time.Now(), file("c", "1")))
	m.start()
	must(t, m.agent.Once(t.Context()))
	m.ran("another one", "old check, b check, a check, a remove, c check, c change")
	must(t, m.agent.Close())
}

// TestKilledAndRefused: where the interrupted order is not taken any more the one before it runs, what was half done goes, and
// both are said.
func TestKilledAndRefused(t *testing.T) {
	t.Parallel()
	m, path := killed(t)
	must(t, os.Remove(path))
	next := filepath.Join(m.state, "web.next")
	flip(t, next, 2000)
	stop := m.run()
	s := m.settled("web")
	m.ran("the order before", "b check, a check, a remove, old check, old change")
	if got := m.reasons("web"); !strings.HasPrefix(got, "restore ") || s.Order == nil || m.there() != "old" {
		t.Errorf("%s, %+v, there is %s", got, s, m.there())
	}
	must(t, stop())
	flip(t, next, 2000) // as it was: what was refused is not lost
	m.touch("proceed")
	m.run()
	m.settled("web")
	m.ran("once it is taken again", "old check, old remove, a check, a change, b check, b change")
}

// flip flips a bit of a file.
func flip(t *testing.T, path string, bit int) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	bit %= 8 * len(text)
	text[bit/8] ^= 1 << (bit % 8)
	must(t, os.WriteFile(path, text, 0o600))
}

// TestFlippedState: one bit of any file is seen, and said; nothing wrong runs, and the last good order does as far as it is there.
func TestFlippedState(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{".jwt", ".ran", ".mark"} {
		for _, bit := range []int{0, 8*10 + 3, 8*200 + 5, -1} {
			t.Run(fmt.Sprint(suffix, bit), func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, pushed())
				stop := m.run()
				now := time.Now()
				m.push(m.sign(now.Add(-time.Hour), file("a", "1")))
				m.push(m.sign(now.Add(-time.Minute), file("b", "1")))
				m.trace()
				must(t, stop())
				path := filepath.Join(m.state, "web"+suffix)
				info, err := os.Stat(path)
				must(t, err)
				if bit < 0 {
					bit = 8*int(info.Size()) - 5
				}
				flip(t, path, bit)
				m.run()
				next := m.sign(now, file("c", "1"))
				switch suffix {
				case ".jwt": // there is no good order; what it has put on the machine is known, and the next removes it
					awaitFor(t, "it is refused", func() bool { return m.status("web").Held })
					if s := m.status("web"); !strings.HasPrefix(m.reasons("web"), "restore ") || s.Order != nil {
						t.Errorf("%+v", s)
					}
					m.push(next)
					m.ran("the next", "b check, b remove, c check, c change")
				case ".ran": // the order runs; once it has, it is known again what is on the machine
					m.settled("web")
					m.ran("the order", "b check")
					if s := m.status("web"); s.Trouble != nil || !strings.Contains(m.log.String(), "is not known, and stays there: state: "+path+" is damaged") {
						t.Errorf("%+v", s)
					}
					m.push(next)
					m.ran("the next", "b check, b remove, c check, c change")
				case ".mark": // the order runs, and no other is taken
					m.settled("web")
					m.ran("the order", "b check")
					if s := m.status("web"); len(s.Trouble) != 1 || !strings.Contains(s.Trouble[0], "is damaged") {
						t.Errorf("%+v", s)
					}
					if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: next}); !errors.Is(err, agent.ErrRefused) || m.reasons("web") != "push mark" {
						t.Errorf("%v, %s", err, m.reasons("web"))
					}
					if _, err := m.agent.Accept(agent.Accept{Source: "web"}, "a test"); err != nil {
						t.Error(err)
					}
					m.push(next)
					m.ran("the next", "b check, b remove, c check, c change")
				}
			})
		}
	}
}

// TestKilledBeforeMark: an order that was kept when the agent was killed, but whose time was not, runs, and its time counts.
func TestKilledBeforeMark(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-2*time.Hour), file("a", "1")))
	m.trace()
	must(t, stop())
	s := reopen(t, m.state)
	must(t, s.Begin("web", m.sign(now, file("b", "1"))))
	must(t, s.Close())
	stop = m.run()
	m.settled("web")
	m.ran("the one that was kept", "a check, a remove, b check, b change")
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Hour), file("c", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("one between: %v", err)
	}
	must(t, stop())
	must(t, os.Remove(filepath.Join(m.state, "web.mark")))
	m.run()
	m.settled("web")
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Hour), file("c", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("one before that which is kept, without a mark: %v", err)
	}
}

// TestKilledInRender: where an interrupted order cannot be rendered, the one before it runs, and the other is tried again at
// the next start.
func TestKilledInRender(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-2*time.Hour), file("a", "1")))
	m.trace()
	must(t, stop())
	s := reopen(t, m.state)
	must(t, s.Begin("web", m.signPattern(now, "{ run: [ if std.extVar('x') then {} ] }")))
	must(t, s.Close())
	for range 2 {
		stop = m.run()
		m.settled("web")
		m.ran("the one before", "a check")
		if got := m.reasons("web"); got != "restore render" {
			t.Errorf("refusals: %s", got)
		}
		must(t, stop())
	}
}

// TestPanicInOpen: an order that has found a mistake of ours ends nothing.
func TestPanicInOpen(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	panics := false
	open := m.config.Open
	m.config.Open = func(ctx context.Context, source string, raw []byte) (pattern.Opened, token.Report, error) {
		if panics {
			panic("a mistake of ours")
		}
		return open(ctx, source, raw)
	}
	stop := m.run()
	m.push(m.sign(time.Now(), file("a", "1")))
	m.trace()
	must(t, stop())
	panics = true
	stop = m.run()
	awaitFor(t, "it is refused", func() bool { return m.status("web").Held })
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: []byte("x")}); !errors.Is(err, agent.ErrRefused) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(m.status("web").Refusals[0].Text, "internal error: a mistake of ours") {
		t.Errorf("%+v", m.status("web").Refusals)
	}
	must(t, stop())
}

// TestRefusalsFlood: a stranger's garbage fills neither the log nor the place of what matters.
func TestRefusalsFlood(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	m.run()
	now := time.Now()
	m.push(m.sign(now, file("a", "1")))
	old := now.Add(-time.Hour)
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(old, file("b", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Error(err)
	}
	begun := time.Now()
	for i := range 1000 {
		if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: []byte("x"), RemoteAddr: fmt.Sprint("192.0.2.1:", i)}); !errors.Is(err, agent.ErrRefused) {
			t.Fatal(err)
		}
	}
	most := 110 + 10*int(time.Since(begun).Seconds()) // a hundred at once, and ten a second
	if n := strings.Count(m.log.String(), "msg=refused"); n > most || n < 50 {
		t.Errorf("%d lines in the log; want at most %d", n, most)
	}
	if n := len(m.status("web").Refusals); n > 10 {
		t.Errorf("%d are remembered", n)
	}
	mark, err := m.agent.Accept(agent.Accept{Source: "web"}, "a test")
	if err != nil || mark.IssuedAt != old.Unix() {
		t.Errorf("%+v, %v", mark, err)
	}
}

// TestOldOrderRestored: an older order in the place of the last one is refused.
func TestOldOrderRestored(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	old := m.sign(now.Add(-time.Hour), file("a", "1"))
	m.push(old)
	m.push(m.sign(now, file("b", "1")))
	m.trace()
	must(t, stop())
	must(t, os.WriteFile(filepath.Join(m.state, "web.jwt"), old, 0o600))
	m.run()
	awaitFor(t, "it is refused", func() bool { return m.status("web").Held })
	if s := m.status("web"); m.reasons("web") != "restore older" || s.Order != nil || !strings.Contains(s.Refusals[0].Text, "has accepted one of") {
		t.Errorf("%+v", s)
	}
	m.ran("the old one", "")
}

// TestClock: with a clock that is an hour back, what is remembered waits until it is right; one that is an hour ahead
// does no harm that lasts: an order that seems to have expired runs on, and at a reload or a start is held until the clock is right.
func TestClock(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	m.setClock(now)
	stop := m.run()
	m.push(m.sign(now, file("a", "1")))
	m.trace()
	must(t, stop())
	m.setClock(now.Add(-time.Hour))
	stop = m.run()
	awaitFor(t, "it is seen", func() bool { return m.reasons("web") == "restore future" })
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Hour), file("b", "1"))}); !errors.As(err, new(*agent.OlderError)) {
		t.Errorf("an order of the wrong time: %v", err)
	}
	m.ran("an hour back", "")
	m.setClock(now.Add(time.Minute))
	must(t, m.agent.Reload(m.config)) // or after some seconds
	m.settled("web")
	m.ran("once it is right", "a check")
	must(t, stop())

	m.setClock(now.Add(time.Hour))
	stop = m.run()
	m.settled("web")
	m.push(m.sign(now.Add(2*time.Minute), file("b", "1")))
	m.setClock(now.Add(3 * time.Minute))
	m.push(m.sign(now.Add(3*time.Minute), file("c", "1")))
	m.ran("an hour ahead, and right again", "a check, a check, a remove, b check, b change, b check, b remove, c check, c change")

	m.config.Sources["web"].RunFrequency = 5 * time.Millisecond
	must(t, m.agent.Reload(m.config))
	files := map[string]string{"/main.jsonnet": "{ run: [" + file("d", "1") + "] }"}
	m.push(m.signBy(m.private, pattern.NewOrder(pattern.Pattern{ExpiresIn: time.Minute}, pattern.Bundle{Entrypoint: "/main.jsonnet", Files: files}, "", nil, "", now.Add(3*time.Minute))))
	m.setClock(now.Add(time.Hour))
	m.gone("d")
	m.await("d", "1") // what runs runs on
	must(t, m.agent.Reload(m.config))
	awaitFor(t, "it has expired", func() bool { return m.status("web").Held })
	stop = m.restart(stop)
	awaitFor(t, "it has expired at the start too", func() bool { return m.status("web").Held })
	if got := m.reasons("web"); got != "restore expired" {
		t.Error(got)
	}
	m.setClock(now.Add(3 * time.Minute))
	must(t, m.agent.Reload(m.config))
	awaitFor(t, "the clock is right", func() bool { s := m.status("web"); return !s.Held && s.Order != nil })
	must(t, stop())
}

// TestFullDisk: an order that cannot be remembered is not taken, and the one before it runs on; what ran is not forgotten when
// the disk is full by then.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	m := newMachine(t, map[string]*agent.Source{"web": {AllowPush: true, WebhookPaths: []string{"/again"}}})
	must(t, os.MkdirAll(m.state, 0o700))
	if err := unix.Mount("tmpfs", m.state, "tmpfs", 0, "size=256k,mode=0700"); err != nil {
		t.Skip("no disk can be mounted here: ", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(m.state, unix.MNT_DETACH)) })
	fill := func() {
		t.Helper()
		for size := 1 << 18; size > 0; size /= 2 {
			f, err := os.OpenFile(filepath.Join(m.state, "filler"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
			must(t, err)
			_, _ = f.Write(make([]byte, size))
			must(t, f.Close())
		}
	}
	free := func() { t.Helper(); must(t, os.Remove(filepath.Join(m.state, "filler"))) }
	again := func() { m.agent.Webhook(context.Background(), agent.Webhook{Path: "/again"}) }
	stop := m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-time.Hour), file("a", "1")))
	m.trace()
	before := m.files()
	fill()
	next := m.sign(now.Add(-time.Minute), file("b", "1"))
	if _, err := m.agent.Push(t.Context(), agent.Push{Source: "web", Token: next}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	again()
	m.ran("with a full disk", "a check")
	if s := m.status("web"); len(s.Trouble) == 0 {
		t.Errorf("%+v", s) // the record of that run could not be written
	}
	free()
	if after := m.files(); after != before {
		t.Errorf("the state was\n%s\nand is\n%s", before, after)
	}
	m.push(next)
	m.ran("once there is room", "a check, a remove, b check, b change")

	// The disk fills up while an order runs.
	fills := fmt.Sprintf("{ id: 'fills', check: 'test -e filled', change: 'touch filled; dd if=/dev/zero of=%s/filler bs=4k 2>/dev/null || true', remove: 'rm filled' }", m.state)
	out := m.push(m.sign(now, file("c", "1"), fills))
	if out.Err != nil {
		t.Error(out.Err)
	}
	if s := m.status("web"); !strings.Contains(strings.Join(s.Trouble, "\n"), "cannot be written down") {
		t.Errorf("%+v", s)
	}
	again()
	m.ran("it fills up", "b check, b remove, c check, c change, c check")
	must(t, stop())
	free()
	stop = m.run()
	m.settled("web")
	m.ran("interrupted, for all that is known", "b check, c check")
	if s := m.status("web"); s.Trouble != nil || s.Commands != 2 {
		t.Errorf("%+v", s)
	}
	fill()
	again()
	free()
	again()
	if s := m.status("web"); s.Trouble != nil {
		t.Errorf("%+v", s)
	}
	must(t, stop())
}

// TestManySources: two hundred of them start, run and end.
func TestManySources(t *testing.T) {
	t.Parallel()
	sources := map[string]*agent.Source{}
	for i := range 200 {
		sources[fmt.Sprintf("s%03d", i)] = &agent.Source{AllowPush: true, Commands: command.List{{ID: "a", Check: fmt.Sprintf("test -e s%d", i), Change: fmt.Sprintf("touch s%d", i)}}}
	}
	m := newMachine(t, sources)
	stop := m.run()
	awaitFor(t, "all have run", func() bool { return len(strings.Fields(m.there())) == 200 })
	if all := m.agent.Status(); len(all) != 200 || !slices.IsSortedFunc(all, func(a, b agent.SourceStatus) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d sources", len(all))
	}
	must(t, stop())
}

// TestThousandRuns: they wait for one another, in the order in which they came, and each is answered.
func TestThousandRuns(t *testing.T) {
	t.Parallel()
	m := newMachine(t, pushed())
	stop := m.run()
	now := time.Now()
	gate := "{ id: 'gate', always: true, change: 'touch began; while test ! -e proceed; do sleep 0.01; done' }"
	first := make(chan error, 1)
	go func() {
		_, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: m.sign(now.Add(-time.Hour), gate)})
		first <- err
	}()
	m.await("began", "")
	raw := m.sign(now, "{ id: 'count', always: true, change: 'echo >>counted' }")
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range many {
		all.Go(func() {
			out, err := m.agent.Push(context.Background(), agent.Push{Source: "web", Token: raw, Plan: true})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || out.Err != nil || len(out.Plan.Steps) != 2 {
				t.Errorf("%v, %v, %v", err, out.Err, out.Plan)
			}
			done++
		})
	}
	awaitFor(t, "all wait", func() bool { return m.status("web").Waiting >= many }) // and the run of the start, maybe
	if done != 0 {
		t.Error("one did not wait")
	}
	m.touch("proceed")
	must(t, <-first)
	all.Wait()
	out := m.push(raw)
	if out.Err != nil || len(out.Result.IDs(command.Changed)) != 1 {
		t.Errorf("%+v", out)
	}
	must(t, stop())
}

// files are those of the state but for the records, with what is in them.
func (m *machine) files() string {
	m.t.Helper()
	entries, err := os.ReadDir(m.state)
	must(m.t, err)
	var all []string
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(m.state, entry.Name()))
			must(m.t, err)
			all = append(all, fmt.Sprintf("%s: %s", entry.Name(), text))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
