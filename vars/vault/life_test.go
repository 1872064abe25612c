package vault

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/vars"
)

// steered is a clock whose timers fire when the test says so.
type steered struct {
	lock sync.Mutex
	now  time.Time
	wait chan time.Duration
	fire chan time.Time
}

func newSteered() *steered {
	return &steered{now: time.Now(), wait: make(chan time.Duration, 100), fire: make(chan time.Time)}
}

func (s *steered) Now() time.Time { s.lock.Lock(); defer s.lock.Unlock(); return s.now }

func (s *steered) add(d time.Duration) { s.lock.Lock(); defer s.lock.Unlock(); s.now = s.now.Add(d) }

func (s *steered) After(d time.Duration) <-chan time.Time { s.wait <- d; return s.fire }

func (w *world) testLife(t *testing.T) {
	clock := newSteered()
	o := open(t, Kind{Now: clock.Now, After: clock.After}, w.minter, w.config(nil))
	if _, err := o.get(t, "valued"); err != nil {
		t.Fatal(err)
	}
	token := o.told()[0]
	if _, data := w.lookup(t, token); data["last_renewal"] != nil || fmt.Sprint(data["policies"]) != "[default jobs]" {
		t.Fatalf("before: %v", data)
	}
	for range 2 {
		if wait := <-clock.wait; wait != 400*time.Second {
			t.Errorf("waits %s to renew a lease of 10m, want two thirds of it", wait)
		}
		clock.add(400 * time.Second)
		clock.fire <- clock.Now()
	}
	<-clock.wait // the second renewal is over
	if _, data := w.lookup(t, token); data["last_renewal"] == nil {
		t.Errorf("not renewed: %v", data)
	}
	clock.add(300 * time.Second) // past the first lease, within the renewed one
	if _, err := o.get(t, "both"); err != nil || len(o.told()) != 1 {
		t.Errorf("after the renewals: %v, %d logins", err, len(o.told()))
	}
	closer := o.Source.(io.Closer)
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if status, data := w.lookup(t, token); status != 403 && status != 404 {
		t.Errorf("after Close: status %d, %v; want the token gone", status, data)
	}
	if err := closer.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := o.get(t, "valued"); !errors.Is(err, errClosed) {
		t.Errorf("a Get after Close: %v", err)
	}
}

func (w *world) testRevokedMeanwhile(t *testing.T) {
	o := open(t, Kind{}, w.minter, w.config(nil))
	if _, err := o.get(t, "valued"); err != nil {
		t.Fatal(err)
	}
	w.Do(t, "POST", "auth/token/revoke", map[string]any{"token": o.told()[0]})
	if got, err := o.get(t, "both"); err != nil || got != "pipeline" || len(o.told()) != 2 {
		t.Errorf("%v, %v, %d logins; want a second login", got, err, len(o.told()))
	}
}

func (w *world) testMaxTTL(t *testing.T) {
	clock := newSteered()
	o := open(t, Kind{Now: clock.Now, After: clock.After}, w.minter, w.config(map[string]any{"auth_max_ttl": "5m"}))
	for range 2 {
		if _, err := o.get(t, "valued"); err != nil {
			t.Fatal(err)
		}
		clock.add(6 * time.Minute)
	}
	told := o.told()
	if len(told) != 2 || told[0] == told[1] {
		t.Fatalf("%d logins, want a new one after auth_max_ttl", len(told))
	}
	if status, _ := w.lookup(t, told[0]); status != 403 && status != 404 {
		t.Errorf("the first token still lives: status %d", status)
	}
}

func (w *world) testClientToken(t *testing.T) {
	created := w.Do(t, "POST", "auth/token/create", map[string]any{"policies": []string{"jobs"}, "ttl": "1h"})
	token := created["auth"].(map[string]any)["client_token"].(string)
	config := w.config(map[string]any{"auth_type": nil, "auth_path": nil, "auth_role": nil, "client_token": token})
	clock := newSteered()
	o := open(t, Kind{Now: clock.Now, After: clock.After}, w.minter, config)
	if got, err := o.get(t, "valued"); err != nil || got != "the value" || !slices.Equal(o.told(), []string{token}) {
		t.Fatalf("%v, %v", got, err)
	}
	if wait := <-clock.wait; wait < 39*time.Minute || wait > 40*time.Minute {
		t.Errorf("waits %s to renew, want two thirds of an hour", wait)
	}
	if err := o.Source.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := w.lookup(t, token); status != 200 {
		t.Errorf("the token of the config was revoked: status %d", status)
	}
	config["client_token"] = "hvs.made-up-and-not-a-token-at-all"
	_, err := open(t, Kind{}, w.minter, config).get(t, "valued")
	checkKind(t, err, new(*vars.LoginError))
	if !strings.Contains(err.Error(), "client_token is not accepted") {
		t.Errorf("%v", err)
	}
}
