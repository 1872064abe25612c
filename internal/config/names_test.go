package config_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/config"
)

// TestNames: a dot and an underscore both separate, and a name of the user's may have either.
func TestNames(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"issuer_url=https://a.b":                      "issuer.url=https://a.b",
		"issuer_rotation.period=14d":                  "issuer.rotation.period=14d",
		"sources.web.allowPush=true":                  "sources.web.allowPush=true",
		"sources_web_allowPush=true":                  "sources.web.allowPush=true",
		"sources_my_app_allowPush=true":               "sources.my_app.allowPush=true",
		"sources.my_app.allowPush=true":               "sources.my_app.allowPush=true",
		"sources_exec_exec_user=a":                    "sources.exec.exec.user=a",
		`sources_my_app={"noRemove":true}`:            "sources.my_app.noRemove=true",
		"sources_web={}":                              "sources.web={}",
		"targets.web1.example.com.port=1":             "targets.web1.example.com.port=1",
		`targets.web1.example.com={"insecure":false}`: "targets.web1.example.com.insecure=false",
		"targets_a_sources_web=x.jsonnet":             "targets.a.sourcePatterns.web=x.jsonnet",
		"targets_a_vars_port=1":                       "targets.a.vars.port=1",
		"targets_a_sourcePatterns_web_app=x.jsonnet":  "targets.a.sourcePatterns.web_app=x.jsonnet",
		"vars_x=1":                                       "vars.x=1",
		"vars_my_name=text":                              "vars.my_name=text",
		"vars.a.b=[1, 2]":                                "vars.a.b=[1,2]",
		"vars.x=null":                                    "",
		`vars.x="null"`:                                  "vars.x=null",
		"vars.x=":                                        "vars.x=",
		"exec_env_MY_PATH=/bin":                          "exec.env.MY_PATH=/bin",
		"sources.web.exec.env.A=b":                       "sources.web.exec.env.A=b",
		"lint_linters_mine_command=lint -":               "lint.linters.mine.command=lint -",
		"build_signingExec_envInheirt=true":              "build.signingExec.envInherit=true",
		"build_pushTargets_a_port=4001":                  "targets.a.port=4001",
		"sources_a_runExec_user=b":                       "sources.a.exec.user=b",
		"sources.a.runFrequency=90m":                     "sources.a.runFrequency=1h30m",
		"sources.a.runFrequency=":                        "sources.a.runFrequency=",
		"sources_a_runFrequencySec=90":                   "sources.a.runFrequency=1m30s",
		"run_randomizedStartDelaySec=0.5":                "run.randomizedStartDelaySec=0.5",
		"httpServer.rateLimitRate=10-m":                  "httpServer.rateLimitRate=10-M",
		"test=true":                                      "test=true",
		"sources={ a: { vars: { x: 1 + 1 } } }":          "sources.a.vars.x=2",
		"run_verifyKeys=[['a'], ['ed25519public:b']]":    `run.verifyKeys=["(secret)","ed25519public:b"]`,
		"sources.a.pullPaths=['https://a.b/c#d:e']":      `sources.a.pullPaths=["https://a.b/c#(secret)"]`,
		"targets.a.port=4001":                            "targets.a.port=4001",
		"lint.linters={}":                                "lint.linters={}",
		`lint.linters={"a": {}, "b": null}`:              "lint.linters.a={}",
		"container.registryMirrors={\"a\": \"b\"}":       `container.registryMirrors={"a":"b"}`,
		"sources.a.audience=[\"*\"]":                     `sources.a.audience=["*"]`,
		"sources.a.audience=\"b\"":                       `sources.a.audience=["b"]`,
		"sources.a.commands=[[{id: 'x'}], null, []]":     `sources.a.commands=[{"id":"x"}]`,
		"sources.a.verifyCommands=[]":                    "sources.a.verifyCommands=[]",
		"httpClient.pinnedFingerprints=[]":               "httpClient.pinnedFingerprints=[]",
		"run.verifyExec.containerVolumes=[\"/a:/b:ro\"]": `run.verifyExec.containerVolumes=["/a:/b:ro"]`,
	} {
		t.Run(pair, func(t *testing.T) {
			t.Parallel()
			o, _ := world(t, "")
			o.Sets = []string{pair}
			c, err := config.Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			all := map[string]string{}
			if key, value, set := strings.Cut(want, "="); set {
				all[key] = value
			}
			compare(t, shown(t, c), all)
		})
	}
}

