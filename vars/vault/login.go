package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// loginLife is how long the identity token for a login lives: it is used at once, and once.
const loginLife = 5 * time.Minute

// leastWait is the shortest time between two renewals. A lease that would need them more often is left to run out,
// and the next Get logs in again.
const leastWait = time.Second

var errClosed = errors.New("the var source is closed: its build has ended")

// source is an open var source.
type source struct {
	set     settings
	client  *client
	session *workload.Session
	log     *slog.Logger
	now     func() time.Time
	after   func(time.Duration) <-chan time.Time
	secret  func(string)
	idle    func() // closes the connections that are this source's own

	lock    chan struct{} // holds one while somebody logs in or closes; guards closed and stop
	closed  bool
	stop    func() // ends the renewal of the current token
	current struct {
		sync.Mutex
		clientToken
	}
	mounts mounts
}

// clientToken is a client token and what is known of it.
type clientToken struct {
	value   string
	own     bool // from a login of ours: ours to revoke
	batch   bool // Vault cannot revoke it
	since   time.Time
	expires time.Time // zero: never, or not known
}

// Close stops the renewal and revokes the client token of an own login; a client_token from the config is left alone.
// Safe to call more than once.
func (s *source) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.acquire(ctx); err != nil {
		return fmt.Errorf("close the var source of %s: a login is still under way: %w", s.set.url, err)
	}
	defer s.release()
	if s.closed {
		return nil
	}
	s.closed = true
	defer s.idle()
	return s.retire(ctx)
}

func (s *source) acquire(ctx context.Context) error {
	select {
	case s.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *source) release() { <-s.lock }

func (s *source) token() clientToken {
	s.current.Lock()
	defer s.current.Unlock()
	return s.current.clientToken
}

func (s *source) setToken(t clientToken) {
	s.current.Lock()
	defer s.current.Unlock()
	s.current.clientToken = t
}

// login returns a client token that may be used now, logging in where there is none. refused is a token that Vault did
// not take: if it still is the current one it is replaced.
func (s *source) login(ctx context.Context, refused string) (clientToken, error) {
	if err := s.acquire(ctx); err != nil {
		return clientToken{}, err
	}
	defer s.release()
	if s.closed {
		return clientToken{}, errClosed
	}
	t := s.token()
	if t.value != "" && t.value != refused && s.usable(t) {
		return t, nil
	}
	if s.set.auth.token != "" {
		return s.adopt(ctx)
	}
	if err := s.retire(ctx); err != nil {
		s.log.Warn("the client token before this one is not revoked; it will expire", "reason", err.Error())
	}
	return s.logIn(ctx)
}

func (s *source) usable(t clientToken) bool {
	now := s.now()
	if !t.own {
		return true // there is no other
	}
	return (t.expires.IsZero() || now.Before(t.expires)) && (s.set.auth.maxTTL == 0 || now.Sub(t.since) < s.set.auth.maxTTL)
}

// logIn mints an identity token, unless the login does without, and exchanges the config's parameters for a client token.
func (s *source) logIn(ctx context.Context) (clientToken, error) {
	params := make(map[string]string, len(s.set.auth.params))
	var identity string
	var secrets []string
	for name, value := range s.set.auth.params {
		if strings.Contains(value, identityText) {
			if identity == "" {
				minted, err := s.session.Mint(ctx, workload.Request{Audience: []string{s.set.auth.audience}, Life: loginLife})
				if err != nil {
					return clientToken{}, fmt.Errorf("log in to %s: mint an identity token for audience %q: %w", s.set.url, s.set.auth.audience, err)
				}
				identity = minted.Token
			}
			value = strings.ReplaceAll(value, identityText, identity)
		}
		params[name] = value
		if name != "role" && name != "username" {
			secrets = append(secrets, value)
		}
	}
	where := append(path{"auth"}, s.set.auth.path...)
	a, err := s.client.do(ctx, request{method: http.MethodPost, path: where.escaped(), body: params, login: true, secrets: secrets})
	if err != nil {
		return clientToken{}, err
	}
	if a.status >= 400 {
		return clientToken{}, &vars.LoginError{Server: s.set.url, Path: where.String(), Reason: or(a.reason, fmt.Sprintf("status %d", a.status)), Advice: s.loginAdvice(a, identity != "")}
	}
	if a.body.Auth == nil || a.body.Auth.ClientToken == "" {
		return clientToken{}, s.client.unreachable("the login at %s gave no client token", where)
	}
	t := s.accept(*a.body.Auth)
	s.log.Info("logged in", "path", where.String(), "accessor", a.body.Auth.Accessor, "lease", time.Duration(a.body.Auth.Seconds)*time.Second)
	return t, nil
}

func (s *source) loginAdvice(a answer, withIdentity bool) string {
	if a.status == http.StatusNotFound {
		return fmt.Sprintf("is an auth method enabled at auth/%s?", strings.TrimSuffix(s.set.auth.path.String(), "/login"))
	}
	if !withIdentity {
		return ""
	}
	return fmt.Sprintf("the token's aud is %q: bound_audiences of the role must hold it (auth_audience in the var source sets it); "+
		"bound_issuer must be %s, and bound_claims must fit this job", s.set.auth.audience, s.session.Run().Issuer)
}

// accept makes the token of a login the current one and starts to renew it.
func (s *source) accept(l lease) clientToken {
	s.secret(l.ClientToken)
	t := clientToken{value: l.ClientToken, own: true, batch: l.TokenType == "batch", since: s.now()}
	life := time.Duration(l.Seconds) * time.Second
	if life > 0 {
		t.expires = t.since.Add(life)
	}
	s.setToken(t)
	if l.Renewable && life > 0 {
		s.renewFrom(t.value, life)
	}
	return t
}

// adopt takes the client_token of the config, and renews it where Vault says that it can be. Whether the token is good
// is for the first read to show: its policies need not allow looking itself up.
func (s *source) adopt(ctx context.Context) (clientToken, error) {
	t := clientToken{value: s.set.auth.token, since: s.now()}
	s.secret(t.value)
	a, err := s.client.do(ctx, request{method: http.MethodGet, path: "auth/token/lookup-self", token: t.value})
	if err != nil {
		return clientToken{}, err
	}
	s.setToken(t)
	life := time.Duration(integer(a.body.Data["ttl"])) * time.Second
	if renewable, _ := a.body.Data["renewable"].(bool); renewable && life > 0 && s.stop == nil {
		s.renewFrom(t.value, life)
	}
	return t, nil
}

// renewFrom starts the renewal of a token; s.stop ends it and waits.
func (s *source) renewFrom(token string, life time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		s.renew(ctx, token, life)
	}()
}

