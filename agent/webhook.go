package agent

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Webhook is an HTTP request that sources may run on.
type Webhook struct {
	Path, Method string
	Query        string // as it stands in the URL, without the question mark
	RemoteAddr   string
	Header       http.Header
	Body         []byte
}

// Reply is what a webhook's caller is answered.
type Reply struct {
	Body        []byte
	ContentType string // empty: the server's choice
}

// Webhook runs the sources that have the path, in the order of their names, until a Command of one sends the event
// webhookBody, which is the reply. False: there is none. A source whose webhooks are signed runs for no other.
func (a *Agent) Webhook(ctx context.Context, w Webhook) (Reply, bool) {
	release, err := a.hold()
	if err != nil {
		return Reply{}, false
	}
	defer release()
	for _, s := range a.all() {
		c := s.settings()
		if !slices.Contains(c.WebhookPaths, w.Path) {
			continue
		}
		if err := c.Webhooks.verify(w, a.now()); err != nil {
			s.refuse(refusal{reason: reasonWebhook, by: byWebhook, from: w.RemoteAddr, err: err})
			continue
		}
		out, err := s.triggered(ctx, job{by: byWebhook, from: w.RemoteAddr, env: w.variables(s.name, c.Webhooks)})
		if err != nil {
			s.log.Error("a webhook was not handled", "path", w.Path, "error", err)
			continue
		}
		exit := s.dispatch(sent{events: out.events, key: out.key, from: w.RemoteAddr, stays: true})
		if reply, there := replyOf(out); there || exit {
			return reply, there
		}
	}
	return Reply{}, false
}

// replyOf is the first webhookBody of a run, with the first webhookContentType.
func replyOf(out Outcome) (reply Reply, there bool) {
	for _, e := range slices.Backward(out.events) {
		switch e.Name {
		case bodyEvent:
			reply.Body, there = []byte(e.Output), true
		case contentTypeEvent:
			reply.ContentType = headerValue(e.Output)
		}
	}
	return reply, there
}

// headerValue is text that can be a header's; empty: it cannot.
func headerValue(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) || len(text) > 200 {
		return ""
	}
	return text
}

// variables are what Commands see of a request: but never the secret that it came with.
func (w Webhook) variables(source string, of Webhooks) map[string]string {
	var headers []string
	for _, name := range slices.Sorted(maps.Keys(w.Header)) {
		if of.secret(name) {
			continue
		}
		for _, value := range w.Header[name] {
			headers = append(headers, name+": "+value)
		}
	}
	clean := func(text string) string { return strings.ReplaceAll(text, "\x00", "") } // no variable can hold it
	return map[string]string{
		"ETCHA_SOURCE_NAME": source, "ETCHA_SOURCE_TRIGGER": byWebhook,
		"ETCHA_WEBHOOK_BODY": base64.StdEncoding.EncodeToString(w.Body), "ETCHA_WEBHOOK_HEADERS": clean(strings.Join(headers, "\n")),
		"ETCHA_WEBHOOK_METHOD": clean(w.Method), "ETCHA_WEBHOOK_PATH": clean(w.Path), "ETCHA_WEBHOOK_QUERY": clean(w.Query),
	}
}

// errUnsigned is a webhook that is not signed as its source wants it to be.
var errUnsigned = errors.New("the webhook is not signed with a secret of webhookSecrets")
