package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/journal"
)

// maxStream bounds all events of one machine.
const maxStream = 256 << 20

// follow reads an answer of events to its result.
func (s *Sender) follow(ctx context.Context, cancel context.CancelCauseFunc, p Push, body io.Reader) Result {
	silence := time.AfterFunc(s.config.Silence, func() { cancel(errSilence) })
	defer silence.Stop()
	events := newEvents(&lively{io.LimitReader(body, maxStream), func() { silence.Reset(s.config.Silence) }})
	for {
		name, data, err := events.next()
		switch {
		case errors.Is(err, io.EOF):
			return Result{State: Lost, Err: "its answer ended without a result"}
		case errors.Is(err, errLong):
			return Result{State: Odd, Err: err.Error()}
		case err != nil:
			return Result{State: Lost, Err: "its answer broke off: " + plain(because(ctx, err))}
		case name == api.EntryEvent:
			tell(p, data)
		case name == api.ResultEvent:
			silence.Reset(time.Second)
			events.lines.Scan() // the end, after which the connection can be used again
			var r received
			if json.Unmarshal(data, &r) != nil || r.Status == 0 {
				return Result{State: Odd, Err: "its result is none"}
			}
			if !slices.Contains([]int{http.StatusOK, http.StatusInternalServerError, http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable, http.StatusTooManyRequests}, r.Status) {
				return Result{State: Odd, Err: fmt.Sprintf("its result has status %d, as no agent's", r.Status)}
			}
			return judged(p, r.Status, r)
		}
	}
}

// lively says so whenever something was read.
type lively struct {
	io.Reader
	alive func()
}

func (l *lively) Read(data []byte) (int, error) {
	n, err := l.Reader.Read(data)
	if n > 0 {
		l.alive()
	}
	return n, err
}

// kinds are those of entries that a machine may tell of.
var kinds = []journal.Kind{journal.Output, journal.Start, journal.Finish, journal.Note, journal.Warning, journal.Errored}

// tell passes an entry on, as one of this target: a machine cannot speak for another, or for writ. What is no entry is left
// out, and what cannot be shown is not: what becomes of the order is not for the one who shows it to decide.
func tell(p Push, data []byte) {
	var e journal.Entry
	if p.Sink == nil || len(data) > maxEntry || json.Unmarshal(data, &e) != nil || !slices.Contains(kinds, e.Kind) {
		return
	}
	_ = p.Sink.Append(journal.Entry{
		Time: time.Now(), Kind: e.Kind, Job: p.Target.Name, Step: short(e.Step, maxName), Stream: short(e.Stream, maxName),
		Text: short(e.Text, maxText), Partial: e.Partial, Status: short(e.Status, maxName), Exit: e.Exit,
	})
}

// events reads server-sent events (HTML standard, section 9.2.6).
type events struct{ lines *bufio.Scanner }

var errLong = fmt.Errorf("a line of its answer has more than %d bytes", api.MaxPushed)

func newEvents(r io.Reader) events {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), api.MaxPushed+64)
	return events{lines}
}

// next returns the next event. Data is good until the one after it.
func (e events) next() (name string, data []byte, err error) {
	var several []byte
	for e.lines.Scan() {
		line := e.lines.Bytes() // without a carriage return at its end
		if len(line) == 0 {
			if several != nil {
				return name, several, nil
			}
			name = ""
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			name = string(value)
		case "data":
			if several != nil {
				several = append(several, '\n')
			}
			if len(several)+len(value) > api.MaxPushed {
				return "", nil, errLong
			}
			several = append(several, value...)
			if several == nil {
				several = []byte{}
			}
		}
	}
	switch err := e.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return "", nil, errLong
	case err != nil:
		return "", nil, err
	}
	return "", nil, io.EOF
}
