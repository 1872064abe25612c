package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/config"
)

// Keys of the cases below. They are nobody's.
const (
	publicKey  = "ed25519public:MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=:one"
	privateKey = "ed25519private:MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC:one"
)

// shown are the values of a configuration that somebody set, as text.
func shown(t *testing.T, c config.Config) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, v := range c.Values() {
		if v.Origin == "default" {
			continue
		}
		text, isText := v.Value.(string)
		if !isText {
			encoded, err := json.Marshal(v.Value)
			if err != nil {
				t.Fatal(err)
			}
			text = string(encoded)
		}
		all[v.Key] = text
	}
	return all
}

// compare names every key that is more, less or other than wanted.
func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, there := got[key]; !there || value != want[key] {
			t.Errorf("%s is %s, want %s", key, value, want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, wanted := want[key]; !wanted {
			t.Errorf("%s is %s as well", key, got[key])
		}
	}
}

// TestEtchasConfigurations has a case for each configuration in Etcha's references, guides and tutorials (those of today
// and those that older versions had) that is Jsonnet, with values of our own: it loads as it is, and this is what is read.
func TestEtchasConfigurations(t *testing.T) {
	t.Parallel()
	type values = map[string]string
	for _, test := range []struct {
		name     string
		file     string
		sets     []string
		environ  []string
		want     values
		warnings []string // in part, in any order
	}{
		// references/config
		{name: "the main exec, which keeps the defaults of what is not given",
			file: `{ "exec": { "allowOverride": true, "command": "/usr/bin/bash -e -c", } }`,
			want: values{"exec.allowOverride": "true", "exec.command": "/usr/bin/bash -e -c"}},
		{name: "linters",
			file: `{ "lint": { "linters": { "shellcheck": { "command": "-s bash -", "containerImage": "example/shellcheck" } } } }`,
			want: values{"lint.linters.shellcheck.command": "-s bash -", "lint.linters.shellcheck.containerImage": "example/shellcheck"}},
		{name: "a rule",
			file: `{ "run": { "jwtRule": "any(aud, {# in ['x', 'y']})" } }`,
			want: values{"run.jwtRule": "any(aud, {# in ['x', 'y']})"}},
		{name: "a target with a number as its port and a list of sources",
			file: `{ "targets": { "one": { "hostname": "one.example.com", "insecure": true, "port": 4001, "sources": ["base", "web"], "vars": { "strict": true } } } }`,
			want: values{"targets.one.hostname": "one.example.com", "targets.one.insecure": "true", "targets.one.port": "4001",
				"targets.one.sourcePatterns.base": "", "targets.one.sourcePatterns.web": "", "targets.one.vars.strict": "true"},
			warnings: []string{"writ.jsonnet:1: targets.one.sources is retired; write targets.one.sourcePatterns"}},
		{name: "the command line: a key, and a section as JSON",
			sets: []string{"cli_logLevel=debug", `cli={"noColor": true}`, "run_stateDir=/var/lib/etcha", `sources_test={"allowPush": true}`},
			want: values{"cli.logLevel": "debug", "cli.noColor": "true", "run.stateDir": "/var/lib/etcha", "sources.test.allowPush": "true"}},
		{name: "how to log, which has no effect here",
			sets:     []string{"cli_logFormat=kv"},
			warnings: []string{"-x cli_logFormat: cli.logFormat has no effect: writ logs key=value"}},
		{name: "variables",
			environ: []string{"writ_cli_logLevel=debug", "WRIT_run_stateDir=/var/lib/etcha"},
			want:    values{"cli.logLevel": "debug", "run.stateDir": "/var/lib/etcha"}},

		// references/patterns
		{name: "vars of all and of a source",
			file: `{ "sources": { "one": { "exec": { "command": "/bin/sh" }, "vars": { "a": false, "b": "c" } } },
				"targets": { "host1": { "hostname": "host1.example.com" }, "host2": {} }, "vars": { "a": true, "b": "d" } }`,
			want: values{"sources.one.exec.command": "/bin/sh", "sources.one.vars.a": "false", "sources.one.vars.b": "c",
				"targets.host1.hostname": "host1.example.com", "targets.host2": "{}", "vars.a": "true", "vars.b": "d"}},

		// guides/building-patterns
		{name: "a signing key",
			file: `{ "build": { "signingKey": "` + privateKey + `" } }`,
			want: values{"build.signingKey": "(secret)"}},
		{name: "signing commands",
			file: `{ build: { signingCommands: [{ always: true, change: 'sign', id: 'sign it', onChange: ['etcha:jwt'] }] } }`,
			want: values{"build.signingCommands": `[{"id":"sign it","always":true,"change":"sign","onChange":["etcha:jwt"]}]`}},

		// guides/running-patterns
		{name: "verify keys",
			file: `{ "run": { "verifyKeys": [ "` + publicKey + `", "` + publicKey + `", ] } }`,
			want: values{"run.verifyKeys": `["` + publicKey + `","` + publicKey + `"]`}},
		{name: "a list of records as a key",
			file: `local getRecord(type, name) = ['` + publicKey + `']; { run: { verifyKeys: [ getRecord('TXT', 'keys.example.com'), ], }, }`,
			want: values{"run.verifyKeys": `["` + publicKey + `"]`}},
		{name: "verify commands",
			file: `{ "run": { "verifyCommands": [ { "always": true, "change": "verify", "id": "verify it", "onChange": [ "etcha:jwt" ] } ] } }`,
			want: values{"run.verifyCommands": `[{"id":"verify it","always":true,"change":"verify","onChange":["etcha:jwt"]}]`}},
		{name: "pull targets of two sources",
			file: `{ "sources": {
				"one": { "allowPush": true, "pullTargets": [ "https://a.example.com/one.jwt", "/mnt/one.jwt", ] },
				"two": { "allowPush": true, "pullTargets": [ "https://a.example.com/two.jwt", "/mnt/two.jwt", ] } } }`,
			want: values{"sources.one.allowPush": "true", "sources.one.pullPaths": `["https://a.example.com/one.jwt","/mnt/one.jwt"]`,
				"sources.two.allowPush": "true", "sources.two.pullPaths": `["https://a.example.com/two.jwt","/mnt/two.jwt"]`},
			warnings: []string{"writ.jsonnet:2: sources.one.pullTargets is retired; write sources.one.pullPaths", "writ.jsonnet:3: sources.two.pullTargets"}},
		{name: "patterns of targets",
			file: `{ "targets": { "one": { "sourcePatterns": { "base": "patterns/base.jsonnet", "debug": "" } }, "two": { "sources": { "base": "patterns/base.jsonnet" } } } }`,
			want: values{"targets.one.sourcePatterns.base": "patterns/base.jsonnet", "targets.one.sourcePatterns.debug": "",
				"targets.two.sourcePatterns.base": "patterns/base.jsonnet"},
			warnings: []string{"targets.two.sources is retired"}},
		{name: "pull paths",
			file: `{ sources: { "one": { "pullPaths": [ "https://a.example.com/one.jwt" ] } } }`,
			want: values{"sources.one.pullPaths": `["https://a.example.com/one.jwt"]`}},
		{name: "webhooks",
			file: `{ sources: { "b": { "webhookPaths": [ "/hook" ] }, "a": { "webhookPaths": [ "/hook" ], } } }`,
			want: values{"sources.a.webhookPaths": `["/hook"]`, "sources.b.webhookPaths": `["/hook"]`}},

		// guides/running-commands
		{name: "static commands",
			file: `{ "sources": { "900restart": { "commands": [ { "id": "restart", "change": "systemctl restart web" } ] } } }`,
			want: values{"sources.900restart.commands": `[{"id":"restart","change":"systemctl restart web"}]`}},
		{name: "who takes ad-hoc commands",
			file: `{ sources: { adhoc: { allowPush: true, noRemove: true, noRestore: true, runMulti: true } } }`,
			want: values{"sources.adhoc.allowPush": "true", "sources.adhoc.noRemove": "true", "sources.adhoc.noRestore": "true", "sources.adhoc.runMulti": "true"}},
		{name: "who sends them",
			sets: []string{"httpClient_tlsSkipVerify=true"},
			want: values{"httpClient.tlsSkipVerify": "true"}},

		// guides/monitoring
		{name: "metrics, in the reference's spelling",
			file: `{ run: { systemMetricsKey: 'k' }, httpServer: { listenAddress: ':4000' } }`,
			want: values{"run.systemMetricsKey": "(secret)", "httpServer.listenAddress": ":4000"}},
		{name: "metrics, in the guide's spelling",
			file: `{ run: { systemMetricsSecret: 'k' } }`,
			want: values{"run.systemMetricsKey": "(secret)"}},

		// guides/linting-patterns, guides/testing-patterns
		{name: "a container for tests",
			file: `{ sources: { test: { exec: { containerImage: 'debian', command: '/bin/bash -c', containerPull: 'missing' } } }, test: true }`,
			want: values{"sources.test.exec.containerImage": "debian", "sources.test.exec.command": "/bin/bash -c", "sources.test.exec.containerPull": "missing", "test": "true"}},

		// guides/integrations
		{name: "signing and verifying with OpenBao",
			file: `{
				build: { signingCommands: [{ id: 'bao', always: true, change: |||
					bao write transit/sign/x
				|||, onChange: [ 'etcha:jwt', ] }] },
				run: { verifyCommands: [{ id: 'bao', always: true, change: 'bao write transit/verify/x', onChange: [ 'etcha:jwt', ] }] },
			}`,
			want: values{"build.signingCommands": `[{"id":"bao","always":true,"change":"bao write transit/sign/x\n","onChange":["etcha:jwt"]}]`,
				"run.verifyCommands": `[{"id":"bao","always":true,"change":"bao write transit/verify/x","onChange":["etcha:jwt"]}]`}},
		{name: "verifying OpenBao's signatures with its bare key",
			file: `{ run: { verifyKeys: [ 'ed25519public:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=:bao', ], }, }`,
			want: values{"run.verifyKeys": `["ed25519public:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=:bao"]`}},
		{name: "a signing key that another program puts into the environment",
			environ: []string{"writ_build_signingKey=" + privateKey},
			want:    values{"build.signingKey": "(secret)"}},

		// tutorials/building-patterns
		{name: "no linters, under their old name",
			sets:     []string{"build_linters=null"},
			want:     values{"lint.linters": "{}"},
			warnings: []string{"-x build_linters: build.linters is retired; write lint.linters"}},
		{name: "a signing key on the command line",
			sets: []string{"build_signingKey=" + privateKey},
			want: values{"build.signingKey": "(secret)"}},
		{name: "verify keys on the command line",
			sets: []string{`run_verifyKeys=["` + publicKey + `"]`},
			want: values{"run.verifyKeys": `["` + publicKey + `"]`}},

		// tutorials/pushing-pulling-patterns
		{name: "a source that is pushed to",
			sets: []string{"run_systemMetricsSecret=k", `sources_listen={
					"allowPush":true,
					"runExec": {
						"allowOverride":true
					},
					"verifyKeys": [
						"` + publicKey + `"
					]
				}`},
			want: values{"run.systemMetricsKey": "(secret)", "sources.listen.allowPush": "true", "sources.listen.exec.allowOverride": "true",
				"sources.listen.verifyKeys": `["` + publicKey + `"]`},
			warnings: []string{"-x sources_listen: sources.listen.runExec is retired; write sources.listen.exec"}},
		{name: "a source that pulls, every five seconds",
			sets: []string{`sources_listen={ "pullPaths": [ "/work/listen.jwt" ], "runFrequencySec": 5 }`},
			want: values{"sources.listen.pullPaths": `["/work/listen.jwt"]`, "sources.listen.runFrequency": "5s"},
			warnings: []string{
				"-x sources_listen: sources.listen.runFrequencySec is retired; write sources.listen.runFrequency"}},

		// tutorials/trigger-patterns
		{name: "a handler of events and webhooks, with a comma too many for JSON",
			sets: []string{`run_verifyKeys=["` + publicKey + `"]`, `sources={
					"handler": { "allowPush": true, "eventsReceive": [ "trigger" ], "exec": { "allowOverride": true }, "triggerOnly": true, "webhookPaths": [ "/trigger" ] },
					"trigger": { "allowPush": true, "eventsSend": ".*", "exec": { "allowOverride": true }, }
				}`},
			want: values{"run.verifyKeys": `["` + publicKey + `"]`,
				"sources.handler.allowPush": "true", "sources.handler.eventsReceive": `["trigger"]`, "sources.handler.exec.allowOverride": "true",
				"sources.handler.triggerOnly": "true", "sources.handler.webhookPaths": `["/trigger"]`,
				"sources.trigger.allowPush": "true", "sources.trigger.eventsSend": ".*", "sources.trigger.exec.allowOverride": "true"}},

		// older references
		{name: "what the agent listens on, before it had a section of its own",
			file: "{ run: {\n  listenAddress: ':4001',\n  rateLimiterRate: '10-M',\n  tlsCertificatePath: '/c',\n  tlsKeyPath: '/k',\n  shellTimeout: '5m',\n  systemPprofSecret: 'k' } }",
			want: values{"httpServer.listenAddress": ":4001", "httpServer.rateLimitRate": "10-M", "httpServer.certificatePath": "/c", "httpServer.keyPath": "/k"},
			warnings: []string{"writ.jsonnet:2: run.listenAddress is retired; write httpServer.listenAddress", "writ.jsonnet:3: run.rateLimiterRate",
				"writ.jsonnet:4: run.tlsCertificatePath", "writ.jsonnet:5: run.tlsKeyPath", "writ.jsonnet:6: run.shellTimeout has no effect", "writ.jsonnet:7: run.systemPprofSecret has no effect"}},
		{name: "and while that section was called http",
			file: `{ http: { listenAddress: ':4001', tlsCertificateBase64: 'YQ==', tlsKeyBase64: 'YQ==', rateLimitPatterns: {} } }`,
			want: values{"httpServer.listenAddress": ":4001", "httpServer.certificateBase64": "YQ==", "httpServer.keyBase64": "(secret)"},
			warnings: []string{"http.listenAddress is retired", "http.tlsCertificateBase64 is retired", "http.tlsKeyBase64 is retired",
				"http.rateLimitPatterns is retired", "http.rateLimitPatterns has no effect"}},
		{name: "variables as a list",
			file:     `{ exec: { env: ['A=b=c', 'B='], envInheirt: false } }`,
			want:     values{"exec.env.A": "b=c", "exec.env.B": "", "exec.envInherit": "false"},
			warnings: []string{"exec.env as a list is retired"}},
		{name: "skipping verification, before there was a client's section",
			file:     `{ build: { pushTLSSkipVerify: true, signCommands: [] } }`,
			want:     values{"httpClient.tlsSkipVerify": "true", "build.signingCommands": "[]"},
			warnings: []string{"build.pushTLSSkipVerify is retired; write httpClient.tlsSkipVerify"}},
		{name: "what has gone since",
			file:     `{ sources: { one: { runAll: true, eventsReceiveExit: true } }, licenseKey: 'x', macroDir: 'm', build: { commandsMaxWorkers: 3, pushTargets: { one: {} } } }`,
			want:     values{"sources.one": "{}", "targets.one": "{}"},
			warnings: []string{"sources.one.runAll has no effect", "sources.one.eventsReceiveExit has no effect", "licenseKey has no effect", "macroDir has no effect", "build.commandsMaxWorkers has no effect", "build.pushTargets is retired; write targets"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o, _ := world(t, test.file)
			o.Environ, o.Sets = append(o.Environ, test.environ...), test.sets
			c, err := config.Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, shown(t, c), test.want)
			left := c.Warnings()
			for _, part := range test.warnings {
				i := slices.IndexFunc(left, func(w string) bool { return strings.Contains(w, part) })
				if i < 0 {
					t.Errorf("no warning has %q: %q", part, c.Warnings())
					continue
				}
				left = slices.Delete(left, i, i+1)
			}
			if len(left) > 0 {
				t.Errorf("it warns as well: %q", left)
			}
		})
	}
}

