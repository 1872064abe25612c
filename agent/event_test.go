package agent_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// script is a list of one Command that always runs.
func script(id, change string, on ...string) command.List {
	return command.List{{ID: id, Always: true, Change: change, OnChange: on}}
}

// TestEvents: in the order in which they were sent, to the sources in the order of their names, and no further.
func TestEvents(t *testing.T) {
	t.Parallel()
	note := func(events ...string) *agent.Source {
		return &agent.Source{
			Commands:    script("note", `echo "$ETCHA_SOURCE_NAME $ETCHA_SOURCE_TRIGGER $ETCHA_EVENT_NAME $ETCHA_EVENT_ID $ETCHA_EVENT_OUTPUT $ETCHA_EVENT_PUBLIC_KEY $ETCHA_EVENT_SRC" >>trace`, "etcha:one", "etcha:again"),
			TriggerOnly: true, Events: agent.Events{Receive: events, Send: ".*"},
		}
	}
	m := newMachine(t, map[string]*agent.Source{
		"web": {AllowPush: true, Events: agent.Events{Send: "one|two|stdout", Receive: []string{"one"}}},
		"zz":  note("one", "two"), "b": note("two", "three"), "fails": {TriggerOnly: true, Events: agent.Events{Receive: []string{"one"}}, Commands: script("x", "false")},
		"again": note("again"), "nothing": {TriggerOnly: true, Events: agent.Events{Receive: []string{"one"}}},
	})
	m.run()
	send := func(id string, events ...string) string {
		return fmt.Sprintf("{ id: '%s', always: true, change: 'echo out %[1]s', onChange: ['%s'] }", id, strings.Join(events, "', '"))
	}
	out := m.push(m.sign(time.Now(), send("first", "etcha:two", "etcha:three", "etcha:onemore"), send("second", "etcha:one", "etcha:stdout", "etcha:exit")))
	if out.Err != nil || out.Exit {
		t.Errorf("%+v", out)
	}
	m.ran("", "b event two first out first first 192.0.2.7:4711, zz event two first out first first 192.0.2.7:4711, zz event one second out second first 192.0.2.7:4711")
	log := m.log.String()
	for _, name := range []string{"three", "onemore", "exit"} {
		if !strings.Contains(log, "eventsSend does not match its name\" source=web event="+name) {
			t.Errorf("that %s may not be sent is not said", name)
		}
	}
	if !strings.Contains(log, `msg="out second" source=web`) {
		t.Errorf("stdout is not in the log")
	}
	if s := m.status("fails"); s.LastRun == nil || s.LastRun.Status != "failed" || s.LastRun.Trigger != "event" {
		t.Errorf("%+v", s.LastRun)
	}
}

// TestSystemEvents follow a push and a pull, also one whose Commands fail.
func TestSystemEvents(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "web.jwt")
	m := newMachine(t, map[string]*agent.Source{
		"web":  {AllowPush: true, PullPaths: []string{path}},
		"told": {TriggerOnly: true, Events: agent.Events{Receive: []string{"push", "pull"}}, Commands: script("note", `echo "$ETCHA_EVENT_NAME [$ETCHA_EVENT_ID] $ETCHA_EVENT_OUTPUT" >>trace`)},
	})
	m.run()
	now := time.Now()
	m.push(m.sign(now.Add(-time.Hour), "{ id: 'a', always: true, change: 'true' }", "{ id: 'b', always: true, change: 'exit 3' }"))
	m.ran("push", `push [] {"source":"web","changedIDs":["a"],"removedIDs":[],"err":"command \"b\": change: exit status 3"}`)
	m.place(path, m.sign(now, "{ id: 'c', always: true, change: 'true' }"))
	awaitFor(t, "the pull is told of", func() bool {
		s := m.status("told")
		return s.LastRun != nil && m.status("web").LastRun.Trigger == "pull" && len(s.Running) == 0
	})
	m.pulledAs("new")
	m.ran("pull", `pull [] {"source":"web","changedIDs":["c"],"removedIDs":[],"err":""}`)
}

// TestExit: an event ends the agent, once the sources that receive it have run, and the answer is given.
func TestExit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{
		"web":  {AllowPush: true, Events: agent.Events{Send: "exit"}},
		"last": {TriggerOnly: true, Events: agent.Events{Receive: []string{"exit"}}, Commands: script("note", "echo last >>trace")},
	})
	a := m.start()
	ended := make(chan error, 1)
	go func() { ended <- a.Run(context.Background()) }()
	out := m.push(m.sign(time.Now(), "{ id: 'a', check: 'test -e a', change: 'touch a', onChange: 'etcha:exit' }"))
	if !out.Exit || out.Err != nil {
		t.Errorf("%+v", out)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	m.ran("who receives it", "last")
	must(t, a.Close())
	stop := m.run()
	m.settled("web")
	if s := m.status("web"); s.Interrupted || s.Order == nil {
		t.Errorf("%+v", s)
	}
	must(t, stop())
}

