package issuer_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
	"github.com/writ-run/writ/workload"
)

// house is a data directory with the keys of one algorithm, which several processes share, and a clock.
type house struct {
	t         testing.TB
	directory string
	rotation  issuer.Rotation

	mu  sync.Mutex
	now time.Time
}

func newHouse(t testing.TB, r issuer.Rotation) *house {
	return &house{t: t, directory: t.TempDir(), rotation: r, now: time.Unix(1_800_000_000, 0)}
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) move(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// open is a process that opens the ring. Ed25519 keys alone: to make RSA keys would take the test's whole time.
func (h *house) open(algorithms ...key.Algorithm) *issuer.KeyRing {
	h.t.Helper()
	if algorithms == nil {
		algorithms = []key.Algorithm{key.EdDSA}
	}
	sealer, err := atrest.OpenSealer(filepath.Join(h.directory, "identity"))
	if err != nil {
		h.t.Fatal(err)
	}
	ring, err := issuer.OpenKeyRing(filepath.Join(h.directory, "data"), sealer, issuer.RingConfig{Rotation: h.rotation, Algorithms: algorithms, Now: h.clock})
	if err != nil {
		h.t.Fatal(err)
	}
	return ring
}

// sign is the kid of a token of a life.
func (h *house) sign(r *issuer.KeyRing, life time.Duration) string {
	h.t.Helper()
	signer, err := r.Signer(key.EdDSA, h.clock().Add(life))
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := signer.SignToken(h.t.Context(), "JWT", map[string]any{})
	if err != nil {
		h.t.Fatal(err)
	}
	return kidOf(h.t, raw)
}

func kidOf(t testing.TB, raw string) string {
	t.Helper()
	head, err := decode(strings.Split(raw, ".")[0])
	var header struct{ Kid string }
	if err == nil {
		err = json.Unmarshal(head, &header)
	}
	if err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

func (h *house) tend(r *issuer.KeyRing) {
	h.t.Helper()
	if err := r.Tend(); err != nil {
		h.t.Fatal(err)
	}
}

// states are the keys of the ring, by kid.
func states(r *issuer.KeyRing) map[string]issuer.State {
	all := map[string]issuer.State{}
	for _, k := range r.List() {
		all[k.ID] = k.State
	}
	return all
}

func (h *house) expect(r *issuer.KeyRing, want map[string]issuer.State) {
	h.t.Helper()
	if got := states(r); fmt.Sprint(got) != fmt.Sprint(want) {
		h.t.Errorf("keys %v, want %v", got, want)
	}
}

// nextOf is the kid of the one next key.
func (h *house) nextOf(r *issuer.KeyRing) string {
	h.t.Helper()
	for id, state := range states(r) {
		if state == issuer.Next {
			return id
		}
	}
	h.t.Fatal("no key is next")
	return ""
}

// TestRotationByPeriod follows a key to its end, each step at its second.
func TestRotationByPeriod(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: 7 * 24 * time.Hour})
	server := h.open()
	first := h.sign(server, time.Hour)
	tendAt := func(d time.Duration) { h.move(d); h.tend(server) }
	const lead = 65 * time.Minute
	tendAt(7*24*time.Hour - lead - time.Second)
	h.expect(server, map[string]issuer.State{first: issuer.Active})
	tendAt(time.Second)
	second := h.nextOf(server)
	h.expect(server, map[string]issuer.State{first: issuer.Active, second: issuer.Next})
	tendAt(lead - time.Second)
	if h.sign(server, 3*time.Hour) != first {
		t.Error("the next key signs a second too early")
	}
	tendAt(time.Second)
	if h.sign(server, time.Hour) != second {
		t.Error("the next key does not sign")
	}
	h.expect(server, map[string]issuer.State{first: issuer.Retired, second: issuer.Active})
	tendAt(3*time.Hour + 5*time.Minute - time.Second) // its last token, and leeway
	h.expect(server, map[string]issuer.State{first: issuer.Retired, second: issuer.Active})
	tendAt(time.Second)
	h.expect(server, map[string]issuer.State{second: issuer.Active})
}

