package delivery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/writ-run/writ/workload"
)

// fixture is a refresher in a bubble of time, with two files.
type fixture struct {
	*fakeMinter
	files []*file
	log   buffer
	ended chan struct{}

	// Under fakeMinter's lock; a test that sleeps is alone, but the race detector does not know.
	written map[string]string
	count   int
	broken  error // of write

	clockMu sync.Mutex
	clock   time.Duration // by which the wall clock is ahead of the timers: a machine that was suspended
}

func (f *fixture) content(name string) (content string) {
	f.set(func() { content = f.written[name] })
	return content
}

func (f *fixture) writes() (count int) {
	f.set(func() { count = f.count })
	return count
}

// startRefresher starts it in the bubble; the test's context ends it.
func startRefresher(t *testing.T, life time.Duration, l workload.Limits) *fixture {
	t.Helper()
	return startRefresherWith(t, life, l, func() <-chan struct{} { return nil })
}

// startRefresherWith has it told of withdrawn keys.
func startRefresherWith(t *testing.T, life time.Duration, l workload.Limits, renewal func() <-chan struct{}) *fixture {
	t.Helper()
	f := &fixture{fakeMinter: newMinter(t, usual), written: map[string]string{}, ended: make(chan struct{})}
	now := func() time.Time {
		f.clockMu.Lock()
		defer f.clockMu.Unlock()
		return time.Now().Add(f.clock)
	}
	f.SetLife(life)
	f.SetNow(now)
	session, err := workload.Open(t.Context(), f.fakeMinter, workload.Subject{Team: "main", Pipeline: "p"}, l)
	if err != nil {
		t.Fatal(err)
	}
	f.files = []*file{{name: tokenName}, {name: "vault", audience: []string{"second"}}}
	for _, file := range f.files {
		minted, err := session.Mint(t.Context(), workload.Request{Audience: file.audience})
		if err != nil {
			t.Fatal(err)
		}
		file.accept(minted, now())
		f.written[file.name] = file.token
	}
	r := &refresher{mint: session, renewal: renewal, told: renewal(), now: now, log: slog.New(slog.NewTextHandler(&f.log, nil)), write: func(name, content string) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.broken != nil {
			return f.broken
		}
		f.written[name] = content
		f.count++
		return nil
	}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		defer close(f.ended)
		r.run(ctx, f.files)
	}()
	return f
}

// sleep moves the clock of the bubble.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Hour, workload.Limits{})
		first := f.content(tokenName)
		sleep(40*time.Minute - time.Second)
		if f.writes() != 0 {
			t.Error("a token was replaced before two thirds of its life")
		}
		sleep(time.Second)
		if f.writes() != 2 || f.content(tokenName) == first {
			t.Errorf("%d writes after two thirds of the life; want both files replaced", f.writes())
		}
		if audience := claimsOf(t, f.content("vault")).Audience; len(audience) != 1 || audience[0] != "second" {
			t.Errorf("audience %q", audience)
		}
		sleep(24 * time.Hour)
		if f.writes() != 2*37 {
			t.Errorf("%d writes in 24 h 40 min; want one every 40 min for each file", f.writes())
		}
		if f.log.String() != "" {
			t.Errorf("log: %s", f.log.String())
		}
	})
}

func TestRefreshMinterAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Hour, workload.Limits{})
		first := f.content(tokenName)
		f.set(func() { f.fail = workload.ErrUnreachable })
		sleep(50 * time.Minute)
		if f.content(tokenName) != first {
			t.Error("the old token did not stay")
		}
		if got := strings.Count(f.log.String(), "could not be replaced; the old one stays"); got != 2 {
			t.Errorf("%d lines for 2 files:\n%s", got, f.log.String())
		}
		sleep(12 * time.Minute)
		if got := strings.Count(f.log.String(), "has expired"); got != 2 {
			t.Errorf("%d lines say that it expired:\n%s", got, f.log.String())
		}
		f.set(func() { f.fail = nil })
		sleep(lastRetry)
		if f.content(tokenName) == first || f.writes() != 2 {
			t.Error("the minter is back, and the token is still the old one")
		}
		if strings.Contains(f.log.String(), first) || strings.Contains(f.log.String(), strings.Split(first, ".")[2]) {
			t.Error("the log holds a token")
		}
		f.set(func() { f.fail = workload.ErrUnreachable })
		sleep(41 * time.Minute)
		f.set(func() { f.fail = nil })
		sleep(lastRetry)
		if f.writes() != 4 {
			t.Errorf("%d writes; want 4", f.writes())
		}
	})
}

func TestRefreshBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Hour, workload.Limits{})
		f.set(func() { f.broken = errors.New("no space left on device") })
		before := len(f.tokens())
		sleep(40 * time.Minute)
		sleep(10 * time.Minute)
		// After 1, 2, 4, ... 32 s and then every minute: 1 + 6 + 8 attempts in ten minutes, for each file.
		if got := len(f.tokens()) - before; got < 24 || got > 34 {
			t.Errorf("%d attempts in ten minutes", got)
		}
		f.set(func() { f.broken = nil })
		sleep(lastRetry)
		if f.writes() != 2 {
			t.Errorf("%d writes", f.writes())
		}
	})
}

// TestRefreshLimit is a run whose tokens may not outlive it.
func TestRefreshLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Hour, workload.Limits{Life: 90 * time.Minute})
		sleep(2 * time.Hour)
		if f.writes() != 2 || len(f.tokens()) != 6 {
			t.Errorf("%d writes, %d tokens; want each file replaced once, and found to be at its limit once", f.writes(), len(f.tokens()))
		}
		select {
		case <-f.ended:
		default:
			t.Error("it still runs")
		}
	})
}

// TestRefreshAfterSuspend is a machine that wakes up after the token has expired: the timers stood still.
func TestRefreshAfterSuspend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Hour, workload.Limits{})
		sleep(10*time.Minute + time.Second)
		f.clockMu.Lock()
		f.clock = 3 * time.Hour
		f.clockMu.Unlock()
		sleep(longestNap)
		if f.writes() != 2 {
			t.Errorf("%d writes a minute after waking up", f.writes())
		}
	})
}

// TestRenewal is a run whose tokens' key is withdrawn: they are replaced at once, also those that are at the run's limit.
func TestRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		renewal := make(chan struct{})
		f := startRefresherWith(t, time.Hour, workload.Limits{Life: 90 * time.Minute}, func() <-chan struct{} { return renewal })
		withdraw := func() {
			old := renewal
			renewal = make(chan struct{})
			close(old)
			synctest.Wait()
		}
		first := f.content(tokenName)
		withdraw()
		if f.writes() != 2 || f.content(tokenName) == first {
			t.Errorf("%d writes; want both files replaced at once", f.writes())
		}
		sleep(80 * time.Minute) // replaced once more, and then at its limit
		before, last := f.writes(), f.content(tokenName)
		f.set(func() { f.fail = workload.ErrUnreachable })
		withdraw()
		f.set(func() { f.fail = nil })
		sleep(2 * firstRetry)
		if f.writes() != before+2 || f.content(tokenName) == last {
			t.Errorf("%d writes, before %d; want both files replaced, though no token can be longer", f.writes(), before)
		}
		sleep(5 * time.Minute)
		if f.writes() != before+2 {
			t.Errorf("%d writes; want no more", f.writes())
		}
	})
}

// TestRefreshShortLife must not spin.
func TestRefreshShortLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := startRefresher(t, time.Second, workload.Limits{})
		sleep(10 * time.Second)
		if f.writes() < 10 || f.writes() > 2*10*10 {
			t.Errorf("%d writes in ten seconds", f.writes())
		}
	})
}

// TestReplacedUnderReader reads the file of a real run all the time, and never finds half a token.
func TestReplacedUnderReader(t *testing.T) {
	t.Parallel()
	m := newMinter(t, usual)
	m.SetLife(time.Second)
	s := newStage(t, m)
	output := s.run(`first=$(cat "$CONCOURSE_CI_JWT_FILE"); seen=0
		while [ $seen -lt 2 ]; do
			now=$(cat "$CONCOURSE_CI_JWT_FILE") || exit 9
			[ ${#now} -eq ${#first} ] || { echo "half a token: $now"; exit 9; }
			[ "$now" = "$first" ] || { first=$now; seen=$((seen + 1)); echo "$now"; }
		done
		echo "$CONCOURSE_CI_JWT"`)
	tokens := m.tokens()
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) != 3 || lines[2] != tokens[0] {
		t.Fatalf("the reader saw %d lines %q; want two later tokens, and the first in its environment", len(lines), lines)
	}
	// A slow reader misses some that are replaced meanwhile.
	if one, two := slices.Index(tokens, lines[0]), slices.Index(tokens, lines[1]); one < 1 || two <= one {
		t.Errorf("the reader saw tokens %d and %d of %q; want two later ones, in their order", one, two, tokens)
	}
	s.gone()
}
