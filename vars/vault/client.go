package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/writ-run/writ/vars"
)

// The bounds on what a server may send.
const (
	maxBody      = 4 << 20
	maxReason    = 300 // bytes of its words in an error
	maxRedirects = 3
	maxAttempts  = 10
)

// client speaks Vault's HTTP API: one request at a time, with retries, redirects within one host, and no surprises in size.
type client struct {
	base       string
	namespace  string
	web        *http.Client
	timeout    time.Duration
	retryFirst time.Duration
	retryAll   time.Duration
	now        func() time.Time
	after      func(time.Duration) <-chan time.Time
	log        *slog.Logger
}

// request is one call.
type request struct {
	method, path string // path below /v1/, escaped
	token        string // client token; "" for none
	body         any
	login        bool     // a login: see wrongCredentials
	secrets      []string // what the server knows from us and must not come back in an error
}

// answer is what Vault said. Only statuses that mean something to the caller get here: 2xx and 4xx but 429.
type answer struct {
	status int
	json   bool // the body was Vault's JSON
	body   struct {
		Data     map[string]any `json:"data"`
		Auth     *lease         `json:"auth"`
		Errors   []string       `json:"errors"`
		Warnings []string       `json:"warnings"`
	}
	reason string // Errors, made fit for an error of ours
}

// lease is the "auth" member: a client token and how long it lives.
type lease struct {
	ClientToken string `json:"client_token"`
	Accessor    string `json:"accessor"`
	Seconds     int64  `json:"lease_duration"`
	Renewable   bool   `json:"renewable"`
	TokenType   string `json:"token_type"`
}

func (a answer) refused() bool {
	return a.status == http.StatusForbidden || a.status == http.StatusUnauthorized
}

// transient is a failure that may pass: it is worth another attempt.
type transient struct{ err *vars.UnreachableError }

func (t transient) Error() string { return t.err.Error() }

// do sends a request, again and again while the failure may pass and the retry time is not over. Its errors are
// *vars.UnreachableError, or the context's.
func (c *client) do(ctx context.Context, r request) (answer, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{}, fmt.Errorf("encode a request to Vault: %w", err)
		}
	}
	deadline := c.now().Add(c.retryAll)
	pause := c.retryFirst
	for attempt := 1; ; attempt++ {
		a, err := c.once(ctx, r, body)
		var t transient
		if !errors.As(err, &t) {
			return a, err
		}
		if ctx.Err() != nil {
			return answer{}, context.Cause(ctx)
		}
		if attempt == maxAttempts || c.now().Add(pause).After(deadline) {
			if attempt > 1 {
				t.err.Reason += fmt.Sprintf(" (%d attempts)", attempt)
			}
			return answer{}, t.err
		}
		c.log.Warn("no usable answer; trying again", "reason", t.err.Reason, "attempt", attempt, "pause", pause)
		select {
		case <-ctx.Done():
			return answer{}, context.Cause(ctx)
		case <-c.after(pause):
		}
		pause *= 2
	}
}

// once sends a request and follows redirects to the same scheme and host. To another one it does not go: the client
// token and the identity token are in the request.
func (c *client) once(ctx context.Context, r request, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	target := c.base + "/v1/" + r.path
	for range maxRedirects {
		response, err := c.send(ctx, r, target, body)
		if err != nil {
			return answer{}, c.sendError(ctx, err)
		}
		next, moved, err := c.redirect(response, r.method)
		if err != nil {
			response.Body.Close()
			return answer{}, err
		}
		if !moved {
			defer response.Body.Close()
			return c.read(r, response)
		}
		response.Body.Close()
		target = next
	}
	return answer{}, c.unreachable("more than %d redirects", maxRedirects)
}

func (c *client) send(ctx context.Context, r request, target string, body []byte) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, r.method, target, reader)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Vault-Request", "true")
	request.Header.Set("Accept", "application/json")
	if r.token != "" {
		request.Header.Set("X-Vault-Token", r.token)
	}
	if c.namespace != "" {
		request.Header.Set("X-Vault-Namespace", c.namespace)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.web.Do(request)
}

