package agent

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/command"
)

// The bounds of what a push says.
const (
	maxOrder = 32 << 20
	maxOnly  = 4 << 10
)

// push takes an order for a source. Nothing of the body is read before it is known that somebody would look at it.
func (e *exchange) push(source string) {
	if !e.takes(http.MethodPost) {
		return
	}
	p, err := readPush(e.r.URL.RawQuery)
	if err != nil {
		e.pushed(http.StatusBadRequest, api.Pushed{Err: err.Error()})
		return
	}
	if e.config.Sources[source] != nil {
		e.source = source
	}
	if !e.pushes[source] {
		if e.source != "" { // it says so where it is asked how it stands
			_, _ = e.receiver.Push(e.r.Context(), Push{Source: source, RemoteAddr: e.peer})
		}
		e.refuse(http.StatusNotFound, "", "")
		return
	}
	order, status := e.body(maxOrder)
	switch status {
	case 0:
		defer order.release()
	case http.StatusServiceUnavailable:
		e.w.Header().Set("Retry-After", "1")
		e.pushed(status, api.Pushed{Err: "too many orders are sent at once"})
		return
	case http.StatusRequestEntityTooLarge:
		e.pushed(status, api.Pushed{Err: fmt.Sprintf("an order has at most %d bytes", maxOrder)})
		return
	default: // broken off
		e.refuse(http.StatusNotFound, "", "")
		return
	}
	p.Source, p.Token, p.RemoteAddr = source, order.data, e.peer
	e.unhurried()
	e.run(p)
}

// run has an order run. Once it runs, it does so to its end, whatever becomes of its sender: half an order would be worse
// than one that nobody waits for.
func (e *exchange) run(p Push) {
	var events *stream
	if accepts(e.r.Header.Values("Accept"), api.EventStream) {
		events = e.stream()
		p.Sink = events
		defer events.stop() // also where Push panics: nothing else may write then
	}
	outcome, err := e.receiver.Push(e.r.Context(), p)
	status, answer := told(p, outcome, err)
	if events != nil && (events.stop() || status == http.StatusOK) {
		answer.Status = status
		events.end(answer)
		return
	}
	e.hurried()
	switch status {
	case http.StatusNotFound:
		e.refuse(status, "", "")
	case http.StatusServiceUnavailable:
		e.w.Header().Set("Retry-After", "1")
		fallthrough
	default:
		e.pushed(status, answer)
	}
}

// told is what the sender of an order is told.
func told(p Push, outcome Outcome, err error) (status int, answer api.Pushed) {
	if !p.Plan {
		outcome.Plan.Steps = nil // it was not asked for
	}
	if err == nil {
		status = http.StatusOK
		if outcome.Err != nil {
			status = http.StatusInternalServerError
		}
		return status, pushedOf(outcome)
	}
	answer.Err = cut(err.Error(), maxError)
	switch {
	case errors.Is(err, ErrRefused):
		return http.StatusNotFound, api.Pushed{}
	case errors.As(err, new(*OlderError)):
		return http.StatusConflict, answer
	case errors.Is(err, ErrFilter):
		return http.StatusBadRequest, answer
	case errors.Is(err, ErrBusy), errors.Is(err, ErrUnverified), errors.Is(err, errStopping), isEnd(err): // nothing ran
		return http.StatusServiceUnavailable, answer
	}
	return http.StatusInternalServerError, answer
}

// pushed answers with what became of an order.
func (e *exchange) pushed(status int, answer api.Pushed) {
	e.json(status, complete(answer))
}

// readPush reads the parameters of a push. What is not known is refused: it may be meant to restrict what runs.
func readPush(query string) (p Push, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return p, errors.New("the query cannot be read")
	}
	for name, given := range values {
		if len(given) > 1 {
			return p, fmt.Errorf("parameter %.40q is there twice", name)
		}
		switch name {
		case api.PushCheck:
			p.Check, err = readBool(given[0])
		case api.PushPlan:
			p.Plan, err = readBool(given[0])
		case api.PushOnly:
			if p.Only = given[0]; len(p.Only) > maxOnly {
				return p, fmt.Errorf("parameter %s has %d bytes; at most %d are taken", name, len(p.Only), maxOnly)
			}
			_, err = (command.Plan{}).Only(p.Only)
		default:
			return p, fmt.Errorf("unknown parameter %.40q; want %s, %s or %s", name, api.PushCheck, api.PushPlan, api.PushOnly)
		}
		if err != nil {
			return p, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	return p, nil
}

// readBool reads a parameter that says yes by being there.
func readBool(text string) (bool, error) {
	switch text {
	case "", "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, fmt.Errorf("%.40q: want nothing, true or false", text)
}

// accepts tells whether a media type is named in an Accept header (RFC 9110 section 12.5.1), and not refused there.
func accepts(header []string, media string) bool {
	for one := range strings.SplitSeq(strings.Join(header, ","), ",") {
		name, parameters, err := mime.ParseMediaType(one)
		if err != nil || name != media {
			continue
		}
		weight, weighted := parameters["q"]
		q, err := strconv.ParseFloat(weight, 64)
		return !weighted || err == nil && q > 0
	}
	return false
}
