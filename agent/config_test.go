package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

// lines are the mistakes of a Validate, in its order.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// same compares what was found with the beginnings of what is wanted.
func same(t *testing.T, found error, want ...string) {
	t.Helper()
	got := lines(found)
	if len(got) != len(want) {
		t.Errorf("got %q\nwant %q", got, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q\nwant %q", got[i], want[i])
		}
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	same(t, agent.Source{}.Validate())
	same(t, agent.Source{
		Verification: agent.Verification{JWTRule: "any(aud, {# in ['a', 'b']})", VerifyKeys: []agent.Secret{"k"}},
		Audience:     []string{"*"},
		PullPaths:    []string{"web.jwt", "/srv/web.jwt", "http://a.example.com/web.jwt", "https://a.example.com/web.jwt#a:b\r\nskipVerify"},
		Events:       agent.Events{Receive: []string{"renewed"}, Send: ".*"},
		WebhookPaths: []string{"/hook", "/etchah", "/"},
		RunFrequency: time.Second,
		Commands:     command.List{{ID: "a", Change: "true"}},
		Exec:         &command.Exec{User: "nobody"},
	}.Validate())
	same(t, agent.Source{
		Verification: agent.Verification{
			JWTRule:        "aud ==",
			VerifyKeys:     []agent.Secret{"k", ""},
			VerifyCommands: command.List{{}},
			VerifyExec:     &command.Exec{ContainerNetwork: "bridge"},
		},
		Audience:     []string{""},
		PullPaths:    []string{"", "ftp://a.example.com/x#a:s3cret", "https://#a:s3cret", "https://user:s3cret@\x01/"},
		Events:       agent.Events{Receive: []string{"", "etcha:x"}, Send: "("},
		WebhookPaths: []string{"hook", "/hook?a", "/etcha", "/etcha/v1/push/web", "/healthz", "/metrics/x"},
		RunFrequency: -1,
		Commands:     command.List{{ID: "a", OnChange: command.Targets{"b"}}},
		Exec:         &command.Exec{ContainerPull: "yes"},
		Webhooks:     agent.Webhooks{Verify: "standard", Secrets: []agent.Secret{"short", "not base64!"}},
	}.Validate(),
		"verifyCommands[0]: id is missing",
		`jwtRule "aud ==": `,
		"verifyExec.containerNetwork: ",
		"verifyKeys[1] is empty",
		"commands[0].onChange[0]: ",
		"eventsReceive[0] is empty",
		`eventsReceive[1] "etcha:x": want the name of the event alone`,
		`eventsSend "(": `,
		"exec.containerPull: ",
		"audience[0] is empty",
		"pullPaths[0] is empty",
		`pullPaths[1] "ftp://a.example.com/x#(secret)": scheme "ftp"`,
		"pullPaths[2] is not a URL",
		"pullPaths[3] is not a URL",
		"runFrequency -1ns is negative",
		"webhookSecrets[0] has 5 bytes; at least 8",
		"webhookSecrets[0] is not base64",
		"webhookSecrets[1] is not base64",
		`webhookPaths[0] "hook": want a path that begins with a slash`,
		`webhookPaths[1] "/hook?a": want a path alone`,
		`webhookPaths[2] "/etcha": what begins with /etcha is the agent's own`,
		`webhookPaths[3] "/etcha/v1/push/web": `,
		`webhookPaths[4] "/healthz": `,
		`webhookPaths[5] "/metrics/x": `,
	)
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	secrets := []agent.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	for _, how := range []string{"github", "gitlab", "standard"} {
		same(t, agent.Source{Webhooks: agent.Webhooks{Verify: how, Secrets: secrets}}.Validate())
	}
	same(t, agent.Source{Webhooks: agent.Webhooks{Verify: "GitHub", Secrets: secrets}}.Validate(), `webhookVerify "GitHub": want github, gitlab or standard`)
	same(t, agent.Source{Webhooks: agent.Webhooks{Verify: "github"}}.Validate(), "webhookVerify has no webhookSecrets beside it")
	same(t, agent.Source{Webhooks: agent.Webhooks{Secrets: secrets}}.Validate(), "webhookSecrets has no webhookVerify beside it")
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"web", "100reboot", "a.b", "a b", "größe"} {
		if err := agent.ValidateName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".web", "a/b", "../x", `a\b`, "a\nb", "a\x7f", "\xff", strings.Repeat("a", 201)} {
		if err := agent.ValidateName(name); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	same(t, agent.Target{}.Validate())
	same(t, agent.Target{Hostname: "::1", Port: "4001", PathPush: "/a/etcha/v1/push", SourcePatterns: map[string]string{"web": "", "db": "ls -l"}}.Validate())
	same(t, agent.Target{Hostname: "a/b", Port: "0", PathPush: "push", SourcePatterns: map[string]string{"": "", "a/b": ""}}.Validate(),
		`hostname "a/b": `, `port "0": want a number from 1 to 65535`, `pathPush "push": `, "sourcePatterns: a source needs a name", `sourcePatterns: the source's name "a/b"`)
	for _, port := range []string{"x", "-1", "65536", "40 00", "+4"} {
		same(t, agent.Target{Port: port}.Validate(), "port ")
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	same(t, agent.Run{PushTimeout: 1, WebhookTimeout: 1}.Validate())
	same(t, agent.Run{Verification: agent.Verification{JWTRule: "("}, PushTimeout: -1}.Validate(),
		`jwtRule "(": `, "timeoutPush -1ns is not longer than 0", "timeoutWebhook 0s is not longer than 0")
}