// TestRotationOff: period 0 keeps a key until it is rotated by hand.
func TestRotationOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{})
	server := h.open()
	first := h.sign(server, time.Hour)
	h.move(1000 * 24 * time.Hour)
	h.tend(server)
	h.expect(server, map[string]issuer.State{first: issuer.Active})
	if list := server.List(); list[0].Then != "" {
		t.Errorf("it becomes %+v", list[0])
	}
	if _, err := server.Rotate(nil, false, false); err != nil {
		t.Fatal(err)
	}
	h.move(65 * time.Minute)
	h.tend(server)
	if h.sign(server, time.Hour) == first {
		t.Error("a rotation by hand did nothing")
	}
}

// TestRotationByAnotherProcess: a server notices what the command line does at its next use of a key, without a restart;
// and what is thought of is not done.
func TestRotationByAnotherProcess(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: issuer.DefaultPeriod})
	server, command := h.open(), h.open()
	first := h.sign(server, time.Hour)
	thought, err := command.Rotate(nil, false, true)
	if err != nil {
		t.Fatal(err)
	}
	h.expect(server, map[string]issuer.State{first: issuer.Active})
	done, err := command.Rotate(nil, false, false)
	if err != nil {
		t.Fatal(err)
	}
	second := h.nextOf(server)
	if len(server.Set().Keys()) != 2 {
		t.Error("the server does not publish the next key")
	}
	for name, moves := range map[string][]issuer.Move{second: done, "": thought} {
		begin := h.clock().UTC()
		sign := begin.Add(65 * time.Minute)
		want := []issuer.Move{
			{At: begin, Algorithm: key.EdDSA, ID: name, State: issuer.Next}, {At: sign, Algorithm: key.EdDSA, ID: first, State: issuer.Retired},
			{At: sign, Algorithm: key.EdDSA, ID: name, State: issuer.Active}, {At: sign.Add(65 * time.Minute), Algorithm: key.EdDSA, ID: first, State: issuer.Gone},
		}
		if fmt.Sprint(moves) != fmt.Sprint(want) {
			t.Errorf("moves\n%v, want\n%v", moves, want)
		}
	}
	if _, err := command.Rotate(nil, false, false); err != nil || len(server.List()) != 2 {
		t.Errorf("asked for twice: %v, %v", states(server), err)
	}
	if _, err := command.Rotate(nil, true, false); err != nil || h.sign(server, time.Hour) != second {
		t.Errorf("now: %v, %v", states(server), err)
	}
	h.expect(server, map[string]issuer.State{first: issuer.Retired, second: issuer.Active})
	// A ring does not grow without bounds.
	for range 100 {
		if _, err = command.Rotate(nil, true, false); err != nil {
			break
		}
	}
	if n := len(server.List()); err == nil || !strings.Contains(err.Error(), "at most 64 are published") || n != 64 {
		t.Errorf("%d keys, %v", n, err)
	}
}

// TestCommandWithoutConfiguration: a command line that knows nothing of the server's long cache and period rotates no key
// too early, and none that it was not asked for.
func TestCommandWithoutConfiguration(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Cache: 12 * time.Hour})
	server := h.open(key.EdDSA, key.ES256)
	first := h.sign(server, time.Hour)
	h.rotation = issuer.Rotation{Period: issuer.DefaultPeriod}
	command := h.open(key.EdDSA, key.ES256)
	h.move(2 * issuer.DefaultPeriod)
	rotate := func() {
		t.Helper()
		if _, err := command.Rotate([]key.Algorithm{key.EdDSA}, false, false); err != nil {
			t.Fatal(err)
		}
		h.tend(server)
	}
	rotate()
	if n := len(server.List()); n != 3 { // two that sign, and one next
		t.Errorf("%d keys: %v", n, states(server))
	}
	h.move(12*time.Hour + 5*time.Minute - time.Second)
	rotate()
	if h.sign(server, time.Hour) != first {
		t.Error("the command had a key sign before the server's relying parties can know it")
	}
	h.move(time.Second)
	rotate()
	if h.sign(server, time.Hour) == first {
		t.Error("it does not sign")
	}
}