// redirect says where a response sends us, if it does. A standby of a Vault cluster answers 307.
func (c *client) redirect(response *http.Response, method string) (target string, moved bool, err error) {
	switch response.StatusCode {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if method != http.MethodGet {
			return "", false, c.unreachable("it redirects a %s with status %d", method, response.StatusCode)
		}
	default:
		return "", false, nil
	}
	next, err := response.Location()
	if err != nil {
		return "", false, c.unreachable("it redirects to nowhere")
	}
	if from := response.Request.URL; next.Scheme != from.Scheme || next.Host != from.Host {
		e := c.unreachable("it redirects to another host, %s://%s, which gets no token", next.Scheme, next.Host)
		e.Advice = "give that address, or the cluster's common one, as the url of the var source"
		return "", false, e
	}
	return next.String(), true, nil
}

func (c *client) read(r request, response *http.Response) (answer, error) {
	a := answer{status: response.StatusCode}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, transient{c.unreachable("the answer broke off")}
	}
	if len(data) > maxBody {
		return answer{}, c.unreachable("an answer of more than %d MiB", maxBody>>20)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && decoder.Decode(&a.body) == nil {
		_, more := decoder.Token()
		a.json = errors.Is(more, io.EOF)
	}
	if a.json {
		a.reason = clean(strings.Join(a.body.Errors, "; "), append(r.secrets, r.token))
	}
	switch {
	case r.login && wrongCredentials(a):
		a.status = http.StatusBadRequest
	case a.status == http.StatusServiceUnavailable && a.json:
		e := c.unreachable("status 503: %s", or(a.reason, "sealed, or not ready"))
		e.Advice = "a sealed Vault answers so; see VAULT/v1/sys/health"
		return answer{}, transient{e}
	case a.status >= 500, a.status == http.StatusTooManyRequests, a.status >= 470 && a.status < 480: // 472, 473: standbys
		return answer{}, transient{c.unreachable("status %d%s", a.status, colon(a.reason))}
	case a.status < 200 || a.status >= 300 && a.status < 400:
		return answer{}, c.unreachable("status %d", a.status)
	case !a.json && !a.refused() && a.status != http.StatusNoContent:
		e := c.unreachable("status %d with a body that is not Vault's", a.status)
		e.Advice = "is the url of the var source the address of a Vault?"
		return answer{}, e
	}
	return a, nil
}

// wrongCredentials recognises a refusal that Vault 1.13 sends with status 500 (seen; other versions send 400). It must not
// be tried again: Vault locks a user out after a few wrong passwords.
func wrongCredentials(a answer) bool {
	return a.status == http.StatusInternalServerError && slices.ContainsFunc(a.body.Errors, func(text string) bool {
		return slices.Contains([]string{"invalid username or password", "invalid secret id", "invalid role or secret ID", "invalid credentials"}, text)
	})
}

// sendError says why there was no response. A certificate that does not fit will not fit the next time either.
func (c *client) sendError(ctx context.Context, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the URL around it is known, and the method is of no interest
	}
	e := c.unreachable("%s", clean(err.Error(), nil))
	e.Err = err
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		e.Advice = "set ca_cert to the certificate of Vault's own authority, or server_name to the name in its certificate"
		return e
	case errors.As(err, &record):
		e.Advice = "the server does not speak TLS; is the url http://?"
		return e
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Reason = fmt.Sprintf("no answer within %s", c.timeout)
	}
	return transient{e}
}

func (c *client) unreachable(format string, arguments ...any) *vars.UnreachableError {
	return &vars.UnreachableError{Server: c.base, Reason: fmt.Sprintf(format, arguments...)}
}

// jwtLike finds what could be a token that a server repeats.
var jwtLike = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`eyJ[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){0,2}|\b(hv[sbr]|s|b)\.[A-Za-z0-9_-]{20,}`)
})

// clean makes a server's words fit for an error: one line, bounded, without the secrets that we sent it.
func clean(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "((redacted))")
		}
		for part := range strings.SplitSeq(secret, ".") { // a server may repeat a token's payload or signature alone
			if len(part) >= 8 {
				text = strings.ReplaceAll(text, part, "((redacted))")
			}
		}
	}
	text = jwtLike().ReplaceAllString(text, "((redacted))")
	text = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return text
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}
