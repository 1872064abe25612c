package command_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
)

// list is one Command that always changes, and another after it.
func always(script string) command.List {
	return command.List{{ID: "hostile", Always: true, Change: script}, {ID: "next", Always: true, Change: "echo next"}}
}

// after checks that the Command after a hostile one ran.
func after(t *testing.T, r command.Result) {
	t.Helper()
	if o := r.Outcomes[1]; o.State != command.Changed || o.Change.Output.String() != "next\n" {
		t.Errorf("the next Command: %s, %+v", o.State, o.Change)
	}
}

func TestDaemonKeepsPipe(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	_, r, err := m.run(nil, always(`setsid sleep 1000 & echo $! >daemon; until head -c 5 /proc/$!/cmdline | grep -aq sleep; do :; done; (sleep 1000) & echo last`), command.Change)
	if err != nil || r.Outcomes[0].Change.Output.String() != "last\n" {
		t.Errorf("%v, %+v", err, r.Outcomes[0].Change)
	}
	after(t, r)
	pid := 0
	if _, err := fmt.Sscan(m.file("daemon"), &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon does not live: %v", err)
	}
}

// TestHugeOutput keeps its head and its tail, counts and digests all of it, and takes little memory.
func TestHugeOutput(t *testing.T) {
	t.Parallel()
	size := int64(2 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	m, shown := newMachine(t), &entries{}
	m.Sink = shown
	_, r, err := m.run(nil, always(fmt.Sprintf(`echo first; head -c %d /dev/zero; echo last`, size)), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	o := r.Outcomes[0].Change.Output
	if o.Size != size+11 || len(o.Head) != 512<<10 || len(o.Tail) != 512<<10 || o.Dropped() != o.Size-1<<20 ||
		!strings.HasPrefix(string(o.Head), "first\n\x00") || !strings.HasSuffix(string(o.Tail), "\x00last\n") {
		t.Errorf("%d bytes, head %d, tail %d, dropped %d", o.Size, len(o.Head), len(o.Tail), o.Dropped())
	}
	if text := o.String(); !strings.Contains(text, fmt.Sprintf("\n... %d bytes left out ...\n", o.Dropped())) {
		t.Error("nothing says that something is left out")
	}
	if lines := strings.Join(shown.lines, "\n"); len(lines) > 2<<20 || !strings.Contains(lines, "note /hostile "+fmt.Sprint(o.Size-1<<20)+" bytes more of its output are not shown") {
		t.Errorf("the journal has %d bytes", len(lines))
	}
	after(t, r)
}

// TestOutput is whole up to a MiB, whatever bytes it has.
func TestOutput(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 512 << 10, 512<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 7} {
		text := []byte(strings.Repeat("0123456789abcde\n", size/16+1)[:size])
		m := newMachine(t)
		if err := os.WriteFile(filepath.Join(m.dir, "text"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, r, err := m.run(nil, always("cat text"), command.Change)
		if err != nil {
			t.Fatal(err)
		}
		o := r.Outcomes[0].Change.Output
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text))
		if size == 0 {
			digest = ""
		}
		if o.Size != int64(size) || o.Digest != digest || o.Dropped() != int64(max(0, size-1<<20)) {
			t.Errorf("%d bytes: size %d, dropped %d, digest %s", size, o.Size, o.Dropped(), o.Digest)
		}
		if size <= 1<<20 && o.String() != string(text) {
			t.Errorf("%d bytes: not whole", size)
		}
		if size > 1<<20 && (string(o.Head) != string(text[:512<<10]) || string(o.Tail) != string(text[size-512<<10:])) {
			t.Errorf("%d bytes: head or tail is wrong", size)
		}
	}
}

// TestManyOutputs has more output than is kept in all: of the last Commands less is kept, their variables and events have all.
func TestManyOutputs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	var list command.List
	for i := range 70 {
		list = append(list, command.Command{ID: fmt.Sprint(i), EnvPrefix: "P", Always: true, Change: "head -c 1048576 /dev/zero | tr '\\0' x"})
	}
	list[69].OnChange = command.Targets{"etcha:last"}
	list = append(list, command.Command{ID: "reader", Always: true, Change: `wc -c <"$P_CHANGE_OUT_FILE"`})
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, o := range r.Outcomes {
		kept += len(o.Change.Output.Head) + len(o.Change.Output.Tail)
	}
	last := r.Outcomes[69].Change.Output
	if kept > 65<<20 || last.Size != 1<<20 || last.Dropped() != 1<<20-8<<10 || len(last.Head) != 4<<10 || len(last.Tail) != 4<<10 {
		t.Errorf("%d bytes are kept; of the last %d and %d of %d", kept, len(last.Head), len(last.Tail), last.Size)
	}
	if len(r.Events) != 1 || len(r.Events[0].Output) != 1<<20 {
		t.Errorf("the event: %d bytes", len(r.Events[0].Output))
	}
	if got := r.Outcomes[70].Change.Output.String(); got != "1048576\n" {
		t.Errorf("the variable: %q", got)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := command.List{
		{ID: "a", EnvPrefix: "P", Always: true, Change: `printf 'a\0b\377\033[31mc\n'`, OnChange: command.Targets{"etcha:raw"}},
		{ID: "b", Always: true, Change: `printf %s "$P_CHANGE_OUT" | od -An -tx1`},
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(r.Outcomes[1].Change.Output.String()); got != "61 62 ff 1b 5b 33 31 6d 63" {
		t.Errorf("the variable: %s", got)
	}
	if got := r.Events[0].Output; got != "a\x00b\xff\x1b[31mc" {
		t.Errorf("the event: %q", got)
	}
	text, err := json.Marshal(r.Outcomes[0].Change)
	if err != nil || !strings.Contains(string(text), `"text":"a\u0000b`+"\ufffd"+`\u001b[31mc\n","size":11,"digest":"sha256:`) {
		t.Errorf("%s, %v", text, err)
	}
}

// await ends a run once its Command says that it is ready.
type await struct {
	ready func()
}

func (a await) Append(e journal.Entry) error {
	if e.Kind == journal.Output && e.Text == "ready" {
		a.ready()
	}
	return nil
}

// TestNeverEnds ends what never does when the run is, and starts nothing else.
func TestNeverEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ script, last string }{
		"tidy":     {`trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.01; done`, "\ntidy\n"},
		"stubborn": {`trap '' TERM; echo ready; while :; do sleep 1; done`, "ready\n"},
		"children": {`echo ready; sleep 1000 | sleep 1000`, "ready\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if name == "stubborn" {
				m.Runtime = newHost(t, time.Second)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			m.Sink = await{cancel}
			list := append(always(c.script), command.Command{ID: "fail", Always: true, Change: "touch never"})
			list[0].OnFail = command.Targets{"next", "etcha:failed"}
			p, err := command.Diff(nil, list, command.Change)
			if err != nil {
				t.Fatal(err)
			}
			r, err := m.Run(ctx, p)
			if !errors.Is(err, context.Canceled) || err.Error() != "aborted: context canceled" {
				t.Errorf("error %v", err)
			}
			if got := strings.Join(states(r), ","); got != "hostile aborted,next skipped,fail skipped" || len(r.Events) != 0 {
				t.Errorf("%s, %v", got, r.Events)
			}
			if e := r.Outcomes[0].Change; !strings.HasPrefix(e.Output.String(), "ready\n") || !strings.HasSuffix(e.Output.String(), c.last) || e.Err != "aborted" {
				t.Errorf("%+v", e)
			}
		})
	}
	m := newMachine(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := command.Diff(nil, always("touch never"), command.Change)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := m.Run(ctx, p); !errors.Is(err, context.Canceled) || strings.Join(states(r), ",") != "hostile skipped,next skipped" {
		t.Errorf("ended before it began: %v, %v", err, states(r))
	}
}