// TestServerWasDown for three periods: the old key signs on until its successor has been published for long enough.
func TestServerWasDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: issuer.DefaultPeriod})
	first := h.sign(h.open(), time.Hour)
	h.move(3 * issuer.DefaultPeriod)
	server := h.open()
	h.tend(server)
	second := h.nextOf(server)
	if h.sign(server, time.Hour) != first {
		t.Error("a key that nobody can know signs")
	}
	h.move(65 * time.Minute)
	h.tend(server)
	h.expect(server, map[string]issuer.State{first: issuer.Retired, second: issuer.Active})
}

// TestClockSetBack: waits begin anew, and what was promised stays.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: issuer.DefaultPeriod})
	server := h.open()
	first := h.sign(server, time.Hour)
	if _, err := server.Rotate(nil, false, false); err != nil {
		t.Fatal(err)
	}
	second := h.nextOf(server)
	h.move(-10 * 24 * time.Hour)
	h.tend(server)
	h.move(64 * time.Minute)
	h.tend(server)
	h.expect(server, map[string]issuer.State{first: issuer.Active, second: issuer.Next})
	h.move(time.Minute)
	h.tend(server)
	h.expect(server, map[string]issuer.State{first: issuer.Retired, second: issuer.Active})
	until := server.List()[0].At
	h.move(-48 * time.Hour)
	h.tend(server)
	if got := server.List()[0]; !got.At.Equal(until) {
		t.Errorf("a retired key goes at %s, and was to go at %s", got.At, until)
	}
}

// TestExportedFiles: where relying parties read files, a key waits until it was in them.
func TestExportedFiles(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: issuer.DefaultPeriod})
	server, command := h.open(), h.open()
	first := h.sign(server, time.Hour)
	public := filepath.Join(t.TempDir(), "public")
	export := func() {
		t.Helper()
		if _, err := issuer.Export(public, issuerURL, command); err != nil {
			t.Fatal(err)
		}
	}
	export()
	h.move(2 * issuer.DefaultPeriod)
	h.tend(server)
	h.nextOf(server)
	h.move(24 * time.Hour)
	h.tend(server)
	if h.sign(server, time.Hour) != first || !server.Static() {
		t.Error("a key signs that is in no file")
	}
	for _, k := range server.List() {
		if !k.At.IsZero() || k.Then == "" {
			t.Errorf("it waits for no export: %+v", k)
		}
	}
	export()
	h.move(64 * time.Minute)
	h.tend(server)
	if h.sign(server, time.Hour) != first {
		t.Error("a key signs that nobody had time to read")
	}
	h.move(time.Minute)
	h.tend(server)
	if h.sign(server, time.Hour) == first {
		t.Error("it does not sign")
	}
	if err := command.ForgetExports(); err != nil || server.Static() {
		t.Errorf("forgotten: %v, %v", server.Static(), err)
	}
}

