package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/api"
)

// Paths of an agent's own beside api.PushPath.
const (
	etchaPrefix      = "/etcha/"
	etchaMetricsPath = "/etcha/v1/system/metrics"
	metricsPath      = "/metrics"
	healthPath       = "/healthz"
)

// maxWebhook bounds the body of a webhook.
const maxWebhook = 1 << 20

// exchange is a request with what its answer is made from.
type exchange struct {
	*Server
	*serving
	w       *counted
	r       *http.Request
	control *http.ResponseController
	peer    string // address, without a port
	kind    string // of request, for the log and the metrics
	source  string // that a push is for, where there is one
	whole   bool   // the body was read to its end
}

// answer is the whole HTTP side: limit, route, log.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	settings := s.current.Load()
	c := &counted{ResponseWriter: w}
	e := &exchange{Server: s, serving: settings, w: c, r: r, control: http.NewResponseController(c), peer: host(settings.proxies.Peer(r)), kind: "other"}
	_ = e.control.EnableFullDuplex() // see outlast; a writer of a test cannot
	e.route()
	e.outlast()
}

// route answers, and logs it. Paths are compared as they are, unclean ones lead nowhere.
func (e *exchange) route() {
	began := e.config.Now()
	defer e.end(began)
	e.w.Header().Set("X-Content-Type-Options", "nosniff")
	e.w.Header().Set("Cache-Control", "no-store")
	if wait := e.limiter.Wait(e.peer); wait > 0 {
		e.kind = "limited"
		e.later(http.StatusTooManyRequests, wait, "rate_limited", "too many requests from this address")
		return
	}
	switch source, isPush := strings.CutPrefix(e.r.URL.Path, api.PushPath); {
	case isPush:
		e.kind = "push"
		e.push(source)
	case e.r.URL.Path == healthPath:
		e.kind = "health"
		e.health()
	case e.r.URL.Path == metricsPath || e.r.URL.Path == etchaMetricsPath:
		e.kind = "metrics"
		e.metrics()
	case e.hooks[e.r.URL.Path]:
		e.kind = "webhook"
		e.webhook()
	default:
		e.nothing()
	}
}

// end logs an exchange: no path, no query and no header, since any of them may hold a token or a key. What has gone wrong
// within is logged and not told.
func (e *exchange) end(began time.Time) {
	if problem := recover(); problem != nil {
		e.log.Error("an answer failed; this is a bug of writ", "request", e.kind, "problem", fmt.Sprint(problem), "stack", string(debug.Stack()))
		switch {
		case e.w.status != 0: // half an answer is not to be taken for a whole one
			defer panic(http.ErrAbortHandler)
		case e.kind == "push":
			e.pushed(http.StatusInternalServerError, api.Pushed{Err: "internal error"})
		default:
			e.refuse(http.StatusInternalServerError, "server_error", "internal error")
		}
	}
	e.counts.count(e.kind, e.w.status)
	level := slog.LevelInfo
	if e.kind == "health" || e.kind == "metrics" || e.kind == "limited" {
		level = slog.LevelDebug
	}
	attributes := []slog.Attr{
		slog.String("request", e.kind), slog.Int("status", e.w.status), slog.String("peer", e.peer),
		slog.Duration("took", e.config.Now().Sub(began)), slog.Int64("bytes", e.w.bytes),
	}
	if e.source != "" {
		attributes = append(attributes, slog.String("source", e.source))
	}
	e.log.LogAttrs(e.r.Context(), level, "answered", attributes...)
}

// nothing is at this path, or none that is told of.
func (e *exchange) nothing() {
	e.refuse(http.StatusNotFound, "not_found", "there is nothing at this path")
}

// refuse answers with an error body; below Etcha's paths, where its senders expect none, without.
func (e *exchange) refuse(status int, code, description string) {
	if strings.HasPrefix(e.r.URL.Path, etchaPrefix) {
		e.w.Header().Set("Content-Length", "0")
		e.w.WriteHeader(status)
		return
	}
	e.json(status, api.Error{Code: code, Description: description})
}

func (e *exchange) later(status int, wait time.Duration, code, description string) {
	e.w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
	e.refuse(status, code, description)
}

func (e *exchange) json(status int, value any) {
	text, err := encode(value)
	if err != nil {
		panic(err) // texts and numbers
	}
	e.write(status, "application/json", text)
}

// write sends a whole answer. A client that has gone is nobody's mistake.
func (e *exchange) write(status int, contentType string, body []byte) {
	e.w.Header().Set("Content-Type", contentType)
	e.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	e.w.WriteHeader(status)
	if e.r.Method != http.MethodHead {
		_, _ = e.w.Write(body)
	}
}

