package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/config"
)

// world is a home with a working directory below it.
func world(t *testing.T, file string) (config.Options, string) {
	t.Helper()
	home := t.TempDir()
	directory := filepath.Join(home, "project", "deep")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if file != "" {
		if err := os.WriteFile(filepath.Join(home, "project", "writ.jsonnet"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return config.Options{Dir: directory, Environ: []string{"HOME=" + home}}, home
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	o, home := world(t, "")
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Data != home+"/.local/share/writ" || c.Server.Socket != home+"/.local/share/writ/writ.sock" ||
		c.Issuer.IdentityFile != home+"/.config/writ/identity.age-key" || c.Server.Listen != "127.0.0.1:8080" || c.Issuer.Algorithm != "RS256" {
		t.Errorf("got %+v", c)
	}
	for _, v := range c.Values() {
		if v.Origin != "default" {
			t.Errorf("%s comes from %s", v.Key, v.Origin)
		}
	}
	o.Environ = append(o.Environ, "XDG_DATA_HOME=/data", "XDG_CONFIG_HOME=relative")
	if c, err = config.Load(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if c.Server.Data != "/data/writ" || c.Issuer.IdentityFile != home+"/.config/writ/identity.age-key" {
		t.Errorf("got %+v", c)
	}
}

// TestOrder sets one key in every way, and each value says where it came from.
func TestOrder(t *testing.T) {
	t.Parallel()
	o, home := world(t, `local port = 81;
{
  issuer: { url: 'https://file.example.com' },
  server: {
    listen: '127.0.0.1:%d' % port,
    data: 'data',
    socket: '~/s.sock',
  },
}`)
	check := func(key, value, origin string) {
		t.Helper()
		c, err := config.Load(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.Values() {
			if v.Key == key && (v.Value != value || v.Origin != origin) {
				t.Errorf("%s is %v from %s; want %s from %s", key, v.Value, v.Origin, value, origin)
			}
		}
	}
	file := filepath.Join(home, "project", "writ.jsonnet")
	check("issuer.url", "https://file.example.com", file+":3")
	check("server.listen", "127.0.0.1:81", file+":5")
	check("server.data", home+"/project/data", file+":6")
	check("server.socket", home+"/s.sock", file+":7")
	o.Environ = append(o.Environ, "WRIT_ISSUER_URL=https://variable.example.com", "WRIT_SERVER_data=here", "WRIT_ISSUER_IDENTITYFILE=/id", "WRIT_TEST_REQUIRE=all")
	check("issuer.url", "https://variable.example.com", "$WRIT_ISSUER_URL")
	check("server.data", home+"/project/deep/here", "$WRIT_SERVER_data")
	check("issuer.identityFile", "/id", "$WRIT_ISSUER_IDENTITYFILE")
	o.Sets = []string{"issuer.url=https://set.example.com"}
	check("issuer.url", "https://set.example.com", "-x issuer.url")
	o.Flags = []config.Flag{{Key: "issuer.url", Name: "issuer-url", Value: "https://flag.example.com"}}
	check("issuer.url", "https://flag.example.com", "--issuer-url")
}

func TestIdentityRules(t *testing.T) {
	t.Parallel()
	o, _ := world(t, `{ issuer: { identity: [{ rule: 'team == "a"', enabled: false }, { env: false, files: [{ path: 'aws', audience: 'sts.amazonaws.com' }] }] },
		server: { socketAllow: [{ uid: 1000, teams: ['a'] }] } }`)
	o.Sets = []string{"issuer.introspectRate=5"}
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Issuer.Identity) != 2 || *c.Issuer.Identity[0].Enabled || c.Issuer.Identity[1].Files[0].Path != "aws" || c.Issuer.IntrospectRate != 5 || *c.Server.SocketAllow[0].UID != 1000 {
		t.Errorf("got %+v", c)
	}
	o.Sets = []string{`issuer.identity=[{"env":true}]`}
	if c, err = config.Load(t.Context(), o); err != nil || len(c.Issuer.Identity) != 1 || c.Issuer.Identity[0].Files != nil {
		t.Errorf("got %+v, %v", c.Issuer.Identity, err)
	}
}

// TestRotation sets the keys of an object within a section.
func TestRotation(t *testing.T) {
	t.Parallel()
	o, home := world(t, "{ issuer: {\n  rotation: {\n    period: '14d',\n  },\n} }")
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	rotation, err := c.Issuer.Rotation.Parse()
	if err != nil || rotation.Period != 14*24*time.Hour || rotation.Cache != time.Hour {
		t.Errorf("got %+v, %v", rotation, err)
	}
	for _, v := range c.Values() {
		if v.Key == "issuer.rotation.period" && v.Origin != filepath.Join(home, "project", "writ.jsonnet")+":3" {
			t.Errorf("it comes from %s", v.Origin)
		}
	}
	o.Environ = append(o.Environ, "WRIT_ISSUER_ROTATION_PERIOD=0")
	if c, err = config.Load(t.Context(), o); err != nil || c.Issuer.Rotation.Period != "0" {
		t.Errorf("got %+v, %v", c.Issuer.Rotation, err)
	}
}

// TestMistakes: each with its message.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n  isuer: {},\n}":                                    `writ.jsonnet:2: unknown key "isuer"; did you mean "issuer"?; allowed: issuer, server, container`,
		"{ issuer: {\n  uri: 'x',\n} }":                         `writ.jsonnet:2: unknown key "issuer.uri"; did you mean "url"?; allowed: url, identityFile`,
		"{ issuer: 1 }":                                         `writ.jsonnet:1: issuer: want an object, not this number`,
		"{ issuer: { url: 1 } }":                                `writ.jsonnet:1: issuer.url: want text, not this number`,
		"{ issuer: { url: 'http://a.b' } }":                     `writ.jsonnet:1: issuer.url "http://a.b": plain http is for loopback only`,
		"{ issuer: { algorithm: 'HS256' } }":                    `writ.jsonnet:1: issuer.algorithm: algorithm "HS256" is not one of RS256, ES256, EdDSA`,
		"{ issuer: { rotation: 7 } }":                           `writ.jsonnet:1: issuer.rotation: want an object, not this number`,
		"{ issuer: { rotation: {\n  perid: '7d' } } }":          `writ.jsonnet:2: unknown key "issuer.rotation.perid"; did you mean "period"?; allowed: period, cache`,
		"{ issuer: { rotation: {\n  period: '1h' } } }":         `writ.jsonnet:2: issuer.rotation.period 1h is shorter than 25h5m: `,
		"{ issuer: { rotation: {\n  cache: '0' } } }":           `writ.jsonnet:2: issuer.rotation.cache: "0" is not longer than 0`,
		"{ issuer: { introspectRate: '5' } }":                   `writ.jsonnet:1: issuer.introspectRate: want a number, not text`,
		"{ issuer: { introspectRate: -5 } }":                    `writ.jsonnet:1: issuer.introspectRate -5 is negative`,
		"{ issuer: { identity: {} } }":                          `issuer.identity: want a list of objects {rule, enabled, env, audiences, files}, not an object`,
		"{ issuer: { identity: [\n{},\n{ rul: '' }] } }":        `writ.jsonnet:3: issuer.identity[1].rul: unknown key; did you mean "rule"?; allowed: rule, enabled`,
		"{ issuer: { identity: [{ files: [{ pat: 'a' }] }] } }": `writ.jsonnet:1: issuer.identity[0].files[0].pat: unknown key; did you mean "path"?; allowed: path, audience`,
		"{ issuer: { identity: [{ rule: 'team =' }] } }":        `writ.jsonnet:1: issuer.identity[0].rule "team =": `,
		"{ issuer: { identity: [{ enabled: 'no' }] } }":         `writ.jsonnet:1: issuer.identity[0].enabled: want true or false, not text`,
		"{ server: { listen: '8080' } }":                        `writ.jsonnet:1: server.listen "8080": want HOST:PORT`,
		"{ server: { socketAllow: [{}] } }":                     `writ.jsonnet:1: server.socketAllow[0]: uid is missing`,
		"{ server: { socketAllow: [{ uid: -1 }] } }":            `writ.jsonnet:1: server.socketAllow[0].uid: want a whole number from 0 to 4294967295, not this number`,
		"{ container: { runtime: 'docker' } }":                  `writ.jsonnet:1: container.runtime "docker": want auto, process, oci`,
		"[]":                                                    `writ.jsonnet: the configuration is not an object`,
		"{ a: , }":                                              `writ.jsonnet:1:6: `,
		"{ issuer: error 'x' }":                                 `writ.jsonnet:1:11: x`,
	} {
		o, _ := world(t, text)
		o.Dir = filepath.Dir(o.Dir)
		_, err := config.Load(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestMistakenSettings(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]string{
		"issuer.ulr=x":            `-x issuer.ulr: unknown key "issuer.ulr"; did you mean "issuer.url"?`,
		"issuer=x":                `-x issuer: issuer holds keys; set one of them: url, identityFile`,
		"issuer.url":              `-x: want KEY=VALUE`,
		"issuer.identity=[":       `-x issuer.identity: issuer.identity: not JSON; want a list`,
		"issuer.url=ftp://a":      `-x issuer.url: issuer.url "ftp://a": scheme "ftp"; want https`,
		"issuer.introspectRate=x": `-x issuer.introspectRate: issuer.introspectRate: not JSON; want a number`,
	} {
		o, _ := world(t, "")
		o.Sets = []string{pair}
		if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", pair, err, want)
		}
	}
	for pair, want := range map[string]string{
		"WRIT_ISSUER_ULR=x":   `$WRIT_ISSUER_ULR: unknown variable; did you mean "WRIT_ISSUER_URL"?`,
		"WRIT_ISUER_URL=x":    `$WRIT_ISUER_URL: unknown variable; did you mean "WRIT_ISSUER_URL"?`,
		"WRIT_SERVER_COLOR=x": `$WRIT_SERVER_COLOR: unknown variable`,
		"WRIT_RUN_SYSTEMD=x":  `$WRIT_RUN_SYSTEMD: unknown variable; did you mean "WRIT_RUN_STATEDIR"?; allowed: WRIT_RUN_JWTRULE, `,
	} {
		o, _ := world(t, "")
		o.Environ = append(o.Environ, pair)
		if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", pair, err, want)
		}
	}
}

// TestEveryMistakeAtOnce: who fixes a file wants the whole list.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	o, _ := world(t, "{\n  a: 1,\n  issuer: { b: 2 },\n}")
	o.Sets = []string{"c=3"}
	_, err := config.Load(t.Context(), o)
	if err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v", err)
	}
}

