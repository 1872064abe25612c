package agent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
)

func TestWithin(t *testing.T) {
	t.Parallel()
	list := func(id string) command.List { return command.List{{ID: id}} }
	all := agent.Verification{JWTRule: "true", VerifyKeys: []agent.Secret{"a"}, VerifyCommands: list("a"), VerifyExec: &command.Exec{User: "a", AllowOverride: true}}
	if got, _ := (agent.Verification{}).Within(all); got.JWTRule != "true" || len(got.VerifyKeys) != 1 || got.VerifyCommands[0].ID != "a" || got.VerifyExec.User != "a" {
		t.Errorf("nothing of the source's: got %+v", got)
	}
	own := agent.Verification{JWTRule: "false", VerifyKeys: []agent.Secret{"b"}, VerifyCommands: list("b"), VerifyExec: &command.Exec{User: "b"}}
	got, allowed := own.Within(all)
	if !allowed || got.JWTRule != "false" || !slices.Equal(got.VerifyKeys, []agent.Secret{"a", "b"}) || got.VerifyCommands[0].ID != "b" || got.VerifyExec.User != "b" {
		t.Errorf("all of the source's: got %+v", got)
	}
	if all.VerifyKeys = append(all.VerifyKeys, "c"); own.VerifyKeys[0] != "b" || got.VerifyKeys[1] != "b" {
		t.Error("the merged keys share memory with others")
	}
	all.VerifyExec.AllowOverride = false
	if got, allowed := own.Within(all); allowed || got.VerifyExec.User != "a" {
		t.Errorf("an exec that allows no other: got %+v, %v", got.VerifyExec, allowed)
	}
	if got, allowed := own.Within(agent.Verification{}); !allowed || got.VerifyExec.User != "b" {
		t.Errorf("no exec of all sources': got %+v, %v", got.VerifyExec, allowed)
	}
}

// TestRequired: whatever is set to verify with makes verification required, also where no key is in it.
func TestRequired(t *testing.T) {
	t.Parallel()
	for _, v := range []agent.Verification{
		{JWTRule: "true"}, {VerifyKeys: []agent.Secret{}}, {VerifyKeys: []agent.Secret{"a"}}, {VerifyCommands: command.List{}},
	} {
		if !v.Required() {
			t.Errorf("%+v requires nothing", v)
		}
		if merged, _ := v.Within(agent.Verification{}); !merged.Required() {
			t.Errorf("%+v requires nothing once it is merged", v)
		}
	}
	if (agent.Verification{VerifyExec: &command.Exec{}}).Required() {
		t.Error("an exec alone verifies nothing")
	}
}

// TestSecret: however a Secret is printed, it is hidden.
func TestSecret(t *testing.T) {
	t.Parallel()
	run := agent.Run{MetricsKey: "s3cret", Verification: agent.Verification{VerifyKeys: []agent.Secret{"s3cret"}}}
	text, err := json.Marshal(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(run), fmt.Sprintf("%v %+v %#v", run, run, run), string(text), fmt.Sprintf("%s %q %v", run.MetricsKey, run.MetricsKey, run.MetricsKey)} {
		if strings.Contains(printed, "s3cret") || !strings.Contains(printed, "(secret)") {
			t.Errorf("printed %s", printed)
		}
	}
	if agent.Secret("").String() != "" {
		t.Error("where there is none, one is shown")
	}
}

func TestShownKey(t *testing.T) {
	t.Parallel()
	const public = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for _, text := range []string{
		"", "ed25519public:MCow:id", "rsa2048public:MIIB", public, `{"keys":[` + public + `]}`,
		"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nMCow\n-----END CERTIFICATE-----",
	} {
		if got := agent.ShownKey(agent.Secret(text)); got != text {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	for _, text := range []string{
		"ed25519private:MC4C:id", "hmac:c2VjcmV0", "s3cret", "public", "a\npublic:x", `{"kty":"oct","k":"AyM1"}`, `{"keys":[{"kty":"oct","k":"AyM1"}]}`,
		`{"kty":"OKP","crv":"Ed25519","x":"11qY","d":"nWGx"}`, `{"keys":[` + public + `],"d":"nWGx"}`, `{}`, `{"keys":[1]}`, "{",
		"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----",
		"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n-----BEGIN OPENSSH PRIVATE KEY-----\nMC4C\n-----END OPENSSH PRIVATE KEY-----",
	} {
		if got := agent.ShownKey(agent.Secret(text)); got != "(secret)" {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}
