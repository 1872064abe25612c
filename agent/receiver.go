package agent

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/journal"
)

// Push is an order that somebody sent to a source.
type Push struct {
	Source      string
	Token       []byte
	Check, Plan bool
	Only        string
	RemoteAddr  string       // of the sender
	Sink        journal.Sink // is told what the run does, while it does; nil: nobody is
}

// Outcome is what became of an order.
type Outcome struct {
	Result command.Result
	Plan   command.Plan
	Exit   bool  // a Command sent the event exit
	Err    error // a Command failed, or the run was ended
}

// ErrRefused is an order that was not taken: it was not verified, or there is nobody who would.
var ErrRefused = errors.New("the order is refused")

// OlderError is a verified order that is older than one that was accepted before.
type OlderError struct {
	IssuedAt, Mark, Now time.Time
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("the order was made at %s, and one of %s was accepted before (the clock says %s)",
		e.IssuedAt.UTC().Format(time.RFC3339), e.Mark.UTC().Format(time.RFC3339), e.Now.UTC().Format(time.RFC3339))
}

// Webhook is an HTTP request to a path of a source's webhookPaths.
type Webhook struct {
	Path, Method, Query, RemoteAddr string
	Header                          http.Header
	Body                            []byte
}

// Reply is what a webhook is answered with.
type Reply struct {
	Body        []byte
	ContentType string
}
