package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/time/rate"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/workload"
)

// handler answers POST /identity for one run.
type handler struct {
	mint      minter
	audiences []string // that the run may ask for
	limiter   *rate.Limiter
	now       func() time.Time
	log       *slog.Logger

	mu    sync.RWMutex // held for reading while a request is answered
	ended bool
}

func newHandler(m minter, g workload.Grant, c Config) *handler {
	audiences := slices.Clone(g.Audiences)
	for _, f := range g.Files {
		audiences = append(audiences, f.Audience)
	}
	return &handler{mint: m, audiences: audiences, limiter: rate.NewLimiter(rate.Limit(c.Rate), c.Burst), now: c.Now, log: c.Log}
}

// end returns when the last request has been answered; later ones are not.
func (h *handler) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
}

// refusal is an answer that is an error; the codes are those of OAuth 2.0 (RFC 6749 section 5.2) where one fits.
type refusal struct {
	status            int
	code, description string
}

func (r *refusal) Error() string { return r.description }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	minted, err := h.answer(w, r)
	if err != nil {
		h.refuse(w, err)
		return
	}
	h.write(w, http.StatusOK, api.IdentityAnswer{Token: minted.Token, ExpiresAt: minted.Claims.Expiry.Time().UTC()})
}

func (h *handler) answer(w http.ResponseWriter, r *http.Request) (workload.Minted, error) {
	switch {
	case h.ended:
		return workload.Minted{}, &refusal{http.StatusForbidden, "access_denied", "the run has ended"}
	case r.URL.Path != "/identity":
		return workload.Minted{}, &refusal{http.StatusNotFound, "not_found", "there is only POST /identity"}
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return workload.Minted{}, &refusal{http.StatusMethodNotAllowed, "method_not_allowed", "only POST is allowed"}
	case !h.limiter.AllowN(h.now(), 1):
		w.Header().Set("Retry-After", "1")
		return workload.Minted{}, &refusal{http.StatusTooManyRequests, "rate_limited", fmt.Sprintf("more than %v requests a second", h.limiter.Limit())}
	}
	q, err := h.read(w, r)
	if err != nil {
		return workload.Minted{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), mintTimeout)
	defer cancel()
	return h.mint.Mint(ctx, q)
}

// read decodes and checks the body. An empty one asks for what the file has: the grant's first audience, the default life.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (workload.Request, error) {
	invalid := func(format string, arguments ...any) (workload.Request, error) {
		return workload.Request{}, &refusal{http.StatusBadRequest, "invalid_request", fmt.Sprintf(format, arguments...)}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return workload.Request{}, &refusal{http.StatusRequestEntityTooLarge, "invalid_request", "body: more than " + strconv.Itoa(maxBody) + " bytes"}
	}
	if err != nil {
		return invalid("body: %v", err)
	}
	var wanted api.IdentityRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &wanted, json.RejectUnknownMembers(true)); err != nil {
			return invalid(`body: want {"audience":["..."],"expires_in":"10m"}: %v`, err)
		}
	}
	if len(wanted.Audience) > maxAudiences {
		return invalid("audience: %d of them; at most %d", len(wanted.Audience), maxAudiences)
	}
	for _, audience := range wanted.Audience {
		if !slices.Contains(h.audiences, audience) {
			return workload.Request{}, &refusal{http.StatusForbidden, "access_denied",
				fmt.Sprintf("audience %.200q: issuer.identity grants this run %s", audience, quoted(h.audiences))}
		}
	}
	q := workload.Request{Audience: wanted.Audience}
	if wanted.ExpiresIn != "" {
		if q.Life, err = workload.ParseLife(wanted.ExpiresIn); err != nil {
			return invalid(`expires_in %.40q: %v`, wanted.ExpiresIn, err)
		}
	}
	return q, nil
}

func quoted(texts []string) string {
	var quoted []string
	for _, text := range texts {
		quoted = append(quoted, strconv.Quote(text))
	}
	return strings.Join(quoted, ", ")
}

// refuse writes an error. What the minter refuses the run may know; how it fails otherwise is for the log.
func (h *handler) refuse(w http.ResponseWriter, err error) {
	var r *refusal
	switch {
	case errors.As(err, &r):
	case errors.Is(err, workload.ErrRefused):
		r = &refusal{http.StatusForbidden, "access_denied", err.Error()}
	case errors.Is(err, workload.ErrUnreachable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		w.Header().Set("Retry-After", "1")
		r = &refusal{http.StatusServiceUnavailable, "temporarily_unavailable", "the issuer cannot be reached"}
	default:
		h.log.Error("a run's request for a token failed", "error", err)
		r = &refusal{http.StatusInternalServerError, "server_error", "the token could not be minted"}
	}
	h.write(w, r.status, api.Error{Code: r.code, Description: r.description})
}

func (h *handler) write(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil { // an invalid UTF-8 in a description, for one
		status, data = http.StatusInternalServerError, []byte(`{"error":"server_error","error_description":"the answer could not be written"}`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // a client that has gone reads nothing
}