// renew keeps a token alive: after two thirds of its lease, again and again. It gives up where Vault refuses; the
// next Get then logs in anew.
func (s *source) renew(ctx context.Context, token string, life time.Duration) {
	for {
		wait := life * 2 / 3
		if wait < leastWait {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-s.after(wait):
		}
		a, err := s.client.do(ctx, request{method: http.MethodPost, path: "auth/token/renew-self", token: token, body: struct{}{}})
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("client token not renewed; trying again", "reason", err.Error())
			life /= 3 // what is left of it
		case a.status >= 400 || a.body.Auth == nil:
			s.log.Warn("client token not renewed", "status", a.status, "reason", a.reason)
			return
		default:
			life = time.Duration(a.body.Auth.Seconds) * time.Second
			s.extend(token, life)
			s.log.Debug("client token renewed", "accessor", a.body.Auth.Accessor, "lease", life)
		}
	}
}

func (s *source) extend(token string, life time.Duration) {
	s.current.Lock()
	defer s.current.Unlock()
	if s.current.value == token && s.current.own {
		s.current.expires = s.now().Add(life)
	}
}

// retire ends the renewal of the current token and revokes it if it is of our own login.
func (s *source) retire(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	t := s.token()
	s.setToken(clientToken{})
	if !t.own || t.batch {
		return nil
	}
	a, err := s.client.do(ctx, request{method: http.MethodPost, path: "auth/token/revoke-self", token: t.value, body: struct{}{}})
	if err != nil {
		return fmt.Errorf("revoke the client token: %w", err)
	}
	if a.refused() && !t.expires.IsZero() && !s.now().Before(t.expires) {
		return nil // it had expired
	}
	if a.status >= 400 {
		return fmt.Errorf("revoke the client token at %s: %s", s.set.url, or(a.reason, fmt.Sprintf("status %d", a.status)))
	}
	s.log.Info("client token revoked")
	return nil
}

// alive asks Vault whether it takes a client token at all. It tells a dead token from a denied path: to both Vault says
// "permission denied".
func (s *source) alive(ctx context.Context, token string) (bool, error) {
	a, err := s.client.do(ctx, request{method: http.MethodGet, path: "auth/token/lookup-self", token: token})
	return !a.refused(), err
}