// TestNamesOfVariables: what the schema knows has any case, and so has a name of the user's that is there already.
func TestNamesOfVariables(t *testing.T) {
	t.Parallel()
	o, _ := world(t, "{ sources: { webApp: {}, Db: {} }, vars: { region: 'a' } }")
	o.Environ = append(o.Environ, "WRIT_SOURCES_WEBAPP_ALLOWPUSH=true", "writ_sources_Db_noRemove=true", "WRIT_SOURCES_other_NOREMOVE=true",
		"WRIT_VARS_REGION=b", "WRIT_VARS_Zone=c", "WRIT_EXEC_ENV_LC_ALL=C", `WRIT_TARGETS_a_b={"port":1}`)
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, shown(t, c), map[string]string{"sources.webApp.allowPush": "true", "sources.Db.noRemove": "true", "sources.other.noRemove": "true",
		"vars.region": "b", "vars.Zone": "c", "exec.env.LC_ALL": "C", "targets.a_b.port": "1"})
}

// TestLayers: each value comes from the last place that sets it, and from no other value's.
func TestLayers(t *testing.T) {
	t.Parallel()
	o, home := world(t, "{\n  sources: {\n    web: {\n      allowPush: true,\n      exec: { user: 'a', group: 'b' },\n      vars: { x: 1, y: 2 },\n    },\n  },\n}")
	o.Environ = append(o.Environ, "WRIT_SOURCES_WEB_EXEC_GROUP=c")
	o.Sets = []string{`sources.web={"vars":{"y":3}}`, "sources.web.vars.z=4", "sources.web.allowPush=null"}
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	file := home + "/project/writ.jsonnet"
	want := map[string]string{
		"sources.web.allowPush": file + ":4", "sources.web.exec.user": file + ":5", "sources.web.exec.group": "$WRIT_SOURCES_WEB_EXEC_GROUP",
		"sources.web.vars.x": file + ":6", "sources.web.vars.y": "-x sources.web", "sources.web.vars.z": "-x sources.web.vars.z",
	}
	for _, v := range c.Values() {
		if origin := want[v.Key]; v.Origin != "default" && v.Origin != origin {
			t.Errorf("%s comes from %s, want %s", v.Key, v.Origin, origin)
		}
		delete(want, v.Key)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
	if web := c.Sources["web"]; !web.AllowPush || web.Exec.User != "a" || web.Exec.Group != "c" || web.Exec.EnvInherit || web.Vars["y"] != 3.0 {
		t.Errorf("got %+v", web)
	}
}

// TestNoLinters: null takes away what was there.
func TestNoLinters(t *testing.T) {
	t.Parallel()
	o, _ := world(t, "{ lint: { linters: { a: { command: 'a' }, b: { command: 'b' } } } }")
	o.Sets = []string{"lint.linters.b=null"}
	c, err := config.Load(t.Context(), o)
	if err != nil || len(c.Lint.Linters) != 1 || c.Lint.Linters["a"].Command != "a" {
		t.Errorf("got %v, %v", c.Lint.Linters, err)
	}
	o.Sets = []string{"lint.linters=null"}
	c, err = config.Load(t.Context(), o)
	if err != nil || c.Lint.Linters == nil || len(c.Lint.Linters) != 0 {
		t.Errorf("got %v, %v", c.Lint.Linters, err)
	}
	compare(t, shown(t, c), map[string]string{"lint.linters": "{}"})
}
