package agent

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/writ-run/writ/agent/pull"
	"github.com/writ-run/writ/command"
)

// Run is what all sources of an agent have in common.
type Run struct {
	Verification
	StateDir       string        // directory of the orders, the records of their runs and the high-water marks
	StartDelay     time.Duration // at most, before the agent begins; the delay itself is random
	PushTimeout    time.Duration // at most, for the run of a pushed order
	WebhookTimeout time.Duration // at most, for the run of a webhook
	MetricsKey     Secret        // whoever asks for metrics has to name it; empty: there are none under Etcha's path
}

// Validate returns every mistake, each beginning with its key below run.
func (r Run) Validate() error {
	problems := []error{r.Verification.validate()}
	for _, limit := range []struct {
		name string
		of   time.Duration
	}{{"timeoutPush", r.PushTimeout}, {"timeoutWebhook", r.WebhookTimeout}} {
		if limit.of <= 0 {
			problems = append(problems, fmt.Errorf("%s %s is not longer than 0", limit.name, limit.of))
		}
	}
	return errors.Join(problems...)
}

// Source is where orders come from and how they run.
type Source struct {
	Verification
	Audience []string // names beside the source's own that an order may be addressed to; "*": all

	AllowPush         bool          // orders may be pushed to it
	PullPaths         []string      // files and URLs, tried in this order, that orders are pulled from; a URL may end in #header:value
	PullIgnoreVersion bool          // an order that differs from the last in its writer's version alone is the same
	RunFrequency      time.Duration // between two runs, each after a pull; 0: at the start only
	Events            Events        // what it runs on and what it may send
	WebhookPaths      []string      // paths of HTTP requests that it runs on
	Webhooks          Webhooks      // how it knows who makes them
	TriggerOnly       bool          // it runs on events and webhooks only

	Commands  command.List   // what runs until the first order has come
	Exec      *command.Exec  // in place of the main one, where that allows it; nil: the main one
	Vars      map[string]any // over the main vars
	CheckOnly bool           // nothing is changed or removed
	NoRemove  bool           // what an order no longer has is left as it is
	NoRestore bool           // orders are not kept for the next start
	RunMulti  bool           // runs need not wait for one another
}

// Events are the events of a source.
type Events struct {
	Receive []string // names that it runs on
	Send    string   // expression over names that its Commands may send; empty: none
}

// maxName bounds the name of a source: a file of its state is called after it.
const maxName = 200

// ValidateName checks the name of a source. It is part of a path and of a file's name.
func ValidateName(name string) error {
	switch {
	case name == "":
		return errors.New("a source needs a name")
	case len(name) > maxName:
		return fmt.Errorf("the source's name has %d bytes; at most %d are taken", len(name), maxName)
	case strings.HasPrefix(name, "."):
		return fmt.Errorf("the source's name %q begins with a dot", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r == '/' || r == '\\' || r < ' ' || r == 0x7f || r == '\ufffd' }):
		return fmt.Errorf("the source's name %q has a slash or a character that is not printable", name)
	}
	return nil
}

// Validate returns every mistake, each beginning with its key below the source.
func (s Source) Validate() error {
	problems := []error{s.Verification.validate(), s.Commands.Validate("commands"), s.Events.validate()}
	if s.Exec != nil {
		problems = append(problems, s.Exec.Validate("exec"))
	}
	for i, a := range s.Audience {
		if a == "" {
			problems = append(problems, fmt.Errorf("audience[%d] is empty", i))
		}
	}
	for i, path := range s.PullPaths {
		if _, err := pull.Parse(path); err != nil {
			problems = append(problems, fmt.Errorf("pullPaths[%d] %w", i, err))
		}
	}
	if s.RunFrequency < 0 {
		problems = append(problems, fmt.Errorf("runFrequency %s is negative", s.RunFrequency))
	}
	problems = append(problems, s.Webhooks.validate())
	for i, path := range s.WebhookPaths {
		if err := checkWebhookPath(path); err != nil {
			problems = append(problems, fmt.Errorf("webhookPaths[%d] %q: %w", i, path, err))
		}
	}
	return errors.Join(problems...)
}

func (e Events) validate() error {
	var problems []error
	for i, name := range e.Receive {
		switch {
		case name == "":
			problems = append(problems, fmt.Errorf("eventsReceive[%d] is empty", i))
		case strings.HasPrefix(name, "etcha:"):
			problems = append(problems, fmt.Errorf("eventsReceive[%d] %q: want the name of the event alone, without the word etcha and its colon", i, name))
		}
	}
	if _, err := regexp.Compile(e.Send); err != nil {
		problems = append(problems, fmt.Errorf("eventsSend %q: %w", e.Send, err))
	}
	return errors.Join(problems...)
}

// ours are the paths of an agent's own.
var ours = []string{"/etcha", "/healthz", "/metrics"}

func checkWebhookPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("want a path that begins with a slash")
	}
	if strings.ContainsAny(path, "?#") {
		return errors.New("want a path alone, without what follows ? or #")
	}
	for _, own := range ours {
		if path == own || strings.HasPrefix(path, own+"/") {
			return fmt.Errorf("what begins with %s is the agent's own", own)
		}
	}
	return nil
}

// Target is a machine that orders are pushed to.
type Target struct {
	Hostname       string            // name or address; empty: the target's own name
	Port           string            // empty: 4000
	Insecure       bool              // http in place of https
	PathPush       string            // path of a push, without the source; empty: /etcha/v1/push
	SourcePatterns map[string]string // source -> the Pattern or Command that is pushed to it; "": any
	Vars           map[string]any    // over those of the sources
}

// Validate returns every mistake, each beginning with its key below the target.
func (t Target) Validate() error {
	var problems []error
	if strings.ContainsAny(t.Hostname, "/ ") || slices.ContainsFunc([]rune(t.Hostname), func(r rune) bool { return r < ' ' }) {
		problems = append(problems, fmt.Errorf("hostname %q: want a name or an address", t.Hostname))
	}
	if n, err := strconv.ParseUint(t.Port, 10, 16); t.Port != "" && (err != nil || n == 0) {
		problems = append(problems, fmt.Errorf("port %q: want a number from 1 to 65535", t.Port))
	}
	if t.PathPush != "" && !strings.HasPrefix(t.PathPush, "/") {
		problems = append(problems, fmt.Errorf("pathPush %q: want a path that begins with a slash", t.PathPush))
	}
	for _, name := range slices.Sorted(maps.Keys(t.SourcePatterns)) {
		if err := ValidateName(name); err != nil {
			problems = append(problems, fmt.Errorf("sourcePatterns: %w", err))
		}
	}
	return errors.Join(problems...)
}