// TestRetiredKeyCannotSign: who steals the data directory and the identity file cannot sign with old keys.
func TestRetiredKeyCannotSign(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{})
	ring := h.open()
	h.sign(ring, time.Hour)
	if _, err := ring.Rotate(nil, true, false); err != nil {
		t.Fatal(err)
	}
	sealer, err := atrest.OpenSealer(filepath.Join(h.directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := os.ReadFile(filepath.Join(h.directory, "data", "keys.age"))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := sealer.Open(sealed)
	if err != nil {
		t.Fatal(err)
	}
	var stored []struct {
		Key   map[string]any
		State issuer.State
	}
	if err := json.Unmarshal(plain, &stored); err != nil || len(stored) != 2 {
		t.Fatalf("%d keys, %v", len(stored), err)
	}
	for _, s := range stored {
		if private := s.Key["d"] != nil; private != (s.State == issuer.Active) {
			t.Errorf("a %s key: private half %v", s.State, private)
		}
	}
	again := h.open()
	if fmt.Sprint(states(again)) != fmt.Sprint(states(ring)) {
		t.Errorf("read again: %v, was %v", states(again), states(ring))
	}
}

// TestWithdraw: the key is gone at once, in every process; another signs; runs are told.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	session := w.open(t, subject(), workload.Limits{})
	minted, err := session.Mint(t.Context(), workload.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if answer := w.ask("POST", "/introspect", form, "token="+minted.Token); !strings.HasPrefix(answer.Body.String(), `{"active":true`) {
		t.Fatal(answer.Body)
	}
	renewal := session.Renewal()
	sealer, err := atrest.OpenSealer(filepath.Join(w.directory, "identity", "id"))
	if err != nil {
		t.Fatal(err)
	}
	command, err := issuer.OpenKeyRing(filepath.Join(w.directory, "data"), sealer, issuer.RingConfig{Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := command.Withdraw("no such"); !errors.Is(err, issuer.ErrUnknownKey) || !strings.Contains(err.Error(), `kid "no such"; there are `) {
		t.Errorf("an unknown key: %v", err)
	}
	id := kidOf(t, minted.Token)
	if _, err := command.Withdraw(id); err != nil {
		t.Fatal(err)
	}
	if answer := w.ask("POST", "/introspect", form, "token="+minted.Token); answer.Body.String() != `{"active":false}` {
		t.Errorf("its token: %s", answer.Body)
	}
	if answer := w.ask("GET", "/.well-known/jwks.json", "", ""); strings.Contains(answer.Body.String(), id) || strings.Count(answer.Body.String(), "kid") != 3 {
		t.Errorf("key set %s", answer.Body)
	}
	select {
	case <-renewal:
	default:
		t.Error("the run was not told")
	}
	again, err := session.Mint(t.Context(), workload.Request{})
	if err != nil || kidOf(t, again.Token) == id {
		t.Fatalf("signed by %s, %v", kidOf(t, again.Token), err)
	}
	if answer := w.ask("POST", "/introspect", form, "token="+again.Token); !strings.HasPrefix(answer.Body.String(), `{"active":true`) {
		t.Errorf("the new token: %s", answer.Body)
	}
	if !strings.Contains(w.log.String(), `level=WARN msg="key was withdrawn: its tokens are no longer valid" kid=`+id) {
		t.Errorf("log %s", w.log)
	}
}

// TestWithdrawnNextStepsIn: where a next key is published already, it signs, and no new one is needed.
func TestWithdrawnNextStepsIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{})
	ring := h.open()
	first := h.sign(ring, time.Hour)
	if _, err := ring.Rotate(nil, false, false); err != nil {
		t.Fatal(err)
	}
	second := h.nextOf(ring)
	if _, err := ring.Withdraw(first); err != nil {
		t.Fatal(err)
	}
	h.expect(ring, map[string]issuer.State{second: issuer.Active})
}

// TestAlgorithmThatJoins: a ring of before has keys of one algorithm. Others are published before they sign; one that is
// asked for earlier signs, and the log says so.
func TestAlgorithmThatJoins(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuer.Rotation{Period: issuer.DefaultPeriod})
	h.sign(h.open(), time.Hour)
	ring := h.open(key.EdDSA, key.ES256)
	h.tend(ring)
	next := h.nextOf(ring)
	h.move(65 * time.Minute)
	h.tend(ring)
	if got := states(ring)[next]; got != issuer.Active {
		t.Errorf("after its wait it is %s", got)
	}
}

func TestRotationValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rotation issuer.Rotation
		want     string
	}{
		{issuer.Rotation{}, ""},
		{issuer.Rotation{Period: 25*time.Hour + 5*time.Minute}, ""},
		{issuer.Rotation{Period: 25 * time.Hour}, "issuer.rotation.period 25h is shorter than 25h5m: the key set's max-age (5m), issuer.rotation.cache (1h) and the longest life of a token (24h); 0 is never"},
		{issuer.Rotation{Period: 48 * time.Hour, Cache: 24 * time.Hour}, "issuer.rotation.period 48h is shorter than 48h5m"},
		{issuer.Rotation{Period: -1}, "issuer.rotation.period -1ns is negative"},
		{issuer.Rotation{Cache: -1}, "issuer.rotation.cache -1ns is negative"},
	} {
		err := test.rotation.Validate()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.rotation, err)
		}
	}
}