// TestWebhook: the sources that have the path run in the order of their names, and the first webhookBody is the reply.
func TestWebhook(t *testing.T) {
	t.Parallel()
	hook := func(change string, on ...string) *agent.Source {
		return &agent.Source{TriggerOnly: true, WebhookPaths: []string{"/hook"}, Commands: script("hook", change, on...)}
	}
	m := newMachine(t, map[string]*agent.Source{
		"a": hook("echo a >>trace"), "c": hook("echo c >>trace; echo never", "etcha:webhookBody"),
		"b":     hook(`echo b >>trace; env | grep ^ETCHA | sort; echo "$ETCHA_WEBHOOK_HEADERS" >headers`, "etcha:webhookBody"),
		"other": {TriggerOnly: true, WebhookPaths: []string{"/other"}, Commands: append(script("type", "echo text/x-test", "etcha:webhookContentType"), script("body", "echo one; echo two", "etcha:webhookBody")...)},
		"none":  {TriggerOnly: true, WebhookPaths: []string{"/none"}, Commands: script("none", "true")},
	})
	m.run()
	w := agent.Webhook{Path: "/hook", Method: "POST", Query: "x=1&y=2", Body: []byte("some data"), Header: http.Header{"X-My-Header": {"hello", "again"}, "Accept": {"*/*"}}}
	reply, found := m.agent.Webhook(t.Context(), w)
	want := "ETCHA_SOURCE_NAME=b\nETCHA_SOURCE_TRIGGER=webhook\nETCHA_WEBHOOK_BODY=" + base64.StdEncoding.EncodeToString([]byte("some data")) +
		"\nETCHA_WEBHOOK_HEADERS=Accept: */*\nETCHA_WEBHOOK_METHOD=POST\nETCHA_WEBHOOK_PATH=/hook\nETCHA_WEBHOOK_QUERY=x=1&y=2"
	if !found || string(reply.Body) != want || reply.ContentType != "" {
		t.Errorf("%v, %q\nwant %q", found, reply.Body, want)
	}
	headers, err := os.ReadFile(filepath.Join(m.dir, "headers"))
	if err != nil || string(headers) != "Accept: */*\nX-My-Header: hello\nX-My-Header: again\n" {
		t.Errorf("%q, %v", headers, err)
	}
	m.ran("until the first reply", "a, b")
	if reply, found := m.agent.Webhook(t.Context(), agent.Webhook{Path: "/other"}); !found || string(reply.Body) != "one\ntwo" || reply.ContentType != "text/x-test" {
		t.Errorf("%v, %q, %q", found, reply.Body, reply.ContentType)
	}
	for _, path := range []string{"/none", "/nowhere", "/hook/", "", "hook"} {
		if reply, found := m.agent.Webhook(t.Context(), agent.Webhook{Path: path}); found || reply.Body != nil {
			t.Errorf("%q is answered %q", path, reply.Body)
		}
	}
	// Nothing of a request is seen by a later run.
	reply, _ = m.agent.Webhook(t.Context(), agent.Webhook{Path: "/hook"})
	if got := string(reply.Body); !strings.Contains(got, "ETCHA_WEBHOOK_BODY=\n") || strings.Contains(got, "hello") || strings.Contains(got, "x=1") {
		t.Errorf("of another request: %q", got)
	}
}

// TestHostileWebhook: content is data, never part of a script, and of any size.
func TestHostileWebhook(t *testing.T) {
	t.Parallel()
	m := newMachine(t, map[string]*agent.Source{"a": {TriggerOnly: true, WebhookPaths: []string{"/"}, Commands: script("hook",
		`printf '%s|%s|%s' "$ETCHA_WEBHOOK_QUERY" "$ETCHA_WEBHOOK_METHOD" "$(base64 -d "${ETCHA_WEBHOOK_BODY_FILE:-/dev/null}" | wc -c)"`, "etcha:webhookBody")}})
	m.run()
	for _, query := range []string{"$(touch owned)", "`touch owned`", "'; touch owned; '", "${HOME}", "a\x00b", strings.Repeat("x", 1000)} {
		reply, found := m.agent.Webhook(t.Context(), agent.Webhook{Path: "/", Query: query, Method: "$(touch owned)", Body: make([]byte, 1<<20)})
		want := strings.ReplaceAll(query, "\x00", "") + "|$(touch owned)|1048576"
		if !found || string(reply.Body) != want {
			t.Errorf("%q: %q; want %q", query, reply.Body, want)
		}
	}
	if got := m.there(); got != "" {
		t.Errorf("there is %s", got)
	}
}
