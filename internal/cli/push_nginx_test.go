package cli

import (
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/certificates"
	"github.com/writ-run/writ/test/nginxtest"
	"github.com/writ-run/writ/test/program"
)

// TestPushBehindNginx pushes to an agent through Debian's nginx, which ends TLS, under a path of its own.
func TestPushBehindNginx(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	writ := func(arguments ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "writ", arguments...)
		cmd.Dir = directory
		cmd.Env = append(os.Environ(), "HOME="+directory, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "TERM=dumb")
		return cmd
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := writ("key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "signing.key", "--public", "signing.pub").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	write("agent.json", `{
		"run": { "verifyKeys": ["signing.pub"], "stateDir": "state" },
		"httpServer": { "listenAddress": "127.0.0.1:0", "selfSignedCertificate": false, "trustedProxies": ["127.0.0.0/8"] },
		"sources": { "web": { "allowPush": true } }
	}`)
	agent := program.Start(t, writ("agent", "--config", "agent.json"))
	var address string
	if err := agent.Ready(func() error {
		found := regexp.MustCompile(`writ: ready: http on (\S+):`).FindStringSubmatch(agent.Log())
		if found == nil {
			return fmt.Errorf("no address yet")
		}
		address = found[1]
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	certificate, key := certificates.New(t).Issue(t, 7)
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	proxy := nginxtest.Start(t, directory, `
		server {
			listen LISTEN ssl;
			ssl_certificate `+certificate+`;
			ssl_certificate_key `+key+`;
			location /web1/ {
				proxy_pass http://`+address+`/;
				proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
				client_max_body_size 32m;
			}
		}`)
	_, port, _ := strings.Cut(proxy.Address, ":")
	write("writ.json", fmt.Sprintf(`{
		"build": { "signingKeyPath": "signing.key" },
		"httpClient": { "pinnedFingerprints": ["%x"] },
		"targets": { "web1": { "hostname": "127.0.0.1", "port": %s, "pathPush": "/web1/etcha/v1/push", "sourcePatterns": { "web": "" } } }
	}`, sha256.Sum256(block.Bytes), port))
	write("large.jsonnet", "{ run: [{ id: 'a', always: true, change: 'echo through' }], runVars: { ballast: '"+strings.Repeat("x", 3<<20)+"' } }")
	for _, test := range []struct {
		arguments []string
		want      string
	}{
		{[]string{"push", "web", "--command", "echo through"}, `(?s)^web1/etcha push \| through\n.*\nweb1 +done +1 +0 `},
		{[]string{"push", "web", "large.jsonnet"}, `(?s)^web1/a \| through\n.*\nweb1 +done +1 +`},
		{[]string{"push", "nobody", "--command", "ls", "--host", "https://" + proxy.Address + "/web1"}, `\nhttps://\S+/web1 +refused `},
	} {
		output, err := writ(test.arguments...).CombinedOutput()
		if !regexp.MustCompile(test.want).Match(output) {
			t.Errorf("%s: %v\n%s", test.arguments, err, output)
		}
	}
	if err := agent.Ready(func() error { // what it has written is heard a moment later
		if log := agent.Log(); strings.Count(log, "request=push status=200 peer=127.0.0.1") != 2 || !strings.Contains(log, "request=push status=404 peer=127.0.0.1") {
			return errors.New("it does not say how it has answered the three")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
