package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/config"
)

// TestEtchasMistakes: each mistake in Etcha's sections, in a file, with its line.
func TestEtchasMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{ sources: {\n web: {\n  alowPush: true } } }":                                 `writ.jsonnet:3: unknown key "sources.web.alowPush"; did you mean "allowPush"?; allowed: allowPush, audience, checkOnly, `,
		"{ sources: {\n web: {\n  systemMetricsSecrte: 1 } } }":                         `writ.jsonnet:3: unknown key "sources.web.systemMetricsSecrte"; allowed: `,
		"{ run: {\n  systemMetricsSecrte: 1 } }":                                        `writ.jsonnet:2: unknown key "run.systemMetricsSecrte"; did you mean "systemMetricsSecret"?; allowed: jwtRule, `,
		"{ run: {\n  verifyKey: [] } }":                                                 `writ.jsonnet:2: unknown key "run.verifyKey"; did you mean "verifyKeys"?`,
		"{\n  soruces: {} }":                                                            `writ.jsonnet:2: unknown key "soruces"; did you mean "sources"?`,
		"{ sources: { web: { exec: {\n  comand: 'x' } } } }":                            `writ.jsonnet:2: unknown key "sources.web.exec.comand"; did you mean "command"?`,
		"{ exec: {\n  envInherits: true } }":                                            `writ.jsonnet:2: unknown key "exec.envInherits"; did you mean "envInherit"?`,
		"{ sources: [] }":                                                               `writ.jsonnet:1: sources: want an object, not a list`,
		"{ sources: {\n web: true } }":                                                  `writ.jsonnet:2: sources.web: want an object, not true or false`,
		"{ sources: { web: {\n allowPush: 'yes' } } }":                                  `writ.jsonnet:2: sources.web.allowPush: want true or false, not text`,
		"{ sources: { web: {\n runFrequency: 5 } } }":                                   `writ.jsonnet:2: sources.web.runFrequency: want a duration like 10m, 1h30m or 7d, not this number`,
		"{ sources: { web: {\n runFrequency: '5' } } }":                                 `writ.jsonnet:2: sources.web.runFrequency: "5" is not a duration like 7d, 36h or 90m`,
		"{ sources: { web: {\n runFrequency: '-5s' } } }":                               `writ.jsonnet:2: sources.web.runFrequency -5s is negative`,
		"{ sources: { web: {\n runFrequencySec: '5' } } }":                              `writ.jsonnet:2: sources.web.runFrequencySec: want a number of seconds, not text`,
		"{ sources: { web: {\n runFrequencySec: -5 } } }":                               `writ.jsonnet:2: sources.web.runFrequencySec: want a number of seconds`,
		"{ run: { randomizedStartDelaySec: 1e300 } }":                                   `writ.jsonnet:1: run.randomizedStartDelaySec: want a number of seconds that is not negative, and not that large`,
		"{ run: { randomizedStartDelaySec: '1' } }":                                     `writ.jsonnet:1: run.randomizedStartDelaySec: want a number of seconds, not text`,
		"{ sources: { web: { verifyKeys: [\n'a',\n[1]] } } }":                           `writ.jsonnet:3: sources.web.verifyKeys[1][0]: want a key as text, not this number`,
		"{ run: { verifyKeys: [\n'a',\nnull] } }":                                       `writ.jsonnet:3: run.verifyKeys[1]: want a key as text, not null`,
		"{ run: { verifyKeys: 'a' } }":                                                  `writ.jsonnet:1: run.verifyKeys: want a list of keys, not text`,
		"{ run: {\n jwtRule: 'aud ==' } }":                                              `writ.jsonnet:2: run.jwtRule "aud ==": unexpected token EOF`,
		"{ run: {\n jwtRule: ['a'] } }":                                                 `writ.jsonnet:2: run.jwtRule: want a rule, not a list`,
		"{ run: {\n jwtFilters: ['aud=a'] } }":                                          `writ.jsonnet:2: run.jwtFilters: Etcha has retired it; say the same as a rule in jwtRule`,
		"{ run: {\n timeoutPush: '0s' } }":                                              `writ.jsonnet:2: run.timeoutPush 0s is not longer than 0`,
		"{ sources: { debug: {\n shell: '/bin/bash', } } }":                             `writ.jsonnet:2: sources.debug.shell: writ opens no shells on other machines; leave it out`,
		"{ sources: { debug: {\n shell: { command: '/bin/sh' } } } }":                   `writ.jsonnet:2: sources.debug.shell: writ opens no shells`,
		"{ sources: {\n '../x': {} } }":                                                 `writ.jsonnet:2: sources.../x: the source's name "../x" begins with a dot`,
		"{ sources: {\n '': {} } }":                                                     `sources.: a source needs a name`,
		"{ sources: { web: {\n pullPaths: ['ftp://a/'] } } }":                           `writ.jsonnet:2: sources.web.pullPaths[0] "ftp://a/": scheme "ftp"`,
		"{ sources: { web: {\n pullPaths: [1] } } }":                                    `writ.jsonnet:2: sources.web.pullPaths[0]: want text, not this number`,
		"{ sources: { web: {\n eventsReceive: 'a' } } }":                                `writ.jsonnet:2: sources.web.eventsReceive: want a list of texts, not text`,
		"{ sources: { web: {\n eventsReceive: ['etcha:a'] } } }":                        `writ.jsonnet:2: sources.web.eventsReceive[0] "etcha:a": want the name of the event alone`,
		"{ sources: { web: {\n webhookPaths: ['/etcha/v1'] } } }":                       `writ.jsonnet:2: sources.web.webhookPaths[0] "/etcha/v1": `,
		"{ sources: { web: { commands: [\n{ id: 'a' },\n{ id: 'b', chnage: '' }] } } }": `writ.jsonnet:3: sources.web.commands[1].chnage: unknown property; did you mean "change"?`,
		"{ sources: { web: { commands: [\n{ id: 'a', onChange: ['b'] }] } } }":          `sources.web.commands[0].onChange[0]: (of "a") "b": no Command after this one`,
		"{ run: { verifyCommands: [\n{ }] } }":                                          `run.verifyCommands[0]: id is missing`,
		"{ build: { signingCommands: { a: 1 } } }":                                      `writ.jsonnet:1: build.signingCommands: is an object; want a list of Commands`,
		"{ build: { pushMaxWorkers: 1.5 } }":                                            `writ.jsonnet:1: build.pushMaxWorkers: want a number, not this number`,
		"{ build: {\n pushMaxWorkers: -1 } }":                                           `writ.jsonnet:2: build.pushMaxWorkers -1 is negative`,
		"{ targets: { a: {\n port: true } } }":                                          `writ.jsonnet:2: targets.a.port: want a number, not true or false`,
		"{ targets: { a: {\n port: 4000.5 } } }":                                        `writ.jsonnet:2: targets.a.port "4000.5": want a number from 1 to 65535`,
		"{ targets: { a: {\n sources: [1] } } }":                                        `writ.jsonnet:2: targets.a.sources: want a list of texts`,
		"{ targets: { a: { sourcePatterns: {\n web: ['x'] } } } }":                      `writ.jsonnet:2: targets.a.sourcePatterns.web: want text, not a list`,
		"{ lint: {\n exclude: '(' } }":                                                  `writ.jsonnet:2: lint.exclude "(": error parsing regexp`,
		"{ lint: { linters: {\n a: { containerPull: 'x' } } } }":                        `writ.jsonnet:2: lint.linters.a.containerPull: "x": want always`,
		"{ lint: { linters: {\n a: 'shellcheck' } } }":                                  `writ.jsonnet:2: lint.linters.a: want an object, not text`,
		"{ exec: {\n containerNetwork: 'bridge' } }":                                    `writ.jsonnet:2: exec.containerNetwork: "bridge": want host, none`,
		"{ exec: { env: {\n A: 1 } } }":                                                 `writ.jsonnet:2: exec.env.A: want text, not this number`,
		"{ exec: {\n env: ['A'] } }":                                                    `writ.jsonnet:2: exec.env: element 0 is not NAME=value`,
		"{ exec: {\n env: [1] } }":                                                      `writ.jsonnet:2: exec.env: want an object {NAME: value}, or a list of texts NAME=value`,
		"{ httpServer: {\n listenAddress: '4000' } }":                                   `writ.jsonnet:2: httpServer.listenAddress "4000": want HOST:PORT`,
		"{ httpServer: {\n rateLimitRate: '10' } }":                                     `writ.jsonnet:2: httpServer.rateLimitRate: "10": want a rate like 10-S`,
		"{ httpServer: {\n certificatePath: '/c' } }":                                   `writ.jsonnet:2: httpServer.certificatePath has no httpServer.keyPath beside it`,
		"{ httpServer: {\n trustedProxies: ['x'] } }":                                   `writ.jsonnet:2: httpServer.trustedProxies[0] "x": want an address`,
		"{ httpClient: {\n pinnedFingerprints: ['x'] } }":                               `writ.jsonnet:2: httpClient.pinnedFingerprints[0] "x": want the SHA-256`,
		"{ cli: {\n logLevel: 'loud' } }":                                               `writ.jsonnet:2: cli.logLevel "loud": want none, debug, info, warn, error`,
		"{ test: 'yes' }":                                                               `writ.jsonnet:1: test: want true or false, not text`,
		"{ vars: [] }":                                                                  `writ.jsonnet:1: vars: want an object, not a list`,
		"{ jsonnet: {\n closeNatives: true } }":                                         `writ.jsonnet:2: unknown key "jsonnet.closeNatives"; did you mean "closeNative"?`,
		"{ run: { systemMetricsKey: 'a',\n systemMetricsSecret: 'a' } }":                `writ.jsonnet:2: run.systemMetricsKey and run.systemMetricsSecret are one key; keep one`,
		"{ sources: { web: { pullPaths: ['a'],\n pullTargets: ['b'] } } }":              `writ.jsonnet:2: sources.web.pullPaths and sources.web.pullTargets are one key; keep one`,
	} {
		o, _ := world(t, text)
		o.Dir = filepath.Dir(o.Dir)
		_, err := config.Load(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// TestMistakenNames: names on the command line and of variables that lead nowhere.
func TestMistakenNames(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"sources.web.alowPush=true":     `-x sources.web.alowPush: unknown key "sources.web.alowPush"; did you mean "sources.web.allowPush"?; allowed: allowPush, `,
		"sources_web_alowPush=true":     `-x sources_web_alowPush: unknown key "sources_web_alowPush"; did you mean "sources.web.allowPush"?`,
		"suorces_web_allowPush=true":    `did you mean "sources.web.allowPush"?`,
		"run_verifyKey=[]":              `did you mean "run.verifyKeys"?`,
		"sources_web=true":              `-x sources_web: sources.web holds keys; set one of them: allowPush, `,
		"sources=x":                     `-x sources: sources: not JSON; want an object`,
		"exec=x":                        `-x exec: exec holds keys; set one of them: allowOverride, `,
		"sources_web_allowPush=yes":     `-x sources_web_allowPush: sources.web.allowPush: not JSON; want true or false`,
		"sources_web={\"a\":}":          `-x sources_web: sources.web holds keys; set one of them`,
		"sources_web={a: 1}":            `-x sources_web: unknown key "sources.web.a"; allowed: `,
		"vars_x={":                      `-x vars_x: vars.x: not JSON; want any value`,
		"vars=x":                        `-x vars: vars: not JSON; want an object`,
		"run_verifyKeys=abc":            `-x run_verifyKeys: run.verifyKeys: not JSON; want a list of keys`,
		"sources_a_runFrequencySec=x":   `-x sources_a_runFrequencySec: sources.a.runFrequencySec: not JSON; want a duration`,
		"exec_env_A_B=\xff":             `-x exec_env_A_B: exec.env.A_B: not UTF-8`,
		"test_x=1":                      `-x test: test has a value, and no keys below it`,
		"sources_a_runFrequencySec_x=1": `-x sources.a.runFrequencySec: sources.a.runFrequencySec has a value, and no keys below it`,
		"build_signingKey_abc=":         `-x build.signingKey: build.signingKey has a value, and no keys below it`,
		"MC4CAQAwBQYDK2VwBCIEIA==":      `-x: want KEY=VALUE`,
		"isuer=":                        `-x: want KEY=VALUE`,
		"=x":                            `-x: want KEY=VALUE`,
		"sources..allowPush=true":       `-x sources..allowPush: unknown key "sources..allowPush"; allowed: `,
		`sources={"a":{},"a":{}}`:       `-x sources: sources: not JSON; want an object`,
	} {
		o, _ := world(t, "")
		o.Sets = []string{pair}
		if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", pair, err, want)
		}
	}
	for pair, want := range map[string]string{
		"WRIT_SOURCES_WEB_ALOWPUSH=true": `$WRIT_SOURCES_WEB_ALOWPUSH: unknown variable; did you mean "WRIT_SOURCES_WEB_ALLOWPUSH"?; allowed: WRIT_SOURCES_WEB_ALLOWPUSH, `,
		"WRIT_VERIFYKEYS=[]":             `did you mean "WRIT_RUN_VERIFYKEYS"?; allowed: WRIT_SECTION_KEY with a section of issuer, server, container, build, `,
		"WRIT_RUN_VERIFYKEY=[]":          `did you mean "WRIT_RUN_VERIFYKEYS"?`,
		"WRIT_RUM_VERIFYKEYS=[]":         `$WRIT_RUM_VERIFYKEYS: unknown variable; did you mean "WRIT_RUN_VERIFYKEYS"?`,
		"WRIT_TEST_SOAK=1":               "",
		"WRIT_EXEC=x":                    `$WRIT_EXEC: exec holds keys; set one of them`,
	} {
		o, _ := world(t, "")
		o.Environ = append(o.Environ, pair)
		_, err := config.Load(t.Context(), o)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", pair, err, want)
		}
	}
}

// TestManyMistakes: every one is named, in a later check too.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	o, _ := world(t, "{\n sources: { a: { pullPaths: ['ftp://x'], eventsSend: '(' }, b: { webhookPaths: [''] } },\n run: { timeoutPush: '-1s' },\n server: { listen: 'x' } }")
	_, err := config.Load(t.Context(), o)
	if err == nil || len(strings.Split(err.Error(), "\n")) != 5 {
		t.Errorf("got %v", err)
	}
}
