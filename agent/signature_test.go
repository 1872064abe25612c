package agent_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
)

// TestSignedWebhooks: each way with its documented example or with what its documentation computes, and whatever is wrong
// with a request, nothing runs and the caller learns nothing.
func TestSignedWebhooks(t *testing.T) {
	t.Parallel()
	const at = 1674087231 // of Standard Webhooks' example
	sources := map[string]*agent.Source{}
	for name, w := range map[string]agent.Webhooks{
		"github": {Verify: "github", Secrets: []agent.Secret{"an old secret", "It's a Secret to Everybody"}},
		"gitlab": {Verify: "gitlab", Secrets: []agent.Secret{"gitlab secret", "another secret"}},
		"standard": {Verify: "standard", Secrets: []agent.Secret{
			"whsec_" + agent.Secret(base64.StdEncoding.EncodeToString([]byte("an old secret"))), "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
		}},
	} {
		sources[name] = &agent.Source{TriggerOnly: true, WebhookPaths: []string{"/" + name}, Webhooks: w, Commands: script("hook", `echo `+name+` >>trace; printf %s "$ETCHA_WEBHOOK_HEADERS"`, "etcha:webhookBody")}
	}
	m := newMachine(t, sources)
	m.setClock(time.Unix(at, 0))
	m.run()
	sum := func(key, text string) []byte {
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	decoded, err := base64.StdEncoding.DecodeString("C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
	must(t, err)
	standard := func(key, id string, at int64, body string) http.Header {
		stamp := fmt.Sprint(at)
		return http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {"v1,bm9uZQ== v1a,xyz v1," + base64.StdEncoding.EncodeToString(sum(key, id+"."+stamp+"."+body))}}
	}
	github := func(signature string) http.Header { return http.Header{"X-Hub-Signature-256": {signature}} }
	for _, c := range []struct {
		name, source, body string
		header             http.Header
		taken              bool
	}{
		{"documented", "github", "Hello, World!", github("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), true},
		{"with the other secret", "github", "x", github("sha256=" + hex.EncodeToString(sum("an old secret", "x"))), true},
		{"another body", "github", "Hello, World?", github("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), false},
		{"no prefix", "github", "Hello, World!", github("757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), false},
		{"cut", "github", "Hello, World!", github("sha256=757107ea"), false},
		{"empty", "github", "Hello, World!", github("sha256="), false},
		{"none", "github", "Hello, World!", nil, false},
		{"SHA-1", "github", "x", http.Header{"X-Hub-Signature": {"sha1=00"}}, false},

		{"the secret", "gitlab", "x", http.Header{"X-Gitlab-Token": {"another secret"}}, true},
		{"a part of it", "gitlab", "x", http.Header{"X-Gitlab-Token": {"another secre"}}, false},
		{"empty", "gitlab", "x", http.Header{"X-Gitlab-Token": {""}}, false},
		{"none", "gitlab", "x", nil, false},

		{"as signed", "standard", `{"test": 1}`, standard(string(decoded), "msg_p5jXN8AQM9LWM0D4loKWxJek", at, `{"test": 1}`), true},
		{"with the other secret", "standard", "x", standard("an old secret", "id", at+299, "x"), true},
		{"old", "standard", "x", standard(string(decoded), "id", at-301, "x"), false},
		{"from the future", "standard", "x", standard(string(decoded), "id", at+301, "x"), false},
		{"another body", "standard", "y", standard(string(decoded), "id", at, "x"), false},
		{"no id", "standard", "x", standard(string(decoded), "", at, "x"), false},
		{"none", "standard", "x", nil, false},
	} {
		reply, found := m.agent.Webhook(t.Context(), agent.Webhook{Path: "/" + c.source, Method: "POST", Header: c.header, Body: []byte(c.body), RemoteAddr: "192.0.2.1:1"})
		if found != c.taken {
			t.Errorf("%s, %s: taken %v", c.source, c.name, found)
		}
		want := ""
		if c.taken {
			want = c.source
		}
		m.ran(c.source+", "+c.name, want)
		if strings.Contains(string(reply.Body), "secret") || reply.Body != nil && !found {
			t.Errorf("%s, %s: %q", c.source, c.name, reply.Body)
		}
	}
	if got := m.reasons("gitlab"); got != "webhook webhook" || m.status("gitlab").Refusals[0].Count != 3 {
		t.Errorf("refusals: %s", got)
	}
}