// takes tells whether the method is one of these, and refuses it else.
func (e *exchange) takes(methods ...string) bool {
	if slices.Contains(methods, e.r.Method) {
		return true
	}
	e.w.Header().Set("Allow", strings.Join(methods, ", "))
	e.refuse(http.StatusMethodNotAllowed, "method_not_allowed", "this path takes "+strings.Join(methods, ", "))
	return false
}

func (e *exchange) health() {
	if e.takes(http.MethodGet, http.MethodHead) {
		e.write(http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
	}
}

// metrics shows them to who names the key: in the query, as Etcha has it, or as a bearer token.
func (e *exchange) metrics() {
	if e.config.MetricsKey == "" {
		e.nothing()
		return
	}
	if !e.takes(http.MethodGet, http.MethodHead) {
		return
	}
	key := e.r.URL.Query().Get("key")
	if scheme, bearer, found := strings.Cut(e.r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "bearer") {
		key = strings.TrimSpace(bearer)
	}
	if !equal(key, string(e.config.MetricsKey)) {
		e.w.Header().Set("WWW-Authenticate", "Bearer")
		e.refuse(http.StatusUnauthorized, "unauthorized", "want run.systemMetricsKey, as a bearer token or as the parameter key")
		return
	}
	var text bytes.Buffer
	if err := e.receiver.Metrics(&text); err != nil {
		e.log.Error("the metrics cannot be written", "error", err)
		e.refuse(http.StatusInternalServerError, "server_error", "the metrics cannot be written")
		return
	}
	e.counts.write(&text)
	writeRefused(&text, e.peers.Refused())
	e.write(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", text.Bytes())
}

// equal compares secrets in a time that says nothing about them.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// webhook runs what a request to a path of webhookPaths sets off, and answers with what that prints for it.
func (e *exchange) webhook() {
	body, status := e.body(maxWebhook)
	switch status {
	case 0:
		defer body.release()
	case http.StatusServiceUnavailable:
		e.later(status, time.Second, "busy", "too much is sent at once")
		return
	case http.StatusRequestEntityTooLarge:
		e.refuse(status, "too_large", fmt.Sprintf("a webhook has at most %d bytes", maxWebhook))
		return
	default:
		e.refuse(status, "invalid_request", "the body cannot be read")
		return
	}
	e.unhurried()
	reply, found := e.receiver.Webhook(context.WithoutCancel(e.r.Context()), Webhook{
		Path: e.r.URL.Path, Method: e.r.Method, Query: e.r.URL.RawQuery, RemoteAddr: e.peer, Header: e.r.Header, Body: body.data,
	})
	e.hurried()
	if !found {
		e.nothing()
		return
	}
	if reply.ContentType == "" {
		reply.ContentType = "text/plain; charset=utf-8"
	}
	e.write(http.StatusOK, reply.ContentType, reply.Body)
}

// unhurried takes the bounds of time away that hold for a request: what it set off has bounds of its own.
func (e *exchange) unhurried() {
	_ = e.control.SetReadDeadline(time.Time{}) // a writer of a test has none
	_ = e.control.SetWriteDeadline(time.Time{})
}

// hurried gives the client the time to read its answer.
func (e *exchange) hurried() {
	_ = e.control.SetWriteDeadline(time.Now().Add(e.bounds.Write))
}

// host is an address without its port.
func host(remote string) string {
	if withPort, err := netip.ParseAddrPort(remote); err == nil {
		return withPort.Addr().Unmap().String()
	}
	return remote
}

// counted notes what is answered.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counted) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(data []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(data)
	c.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// writeRefused writes how many connections were closed at once, since their peers had too many.
func writeRefused(w io.Writer, n uint64) {
	const name = "writ_http_connections_refused_total"
	fmt.Fprintf(w, "# HELP %s Connections that were closed at once, since their peer address had too many.\n# TYPE %[1]s counter\n%[1]s %d\n", name, n)
}

// requests counts answers. Neither label has a value that a client chooses.
type requests struct {
	mu     sync.Mutex
	counts map[[2]string]uint64
}

func (r *requests) count(kind string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[[2]string]uint64{}
	}
	r.counts[[2]string{kind, strconv.Itoa(status)}]++
}

// write writes the counts in Prometheus's text format.
func (r *requests) write(w io.Writer) {
	r.mu.Lock()
	counts := maps.Clone(r.counts)
	r.mu.Unlock()
	const name = "writ_http_requests_total"
	fmt.Fprintf(w, "# HELP %s Requests answered, by what they asked for and status.\n# TYPE %[1]s counter\n", name)
	for _, labels := range slices.SortedFunc(maps.Keys(counts), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		fmt.Fprintf(w, "%s{request=%q,status=%q} %d\n", name, labels[0], labels[1], counts[labels])
	}
}
