package config_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/internal/config"
)

// records answers for one name.
func records(_ context.Context, kind, name string) ([]string, error) {
	if kind == "txt" && name == "keys.example.com" {
		return []string{publicKey, strings.Replace(publicKey, "one", "two", 1)}, nil
	}
	return nil, errors.New("no such record")
}

// TestNativeFunctions: the configuration reads this machine and what it can reach, as Etcha's guides have it.
func TestNativeFunctions(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != "t0ken" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprintf(w, `{"data": {"private_key": %q}}`, privateKey)
	}))
	t.Cleanup(server.Close)
	o, home := world(t, `
		local getEnv(key) = std.native('getEnv')(key);
		local getPath(path, fallback=null) = std.native('getPath')(path, fallback);
		local getRecord(type, name, fallback=null) = std.native('getRecord')(type, name, fallback);
		{
			build: { signingKey: std.parseJson(getPath('`+server.URL+`/v1/kv#x-vault-token:%s' % getEnv('VAULT_TOKEN'))).data.private_key },
			run: {
				verifyKeys: [ getRecord('TXT', 'keys.example.com'), getRecord('txt', 'none.example.com', 'ed25519public:fallback') ],
				systemMetricsKey: std.native('getFile')('../key.txt'),
				stateDir: std.native('getPath')(),
			},
			vars: {
				here: std.native('getCmd')('basename "$PWD"; echo "$VAULT_TOKEN"'),
				home: std.native('getFile')('~/in-home'),
				failed: std.native('getCmd')('exit 3', 'fallback'),
				file: std.native('getFile')('nowhere', 'fallback'),
			},
		}`)
	for name, text := range map[string]string{"key.txt": "metrics", "in-home": "x"} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o.Environ = append(o.Environ, "VAULT_TOKEN=t0ken", "PATH="+os.Getenv("PATH"))
	o.Record = records
	c, err := config.Load(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	two := strings.Replace(publicKey, "one", "two", 1)
	compare(t, shown(t, c), map[string]string{
		"build.signingKey": "(secret)", "run.systemMetricsKey": "(secret)", "run.stateDir": home + "/project",
		"run.verifyKeys": `["` + publicKey + `","` + two + `","ed25519public:fallback"]`,
		"vars.here":      "project\nt0ken", "vars.home": "x", "vars.failed": "fallback", "vars.file": "fallback",
	})
	if string(c.Build.SigningKey) != privateKey || c.Run.MetricsKey != "metrics" {
		t.Errorf("got %q and %q", string(c.Build.SigningKey), string(c.Run.MetricsKey))
	}
	for k, want := range map[agent.Secret]bool{agent.Secret(publicKey): true, agent.Secret(two): true, "ed25519public:fallback": false, agent.Secret(privateKey): true,
		agent.Secret(`{"kty":"OKP","x":"` + strings.Split(publicKey, ":")[1] + `"}`): true, "ed25519public:MCowBQYDK2VwAyEA1vXebFnhBwKJ": false, "": false} {
		if c.Doubtful(k) != want {
			t.Errorf("%q is doubtful: %v", string(k), !want)
		}
	}
}

func TestNativeMistakes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n vars: { x: std.native('getCmd')('echo s3cret; exit 3') } }":                        `writ.jsonnet:2:`,
		"{ vars: { x: std.native('getCmd')('head -c 2000000 /dev/zero') } }":                    `it prints more than 1048576 bytes`,
		"{ vars: { x: std.native('getFile')('nowhere') } }":                                     `no such file`,
		"{ vars: { x: std.native('getConfig')() } }":                                            `getConfig is closed here`,
		"{ vars: { x: std.native('getEnvs')('x') } }":                                           `there is no native function "getEnvs"`,
		"{ run: { jwtRule: [std.native('getEnv')('TOKEN')] } }":                                 `run.jwtRule: want a rule, not a list`,
		"{ vars: error std.native('getEnv')('TOKEN') }":                                         `((redacted))`,
		"local t = std.native('getEnv')('TOKEN'); { sources: { web: { verifyKeys: [t, 1] } } }": `sources.web.verifyKeys[1]: want a key as text`,
	} {
		o, _ := world(t, text)
		o.Dir = filepath.Dir(o.Dir)
		o.Environ = append(o.Environ, "PATH="+os.Getenv("PATH"), "TOKEN=s3cret-s3cret")
		_, err := config.Load(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret-") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// TestNativeFunctionsAreClosed: for a file of somebody else's, where a variable or -x says so, and in -x itself.
func TestNativeFunctionsAreClosed(t *testing.T) {
	t.Parallel()
	o, home := world(t, "{ vars: { x: std.native('getEnv')('HOME') } }")
	closed := func(o config.Options, want string) {
		t.Helper()
		_, err := config.Load(t.Context(), o)
		var hint interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), "getEnv is closed here") || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), want) {
			t.Errorf("got %v (%v)", err, hint)
		}
	}
	open := func(o config.Options) {
		t.Helper()
		if c, err := config.Load(t.Context(), o); err != nil || c.Vars["x"] != home {
			t.Errorf("got %v, %v", c.Vars, err)
		}
	}
	open(o)
	switched := o
	switched.Sets = []string{"jsonnet_closeNative=true"}
	closed(switched, "jsonnet.closeNative is set")
	switched.Sets, switched.Environ = nil, append(switched.Environ, "WRIT_JSONNET_CLOSENATIVE=true")
	closed(switched, "jsonnet.closeNative is set")

	text, _ := world(t, "")
	for _, value := range []string{"{ x: std.native('getEnv')('HOME') }", "{ x: importstr '/etc/hostname' }"} {
		text.Sets = []string{"vars=" + value}
		if c, err := config.Load(t.Context(), text); err == nil || !strings.Contains(err.Error(), "vars: not JSON; want an object") {
			t.Errorf("%s: got %v, %v", value, c.Vars, err)
		}
	}

	if os.Geteuid() != 0 {
		t.Skip("the rest needs root, to give a file away")
	}
	for _, path := range []string{o.Dir, filepath.Join(home, "project", "writ.jsonnet")} {
		if err := os.Chown(path, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	closed(o, "belongs to another user; name it with --config")
	o.Path = "../writ.jsonnet"
	open(o)
}

// TestCommandEndsWithItsCaller: what getCmd started is gone when the caller gives up.
func TestCommandEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	o, home := world(t, "{ vars: { x: std.native('getCmd')('sleep 1000 & echo $! >pid; mv pid ready; wait') } }")
	o.Environ = append(o.Environ, "PATH="+os.Getenv("PATH"))
	ctx, cancel := context.WithCancel(t.Context())
	ready := filepath.Join(home, "project", "ready")
	until := func(what string, holds func() bool) {
		t.Helper()
		for tick, end := time.NewTicker(time.Millisecond), time.Now().Add(3*time.Minute); !holds(); <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("%s: not within three minutes", what)
			}
		}
	}
	done := make(chan error)
	go func() {
		_, err := config.Load(ctx, o)
		done <- err
	}()
	var pid int
	until("the command runs", func() bool {
		text, err := os.ReadFile(ready)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	until("the command's child has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(stat), ") Z ") // nobody may wait for it
	})
}