func TestWhichFile(t *testing.T) {
	t.Parallel()
	o, home := world(t, "{ server: { listen: '127.0.0.1:1' } }")
	other := filepath.Join(home, "other.json")
	if err := os.WriteFile(other, []byte(`{"server":{"listen":"127.0.0.1:2"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Path = "../../other.json"
	if c, err := config.Load(t.Context(), o); err != nil || c.Server.Listen != "127.0.0.1:2" {
		t.Errorf("got %+v, %v", c, err)
	}
	o.Path = "nowhere.jsonnet"
	if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), "nowhere.jsonnet: no such file") {
		t.Errorf("got %v", err)
	}
	o.Path = ""
	if err := os.WriteFile(filepath.Join(home, "project", "writ.json"), []byte(`{}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), "keep one") {
		t.Errorf("got %v", err)
	}
}

// TestForeignFile: a file of another user above the working directory does not count.
func TestForeignFile(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	o, home := world(t, "{}")
	if err := os.Chown(filepath.Join(home, "project", "writ.jsonnet"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(t.Context(), o); err == nil || !strings.Contains(err.Error(), "belongs to another user (uid 12345)") {
		t.Errorf("got %v", err)
	}
	// A checkout of that user's is used as it is, as continuous integration does as root.
	if err := os.Chown(o.Dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(t.Context(), o); err != nil {
		t.Errorf("got %v", err)
	}
}
