package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/writ-run/writ/api"
)

// tries is how often a machine is tried to be reached; between them are a pause, four times as long each.
const (
	tries = 3
	pause = 500 * time.Millisecond
)

// large is from what size on it is asked first whether an order is wanted: who refuses it, and hangs up while it is sent,
// may not be heard.
const large = 64 << 10

func (s *Sender) push(ctx context.Context, p Push) Result {
	if ctx.Err() != nil {
		return Result{State: Aborted, Err: "nothing was sent"}
	}
	order, err := p.Order(ctx)
	switch {
	case ctx.Err() != nil:
		return Result{State: Aborted, Err: "nothing was sent"}
	case err != nil:
		return Result{State: Unmade, Err: err.Error(), Hint: hintOf(err)}
	}
	timed, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, errTimeout)
	defer cancel()
	for try, rest := 1, s.pause; ; try, rest = try+1, 4*rest {
		r := s.attempt(timed, p, order)
		if r.again && try < tries && wait(timed, rest) {
			continue
		}
		if r.State == wrong {
			r.State = Failed
		}
		if ctx.Err() != nil && r.State == Unreachable {
			r.State, r.Err = Aborted, "nothing was sent"
		}
		if ctx.Err() != nil && r.State == Lost {
			r.State, r.Err = Aborted, "it was sent, and if it runs there it does so to its end"
		}
		return r.Result
	}
}

var (
	errTimeout = errors.New("it took too long")
	errSilence = errors.New("no sign of life came any more")
)

// wait is false where the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tried is what came of one try.
type tried struct {
	Result
	again bool // nothing was sent, and another try may do better
}

// attempt sends an order once, where the machine knows what is asked for.
func (s *Sender) attempt(ctx context.Context, p Push, order []byte) tried {
	if p.Plan || p.Only != "" {
		if r := s.ask(ctx, p); r.State != Done {
			return r
		}
	}
	return s.try(ctx, p, order)
}

// unclosed is no regular expression. An agent that knows api.PushOnly says so before it looks for an order.
const unclosed = "("

// ask sends no order, but what only an agent of Writ's refuses as a mistake: for another one it is a push of nothing.
func (s *Sender) ask(ctx context.Context, p Push) tried {
	p.Only = unclosed
	r := s.try(ctx, p, nil)
	switch r.State {
	case Unreachable, Limited:
	case Lost:
		r.State = Unreachable // of an order nothing was sent
	case wrong:
		r.State = Done
	default:
		r.Result = Result{State: Unfit, Err: "it does not know --plan and --only, as Etcha's agents do not, and might run everything; nothing was sent"}
	}
	return r
}

// try sends an order once. From when anything of it may have left it is Lost, no longer Unreachable.
func (s *Sender) try(ctx context.Context, p Push, order []byte) tried {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var left atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { left.Store(true) }})
	request, err := http.NewRequestWithContext(traced, http.MethodPost, p.address(), bytes.NewReader(order))
	if err != nil {
		return unreachable(err)
	}
	request.Header.Set("Content-Type", "application/jwt") // RFC 7519 section 10.3.1
	request.Header.Set("Accept", api.EventStream+", application/json")
	request.Header.Set("User-Agent", "writ")
	if len(order) > large {
		request.Header.Set("Expect", "100-continue")
	}
	answer, err := s.client.Do(request)
	switch {
	case err != nil && left.Load() && !alerted(err):
		return tried{Result: Result{State: Lost, Err: "no answer came: " + plain(because(ctx, err))}}
	case err != nil:
		return unreachable(because(ctx, err))
	}
	defer answer.Body.Close()
	return tried{Result: s.read(ctx, cancel, p, answer)}
}

// because is why a request was ended, where we ended it.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// unreachable says why nothing was sent.
func unreachable(err error) tried {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	r := tried{Result: Result{State: Unreachable, Err: plain(err), Hint: hintOf(err)}}
	var certificate *CertificateError
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &certificate), alerted(err), errors.As(err, &name) && name.IsNotFound:
	case errors.As(err, &network), errors.Is(err, io.EOF): // the connection, or a handshake that broke off
		r.again = true
	}
	return r
}

// alerted is true for the alert by which a machine ends a handshake: of TLS 1.3 it comes after we have sent something.
func alerted(err error) bool {
	var alert *net.OpError
	return errors.As(err, &alert) && alert.Op == "remote error"
}

func hintOf(err error) string {
	var help interface{ Hint() string }
	if errors.As(err, &help) {
		return help.Hint()
	}
	return ""
}

// plain is an error without the URL that net/http puts before it, in one line.
func plain(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var alert *net.OpError
	if alerted(err) && errors.As(err, &alert) {
		err = alert
	}
	text := strings.TrimPrefix(err.Error(), "tls: failed to verify certificate: ")
	return strings.Join(strings.Fields(text), " ")
}

// read makes an answer into a result.
func (s *Sender) read(ctx context.Context, cancel context.CancelCauseFunc, p Push, answer *http.Response) Result {
	media, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if answer.StatusCode == http.StatusOK && strings.TrimSpace(media) == api.EventStream {
		return s.follow(ctx, cancel, p, answer.Body)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, api.MaxPushed+1))
	switch {
	case err != nil:
		return Result{State: Lost, Err: "its answer broke off: " + plain(because(ctx, err))}
	case len(text) > api.MaxPushed:
		return Result{State: Odd, Err: fmt.Sprintf("its answer has more than %d bytes", api.MaxPushed)}
	}
	return resultOf(p, answer.StatusCode, answer.Header, text)
}
