package issuer

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
)

// TestNobodyWaitsForANewKey: while a key is being made, which takes long, the ring signs, verifies and publishes; and what
// it shows meanwhile is whole.
func TestNobodyWaitsForANewKey(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	making, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	ring, err := OpenKeyRing(filepath.Join(directory, "data"), sealer, RingConfig{
		Algorithms: []key.Algorithm{key.EdDSA},
		Generate: func(_ context.Context, a key.Algorithm) (key.Private, error) { // not the first, for which somebody waits
			close(making)
			<-goOn
			return key.Generate(a, "")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(time.Hour)
	if _, err := ring.Signer(key.EdDSA, until); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := ring.Rotate(nil, false, false)
		done <- err
	}()
	<-making
	signer, err := ring.Signer(key.EdDSA, until.Add(48*time.Hour)) // also where that is written down: each of these would wait for ever
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.SignToken(t.Context(), "JWT", map[string]any{}); err != nil {
		t.Error(err)
	}
	published := ring.Set().Keys()
	if len(published) != 1 || len(ring.List()) != 1 {
		t.Errorf("%d keys", len(published))
	}
	if found, err := ring.Find(t.Context(), published[0].ID()); err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := len(ring.Set().Keys()); n != 2 {
		t.Errorf("%d keys afterwards", n)
	}
}

// TestKeepEnds: who keeps the ring ends when told to, also while a key is being made, and says nothing of it.
func TestKeepEnds(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	making, now := make(chan struct{}), time.Now()
	var log strings.Builder
	ring, err := OpenKeyRing(directory, sealer, RingConfig{
		Rotation: Rotation{Period: DefaultPeriod}, Algorithms: []key.Algorithm{key.EdDSA},
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
		Generate: func(ctx context.Context, _ key.Algorithm) (key.Private, error) {
			close(making)
			<-ctx.Done()
			return key.Private{}, ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Signer(key.EdDSA, now); err != nil {
		t.Fatal(err)
	}
	now = now.Add(DefaultPeriod)
	ctx, stop := context.WithCancel(t.Context())
	kept := make(chan struct{})
	go func() { defer close(kept); ring.Keep(ctx) }()
	<-making
	stop()
	<-kept // or for ever
	if len(ring.Set().Keys()) != 1 || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%d keys, and\n%s", len(ring.Set().Keys()), &log)
	}
}

// TestDamagedFile: a ring that another process has damaged leaves this one with its keys; mended, it is read again.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	config := RingConfig{Algorithms: []key.Algorithm{key.EdDSA}}
	ring, err := OpenKeyRing(directory, sealer, config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Signer(key.EdDSA, time.Now()); err != nil {
		t.Fatal(err)
	}
	sealed, err := seal(sealer, ring.current.Load().entries)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := seal(sealer, slices.Repeat(ring.current.Load().entries, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{nil, []byte("x"), sealed[:len(sealed)-1], twice} {
		if err := write(ring.path, damaged); err != nil {
			t.Fatal(err)
		}
		if len(ring.Set().Keys()) != 1 || len(ring.snapshot().signers) != 1 {
			t.Error("the keys are lost")
		}
		if _, err := ring.Rotate(nil, false, false); err == nil {
			t.Error("a damaged ring was written over")
		}
		if _, err := OpenKeyRing(directory, sealer, config); err == nil {
			t.Error("a damaged ring was opened")
		}
	}
	if err := write(ring.path, sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Rotate(nil, false, false); err != nil || len(ring.Set().Keys()) != 2 {
		t.Errorf("mended: %v", err)
	}
}

// TestRingOfBefore: a ring that was written before keys rotated is read, rotates, and its other algorithms join. One that
// is asked for before it was published for long enough signs, and the log says so.
func TestRingOfBefore(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	sealer, err := atrest.OpenSealer(filepath.Join(directory, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := key.Generate(key.EdDSA, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := old.JWK()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := sealer.Seal([]byte(`[{"key":` + string(text) + `,"state":"active","created":"2026-01-02T03:04:05Z"}]`))
	if err != nil {
		t.Fatal(err)
	}
	if err := write(filepath.Join(directory, "keys.age"), sealed); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)
	var log strings.Builder
	ring, err := OpenKeyRing(directory, sealer, RingConfig{
		Rotation: Rotation{Period: DefaultPeriod}, Algorithms: []key.Algorithm{key.EdDSA, key.ES256},
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Tend(); err != nil {
		t.Fatal(err)
	}
	list := ring.List()
	if len(list) != 2 || list[0].ID != old.Public().ID() || list[0].State != Active || list[1].State != Next {
		t.Fatalf("keys %+v", list)
	}
	if _, err := ring.Signer(key.ES256, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if want := `level=WARN msg="a key signs before it was published for long enough: it is the first of its algorithm here" kid=` + list[1].ID; !strings.Contains(log.String(), want) {
		t.Errorf("no %q in\n%s", want, &log)
	}
	// Nobody knows what life its tokens had: it is published for the longest.
	if moves, err := ring.Rotate([]key.Algorithm{key.EdDSA}, true, false); err != nil || !moves[len(moves)-1].At.Equal(now.Add(24*time.Hour+clockLeeway)) {
		t.Errorf("moves %v, %v", moves, err)
	}
}
