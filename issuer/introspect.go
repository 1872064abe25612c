package issuer

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/writ-run/writ/internal/listen"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// maxIntrospect bounds a request: a token of the largest size, form-encoded, with an audience.
const maxIntrospect = 2 * token.DefaultMaxBytes

// introspection is the validation endpoint (RFC 7662). It is open to whoever holds the token, so what it tells a
// stranger is one bit: only where the signature holds does it say why.
type introspection struct {
	issuer  *Issuer
	limiter *listen.Limiter
}

func newIntrospection(i *Issuer) *introspection {
	return &introspection{i, listen.NewLimiter(i.config.Rate, max(1, int(i.config.Rate)), i.now)}
}

func (h *introspection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if wait := h.limiter.Wait(r.RemoteAddr); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		h.issuer.metrics.count(introspected("rate_limited"))
		refuse(w, http.StatusTooManyRequests, "rate_limited", "too many introspections from this address")
		return
	}
	q, problem := readQuestion(w, r)
	if problem != nil {
		h.issuer.metrics.count(introspected("invalid_request"))
		refuse(w, problem.status, "invalid_request", problem.description)
		return
	}
	body, result := h.answer(r, q)
	h.issuer.metrics.count(introspected(result))
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// question is what is asked.
type question struct{ token, audience string }

type problem struct {
	status      int
	description string
}

const oneForm = "give the token in exactly one way: form field token, JSON {\"token\":...}, or bearer header"

// readQuestion reads exactly one form of the token.
func readQuestion(w http.ResponseWriter, r *http.Request) (question, *problem) {
	bearer, problem := bearerToken(r)
	if problem != nil {
		return question{}, problem
	}
	if r.URL.RawQuery != "" {
		return question{}, bad("the query is not read: a token in a URL ends up in logs")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxIntrospect))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return question{}, newProblem(http.StatusRequestEntityTooLarge, "the body has more than "+strconv.Itoa(maxIntrospect)+" bytes")
	}
	if err != nil {
		return question{}, bad("the body cannot be read")
	}
	q, problem := parseBody(r.Header.Get("Content-Type"), body)
	switch {
	case problem != nil:
		return question{}, problem
	case (bearer == "") == (q.token == ""):
		return question{}, bad(oneForm)
	case bearer != "":
		q.token = bearer
	}
	return q, nil
}

func newProblem(status int, description string) *problem { return &problem{status, description} }
func bad(description string) *problem                    { return newProblem(http.StatusBadRequest, description) }

// bearerToken reads an Authorization header (RFC 6750 section 2.1).
func bearerToken(r *http.Request) (string, *problem) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", nil
	}
	scheme, bearer, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "bearer") || strings.TrimSpace(bearer) == "" {
		return "", bad("the Authorization header is not one bearer token")
	}
	return strings.TrimSpace(bearer), nil
}

// parseBody reads a form or JSON; an empty body asks nothing.
func parseBody(contentType string, body []byte) (question, *problem) {
	if len(body) == 0 {
		return question{}, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return question{}, newProblem(http.StatusUnsupportedMediaType, "want Content-Type application/x-www-form-urlencoded or application/json")
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return parseForm(string(body))
	case "application/json":
		var q struct {
			Token    *string `json:"token"`
			Hint     string  `json:"token_type_hint"`
			Audience string  `json:"audience"`
		}
		if err := json.Unmarshal(body, &q, json.RejectUnknownMembers(true)); err != nil {
			return question{}, bad(`the body is not {"token":...}, with audience where it matters`)
		}
		if q.Token != nil && *q.Token == "" {
			return question{}, bad("the token is empty")
		}
		if q.Token == nil {
			return question{audience: q.Audience}, nil
		}
		return question{*q.Token, q.Audience}, nil
	}
	return question{}, newProblem(http.StatusUnsupportedMediaType, "want Content-Type application/x-www-form-urlencoded or application/json")
}

func parseForm(body string) (question, *problem) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return question{}, bad("the body is not a form")
	}
	if len(form["token"]) > 1 || len(form["audience"]) > 1 {
		return question{}, bad("a form field is there twice; " + oneForm)
	}
	if form.Has("token") && form.Get("token") == "" {
		return question{}, bad("the token is empty")
	}
	return question{form.Get("token"), form.Get("audience")}, nil
}

// answer is the response and, for the metrics, its result.
func (h *introspection) answer(r *http.Request, q question) (body []byte, result string) {
	i := h.issuer
	profile := token.Profile{Issuer: i.config.URL, AnyAudience: q.audience == "", Required: []string{"exp", "jti"}, Now: i.now}
	if q.audience != "" {
		profile.Audience = []string{q.audience}
	}
	verified, report, err := token.Verify[workload.Identity](r.Context(), q.token, i.keys, profile)
	if err != nil {
		if !report.SignatureHolds() {
			return inactive("", ""), "inactive"
		}
		reason := reasonOf(err)
		return inactive(reason, detailOf(report)), reason
	}
	if !i.live(verified.Claims().ID) {
		return inactive("run_ended", "the run has ended, was killed, or is not known here"), "run_ended"
	}
	// The payload is an object that we signed; its members follow "active".
	payload := verified.Payload()
	body = make([]byte, 0, len(payload)+16)
	body = append(body, `{"active":true,`...)
	return append(body, payload[1:]...), "active"
}

// reasonOf is the code of the first failed check, by weight.
func reasonOf(err error) string {
	for _, one := range [...]struct {
		err  error
		code string
	}{
		{token.ErrClaims, "invalid_claims"},
		{token.ErrRequired, "invalid_claims"},
		{token.ErrIssuer, "wrong_issuer"},
		{token.ErrExpired, "expired"},
		{token.ErrNotYetValid, "not_yet_valid"},
		{token.ErrAudience, "wrong_audience"},
	} {
		if errors.Is(err, one.err) {
			return one.code
		}
	}
	return "invalid"
}

// detailOf names every failed check.
func detailOf(report token.Report) string {
	return (&token.Error{Failed: report.Failed()}).Error()
}

func inactive(reason, detail string) []byte {
	if reason == "" {
		return []byte(`{"active":false}`)
	}
	body, err := json.Marshal(struct {
		Active bool   `json:"active"`
		Reason string `json:"reason"`
		Detail string `json:"detail,omitzero"`
	}{false, reason, detail})
	if err != nil {
		return []byte(`{"active":false}`)
	}
	return body
}