// TestStop lets what runs end by itself, with its change after its check, and starts nothing else.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, list := range map[string]command.List{
		"in the check":  {{ID: "hostile", Check: "echo ready; false", Change: "echo last"}},
		"in the change": {{ID: "hostile", Always: true, Change: "echo ready; echo last"}},
	} {
		m := newMachine(t)
		stop, cancel := context.WithCancel(t.Context())
		defer cancel()
		m.Sink, m.Stop = await{cancel}, stop
		p, err := command.Diff(nil, append(list, always("touch never")[1:]...), command.Change)
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Run(t.Context(), p)
		if !errors.Is(err, context.Canceled) || err.Error() != "aborted: context canceled" {
			t.Errorf("%s: error %v", name, err)
		}
		if got := strings.Join(states(r), ","); got != "hostile changed,next skipped" || !strings.HasSuffix(r.Outcomes[0].Change.Output.String(), "last\n") {
			t.Errorf("%s: %s, %+v", name, got, r.Outcomes[0].Change)
		}
	}
}

// TestTimeout ends one script alone, as a failure.
func TestTimeout(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.Timeout = 100 * time.Millisecond
	_, r, err := m.run(nil, command.List{
		{ID: "slow", Always: true, Change: "echo ready; sleep 1000", OnFail: command.Targets{"next"}},
		{ID: "skipped", Always: false, Change: "true"},
		{ID: "next", Check: "echo quick; sleep 1000", Change: "touch never"},
	}, command.Change)
	want := "command \"slow\": change: ended after 100ms\ncommand \"next\": check: ended after 100ms"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if got := strings.Join(states(r), ","); got != "slow failed,skipped skipped,next failed by slow" {
		t.Error(got)
	}
}

