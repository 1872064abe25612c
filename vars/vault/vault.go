// Package vault is the var source that reads from HashiCorp Vault or OpenBao, logged in with the build's own identity.
//
//	first Get ──▶ login: mint a token for Vault's audience, POST auth/PATH/login ──▶ client token
//	                                                    ┌── renewed after 2/3 of its lease ──┐
//	Get ──▶ lookup paths in order ──▶ KV version of the mount (asked once) ──▶ read          │
//	Close ──▶ client token revoked ◀─────────────────────────────────────────────────────────┘
//
// Plain net/http: Vault's own client library would cost more at every start of the binary than all of this. Four things
// that go wrong are four errors: not found (found is false), *vars.DeniedError, *vars.LoginError,
// *vars.UnreachableError.
//
// Invariant: neither a client token nor an identity token is in an error, in the log, or sent to another host than the
// configured one. A client token serves one build and no other.
package vault

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// requestTime bounds one request; closeTime bounds Close.
const (
	requestTime = 30 * time.Second
	closeTime   = 10 * time.Second
)

// Kind is the type vault. Its zero value works.
type Kind struct {
	Client   *http.Client                         // nil: one of its own. Its redirect policy is not used
	Timeout  time.Duration                        // of one request; 0: 30 s
	Now      func() time.Time                     // nil: time.Now
	After    func(time.Duration) <-chan time.Time // nil: time.After
	Log      *slog.Logger                         // nil: none
	OnSecret func(secret string)                  // told each client token before it is used, for redaction; may be nil
}

// Validate checks a config: every field that Concourse documents, auth_type, auth_role and auth_path of the first seed,
// and auth_audience.
func (k Kind) Validate(config map[string]any) error {
	_, err := parse(config, false)
	return err
}

// Open returns a source for one build. It does not log in: the first Get does.
func (k Kind) Open(_ context.Context, s *workload.Session, config map[string]any) (vars.Source, error) {
	set, err := parse(config, true)
	if err != nil {
		return nil, err
	}
	k = k.withDefaults()
	web, idle, err := k.httpClient(set)
	if err != nil {
		return nil, err
	}
	log := k.Log.With("vault", set.url)
	if set.insecure {
		log.Warn("the certificate of Vault is not verified (insecure_skip_verify)")
	}
	if set.plaintext {
		log.Warn("Vault is spoken to over plain http: whoever is on the way can read the secrets and the tokens")
	}
	return &source{
		set:     set,
		log:     log,
		now:     k.Now,
		after:   k.After,
		secret:  k.OnSecret,
		session: s,
		idle:    idle,
		lock:    make(chan struct{}, 1),
		client: &client{
			base: set.url, namespace: set.namespace, web: web, timeout: k.Timeout,
			retryFirst: set.retryInitial, retryAll: set.retryMax, now: k.Now, after: k.After, log: log,
		},
	}, nil
}

func (k Kind) withDefaults() Kind {
	if k.Timeout == 0 {
		k.Timeout = requestTime
	}
	if k.Now == nil {
		k.Now = time.Now
	}
	if k.After == nil {
		k.After = time.After
	}
	if k.Log == nil {
		k.Log = slog.New(slog.DiscardHandler)
	}
	if k.OnSecret == nil {
		k.OnSecret = func(string) {}
	}
	return k
}

// httpClient returns the client for one source: the given one's transport, with the config's TLS settings where it has
// some; and what closes the connections of a transport that no other source uses. Redirects are not followed here:
// client.do does that itself, within the same host.
func (k Kind) httpClient(set settings) (web *http.Client, idle func(), err error) {
	web = &http.Client{}
	if k.Client != nil {
		*web = *k.Client
	}
	web.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if set.tls == nil {
		return web, func() {}, nil
	}
	given := web.Transport
	if given == nil {
		given = http.DefaultTransport
	}
	transport, isPlain := given.(*http.Transport)
	if !isPlain {
		return nil, nil, fmt.Errorf("the TLS settings of this var source need an HTTP transport of Go's own, not %T", given)
	}
	transport = transport.Clone()
	transport.TLSClientConfig = set.tls
	web.Transport = transport
	return web, transport.CloseIdleConnections, nil
}
