package vault

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/writ-run/writ/vars"
)

// Get reads the secret r.Path from the first of its lookup paths that has one, with the newest version where the secrets
// engine keeps several. Its value is the member "value" if r has no fields (or none that the secret has) and there is
// such a member, else the whole secret.
//
// A lookup path that this build may not read stops the search with a *vars.DeniedError: the secret may be just there.
// The one exception is the bare prefix, which is tried last and which few policies open.
func (s *source) Get(ctx context.Context, r vars.Ref) (any, bool, error) {
	subject := s.session.Subject()
	candidates, err := s.set.lookup.candidates(subject.Team, subject.Pipeline, r.Path)
	if err != nil {
		return nil, false, err
	}
	for _, c := range candidates {
		data, err := s.readLoggedIn(ctx, c.path)
		if _, denied := err.(*vars.DeniedError); denied && c.bare && len(candidates) > 1 {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		if data != nil {
			return choose(data, r), true, nil
		}
	}
	return nil, false, nil
}

// choose picks what a reference means of a secret.
func choose(data map[string]any, r vars.Ref) any {
	if len(r.Fields) > 0 {
		if _, there := data[r.Fields[0]]; there {
			return data
		}
	}
	if value, there := data["value"]; there {
		return value
	}
	return data
}

// readLoggedIn reads one path. Where Vault denies it and no longer takes the client token either (it was revoked, or ran
// out), it logs in once more.
func (s *source) readLoggedIn(ctx context.Context, p path) (map[string]any, error) {
	t, err := s.login(ctx, "")
	if err != nil {
		return nil, err
	}
	data, err := s.read(ctx, t.value, p)
	if _, denied := err.(*vars.DeniedError); !denied {
		return data, err
	}
	alive, lookupErr := s.alive(ctx, t.value)
	switch {
	case lookupErr != nil:
		return nil, lookupErr
	case alive:
		return nil, err
	case !t.own:
		return nil, &vars.LoginError{
			Server: s.set.url, Path: "auth/token/lookup-self", Reason: "client_token is not accepted",
			Advice: "it is expired, revoked or of another Vault; or its policies allow neither this path nor looking itself up",
		}
	}
	if t, err = s.login(ctx, t.value); err != nil {
		return nil, err
	}
	return s.read(ctx, t.value, p)
}

// read reads one path with one client token. No secret there: nil and no error.
func (s *source) read(ctx context.Context, token string, p path) (map[string]any, error) {
	m, known, err := s.mount(ctx, token, p)
	if err != nil {
		return nil, err
	}
	if known {
		data, _, err := s.readAs(ctx, token, p, m)
		return data, err
	}
	// Which version the mount is cannot be asked. Version 1 first: a version 2 mount says of such a path that it is not
	// one of its own, or denies it.
	one := mount{path: p[:1]}
	data, foreign, err := s.readAs(ctx, token, p, one)
	_, denied := err.(*vars.DeniedError)
	if data != nil || err != nil && !denied || err == nil && !foreign || len(p) < 2 {
		return data, err
	}
	two := mount{path: p[:1], versioned: true}
	data, _, errTwo := s.readAs(ctx, token, p, two)
	if errTwo == nil {
		if data != nil {
			s.mounts.add(two)
		}
		return data, nil
	}
	if _, alsoDenied := errTwo.(*vars.DeniedError); alsoDenied && denied {
		return nil, err
	}
	return nil, errTwo
}

// readAs reads a path of a mount. foreign: the mount says that the path is not one of a versioned engine.
func (s *source) readAs(ctx context.Context, token string, p path, m mount) (data map[string]any, foreign bool, err error) {
	where := p
	if m.versioned {
		where = slices.Concat(m.path, path{"data"}, p[len(m.path):])
	}
	a, err := s.client.do(ctx, request{method: http.MethodGet, path: where.escaped(), token: token})
	if err != nil {
		return nil, false, err
	}
	switch {
	case a.refused():
		return nil, false, &vars.DeniedError{
			Server: s.set.url, Path: p.String(), Reason: or(a.reason, fmt.Sprintf("status %d", a.status)),
			Advice: fmt.Sprintf("the policies that this job's login gets must allow \"read\" on %q", where.String()),
		}
	case a.status == http.StatusNotFound:
		foreign = slices.ContainsFunc(a.body.Warnings, func(w string) bool { return strings.Contains(w, "versioned") })
		return nil, foreign, nil
	case a.status >= 400:
		return nil, false, s.client.unreachable("status %d for %s%s", a.status, where, colon(a.reason))
	}
	data = a.body.Data
	if m.versioned {
		data, _ = data["data"].(map[string]any) // null where the newest version is deleted
	}
	if data == nil {
		return nil, false, nil
	}
	return plain(data).(map[string]any), false, nil
}

// mount is where a secrets engine is.
type mount struct {
	path      path
	versioned bool // KV version 2
}

// mounts are the ones found out about, for one source and so for one build.
type mounts struct {
	lock sync.Mutex
	list []mount
}

func (m *mounts) add(found mount) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.list = append(m.list, found)
}

// of returns the innermost known mount that holds p.
func (m *mounts) of(p path) (best mount, known bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	for _, candidate := range m.list {
		if under(p, candidate.path) && len(candidate.path) > len(best.path) {
			best, known = candidate, true
		}
	}
	return best, known
}

func under(p, mount path) bool { return len(p) >= len(mount) && slices.Equal(p[:len(mount)], mount) }

// mount asks Vault which mount holds a path and whether it keeps versions. Not known: Vault would not say, which it also
// does for a mount that is not there and for one where the token may do nothing.
func (s *source) mount(ctx context.Context, token string, p path) (mount, bool, error) {
	if m, known := s.mounts.of(p); known {
		return m, true, nil
	}
	a, err := s.client.do(ctx, request{method: http.MethodGet, path: "sys/internal/ui/mounts/" + p.escaped(), token: token})
	if err != nil || a.status >= 400 {
		return mount{}, false, err
	}
	text, _ := a.body.Data["path"].(string)
	found, err := parsePath(text)
	if err != nil || len(found) == 0 || !under(p, found) {
		return mount{}, false, s.client.unreachable("it says that %s is in the mount %q", p, clean(text, []string{token}))
	}
	options, _ := a.body.Data["options"].(map[string]any)
	m := mount{path: found, versioned: options["version"] == "2"}
	s.mounts.add(m)
	return m, true, nil
}

// plain makes JSON's numbers into Go's: int64 where they are whole, float64 where nothing is lost, else as they are.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = plain(member)
		}
	case []any:
		for i, item := range v {
			v[i] = plain(item)
		}
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		if f, err := v.Float64(); err == nil && fmt.Sprint(f) == v.String() {
			return f
		}
	}
	return value
}

func integer(value any) int64 {
	number, _ := value.(json.Number)
	whole, _ := number.Int64()
	return whole
}