// TestSuicide has scripts kill their own group, and their parents' within it.
func TestSuicide(t *testing.T) {
	t.Parallel()
	for script, exit := range map[string]int{
		"kill -s TERM 0; sleep 1000":                       143,
		"kill -s KILL 0":                                   137,
		"sh -c 'kill -s KILL -- -$PPID; sleep 1000'; true": 137,
		"(kill -s STOP $$; kill -s KILL $$) & wait":        137,
	} {
		m := newMachine(t)
		list := always(script)
		list[0].OnFail = command.Targets{"next"}
		_, r, err := m.run(nil, list, command.Change)
		if err == nil || r.Outcomes[0].State != command.Failed || r.Outcomes[0].Change.Exit != exit {
			t.Errorf("%s: %v, %+v", script, err, r.Outcomes[0].Change)
		}
		after(t, r)
	}
}

// TestHalf leaves what a change did before it failed, and says so.
func TestHalf(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := always("echo one >half; echo said; cat /no/such/file; echo two >>half")
	list[1].Always = false
	_, r, err := m.run(nil, list, command.Change)
	o := r.Outcomes[0]
	if err == nil || m.file("half") != "one\n" || o.State != command.Failed || !strings.HasPrefix(o.Change.Output.String(), "said\ncat: /no/such/file") || r.Outcomes[1].State != command.Skipped {
		t.Errorf("%v, %+v", err, o)
	}
}

// TestNoSubstitution has the output of one Command in the next one's environment, and never in its script.
func TestNoSubstitution(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	evil := "$(touch pwned) `touch pwned` ; touch pwned #\" ' \\"
	list := command.List{
		{ID: "evil", EnvPrefix: "EVIL", Always: true, Stdin: evil, Change: "cat", OnChange: command.Targets{"etcha:evil"}},
		{ID: "quoted", Always: true, Change: `echo "$EVIL_CHANGE_OUT"`},
		{ID: "bare", Always: true, Change: `echo $EVIL_CHANGE_OUT`},
		{ID: "exec form", Always: true, Change: `/bin/echo $EVIL_CHANGE_OUT`, Exec: &command.Exec{}},
		{ID: "stdin", Always: true, Stdin: "$EVIL_CHANGE_OUT", Change: "cat"},
	}
	_, r, err := m.run(nil, list, command.Change)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{evil, evil, evil, evil, "$EVIL_CHANGE_OUT"} {
		if got := strings.TrimSpace(r.Outcomes[i].Change.Output.String()); got != want {
			t.Errorf("%s: %q; want %q", r.Outcomes[i].ID, got, want)
		}
	}
	if r.Events[0].Output != evil {
		t.Errorf("the event: %q", r.Events[0].Output)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "pwned")); err == nil {
		t.Error("what a Command has written was executed")
	}
}

// TestUnreadInput is larger than a pipe, and nobody reads it.
func TestUnreadInput(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := always("exec 0<&-; echo done")
	list[0].Stdin = strings.Repeat("x", 1<<20)
	_, r, err := m.run(nil, list, command.Change)
	if err != nil || r.Outcomes[0].Change.Output.String() != "done\n" {
		t.Errorf("%v, %+v", err, r.Outcomes[0].Change)
	}
	after(t, r)
}

// TestLongScript is refused before anything runs, and where it comes out of an old list, when it would.
func TestLongScript(t *testing.T) {
	t.Parallel()
	long := command.List{{ID: "a", Always: true, Remove: "true " + strings.Repeat("x", 128<<10)}}
	if _, err := command.Diff(nil, long, command.Change); err == nil || !strings.Contains(err.Error(), "Linux takes 131071 in one argument") {
		t.Errorf("%.300v", err)
	}
	m := newMachine(t)
	_, r, err := m.run(long, nil, command.Change)
	var help interface{ Hint() string }
	if err == nil || !errors.As(err, &help) || help.Hint() == "" || !strings.Contains(err.Error(), `command "a": remove: `) || !strings.Contains(err.Error(), "Linux takes 131071") || len(err.Error()) > 300 || r.Outcomes[0].Remove.Exit != -1 {
		t.Errorf("%.300v", err)
	}
}

// TestCutEvent fails a Command whose output is too long for its event: whoever takes it would have a part for the whole.
func TestCutEvent(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	list := always("head -c 2000000 /dev/zero")
	list[0].OnChange, list[0].OnFail = command.Targets{"etcha:big"}, command.Targets{"etcha:failed"}
	_, r, err := m.run(nil, list, command.Change)
	if err == nil || err.Error() != `command "hostile": change: event "big": the output of 2000000 bytes is too long for one: 951424 bytes of it were dropped` {
		t.Error(err)
	}
	if len(r.Events) != 1 || r.Events[0].Name != "failed" || r.Outcomes[0].State != command.Failed {
		t.Errorf("%d events, %s", len(r.Events), r.Outcomes[0].State)
	}
	after(t, r)
}