// TestEtchasTypes: what the values above become for those who use them.
func TestEtchasTypes(t *testing.T) {
	t.Parallel()
	o, home := world(t, `{
		exec: { user: 'nobody', env: { A: 'b' } },
		build: { signingKey: 'a', signingKeyPath: 'key', pushMaxWorkers: 3, signingExec: { user: 'nobody' } },
		run: { stateDir: 'state', randomizedStartDelaySec: 1.5, timeoutPush: '1h30m', timeoutWebhook: '2d', verifyKeys: [['a', ['b']], { kty: 'OKP' }, []], verifyExec: {} },
		sources: { one: { audience: 'x', pullPaths: ['one.jwt', '~/two.jwt', 'http://a.example.com/#a:b'], runFrequency: '', verifyKeys: [] } },
		httpServer: { rateLimitRate: '100-S', clientCAs: '../ca.pem' }, httpClient: { serverCAs: 'own.pem' },
		vars: { n: 1, l: [1, 'a'], o: { a: null } },
	}`)
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	project := home + "/project"
	for what, got := range map[string]any{
		"true /usr/bin/bash -e -o pipefail -c true nobody map[A:b]": []any{c.Exec.AllowOverride, c.Exec.Command, c.Exec.EnvInherit, c.Exec.User, c.Exec.Env},
		"a key 3 nobody false":                       []any{string(c.Build.SigningKey), c.Build.SigningKeyPath, c.Build.PushMaxWorkers, c.Build.SigningExec.User, c.Build.SigningExec.EnvInherit},
		project + "/state 1.5s 1h30m0s 48h0m0s true": []any{c.Run.StateDir, c.Run.StartDelay, c.Run.PushTimeout, c.Run.WebhookTimeout, c.Run.VerifyExec == nil},
		`a b {"kty":"OKP"} 3`:                        []any{string(c.Run.VerifyKeys[0]), string(c.Run.VerifyKeys[1]), string(c.Run.VerifyKeys[2]), len(c.Run.VerifyKeys)},
		"[x] [" + project + "/one.jwt " + home + "/two.jwt http://a.example.com/#a:b] 0s true true": []any{c.Sources["one"].Audience, c.Sources["one"].PullPaths,
			c.Sources["one"].RunFrequency, c.Sources["one"].VerifyKeys != nil, c.Sources["one"].Required()},
		"{100 1s} " + home + "/ca.pem " + project + "/own.pem true": []any{fmt.Sprintf("{%d %s}", c.HTTPServer.RateLimit.Requests, c.HTTPServer.RateLimit.Per), c.HTTPServer.ClientCAs, c.HTTPClient.ServerCAs, c.HTTPServer.SelfSignedCertificate},
		"1 [1 a] map[a:<nil>] true false":                           []any{c.Vars["n"], c.Vars["l"], c.Vars["o"], c.Lint.Linters == nil, c.Test},
	} {
		if text := strings.TrimSuffix(fmt.Sprintln(got.([]any)...), "\n"); text != what {
			t.Errorf("got  %s\nwant %s", text, what)
		}
	}
}
