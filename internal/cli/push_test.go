package cli

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/certificates"
	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/token"
)

// TestPushGuide runs every command of docs/push.md.
func TestPushGuide(t *testing.T) {
	t.Parallel()
	program.Find(t, "curl")
	g := guide(t, "push.md", nil, "PORT="+program.FreePort(t))
	g.says("/etcha push | Linux", "web1    drifted  1          0", "something would change: exit status 1", "change  motd  (new)", "web1/motd | hello from web1",
		"web2/motd | good day from web2", "web: 2 done", "good day from web2\n", `{"target":"web2","state":"done"`, `"changedIDs":[],"changedOutputs":[]`, `{"changedIDs":["motd"],"changedOutputs":["hi from curl\n"],"err":""`, "\n404\n", "event: entry\n", "event: result\n", `"status":200,"mode":"check"`)
	g.saysNot()
}

// TestServerCAs: machines that are pushed to, and web servers that are pulled from, may have certificates of one's own authority.
func TestServerCAs(t *testing.T) {
	t.Parallel()
	authority := certificates.New(t)
	certificate, private := authority.Issue(t, 2)
	pair, err := tls.LoadX509KeyPair(certificate, private)
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	shop := httptest.NewUnstartedServer(http.FileServer(http.Dir(directory)))
	shop.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	shop.Config.ErrorLog = log.New(io.Discard, "", 0)
	shop.StartTLS()
	defer shop.Close()
	output := runScript(t, fmt.Sprintf(`
		writ key generate --algorithm EdDSA --format text --out signing.key --public signing.pub
		cat >writ.jsonnet <<'END'
{
  build: { signingKeyPath: 'signing.key' },
  run: { verifyKeys: ['signing.pub'], stateDir: 'state' },
  httpServer: { listenAddress: '127.0.0.1:%[1]s', certificatePath: '%[2]s', keyPath: '%[3]s' },
  httpClient: { noSystemCA: true },
  sources: { web: { allowPush: true, pullPaths: ['%[4]s/web.jwt'] } },
}
END
		writ build "{ id: 'a', always: true, change: 'echo it runs' }" %[6]s/web.jwt
		writ agent --once || echo "pull: exit status $?"
		writ agent --once -x httpClient.serverCAs=%[5]s && echo 'pull: well'
		writ agent >agent.log 2>&1 &
		until grep -qs 'writ: ready' agent.log; do sleep 0.1; done
		writ push web %[6]s/web.jwt --host 127.0.0.1:%[1]s || echo "push: exit status $?"
		writ push web %[6]s/web.jwt --host 127.0.0.1:%[1]s -x httpClient.serverCAs=%[5]s && echo 'push: well'
		cp signing.pub %[6]s/keys.pub
		writ show %[6]s/web.jwt -x 'run.verifyKeys=["%[4]s/keys.pub"]' >shown 2>&1 || echo "show: exit status $?"
		writ show %[6]s/web.jwt -x 'run.verifyKeys=["%[4]s/keys.pub"]' -x httpClient.tlsSkipVerify=true >shown 2>&1 || echo "skipping: exit status $?"
		writ show %[6]s/web.jwt -x 'run.verifyKeys=["%[4]s/keys.pub"]' -x httpClient.serverCAs=%[5]s | grep -x verified && echo 'show: well'
		kill %%1 && wait`, program.FreePort(t), certificate, private, shop.URL, authority.File, directory))
	for _, want := range []string{"x509: certificate signed by unknown authority", "pull: exit status 2", "pull: well", "push: exit status 2", "push: well", "/a | it runs", "the server's certificate is signed by unknown authority", "show: exit status", "skipping: exit status", "show: well"} {
		if !strings.Contains(output, want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
}

// answering is a machine with an answer of the test's own. It returns what writ printed of a push to it, and the order.
func answering(t *testing.T, contentType, answer string, arguments ...string) (stdout, stderr string, order []byte) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		order, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, answer)
	}))
	defer server.Close()
	directory := t.TempDir()
	run := func(arguments ...string) (string, string) {
		process := exec.CommandContext(t.Context(), "writ", arguments...)
		process.Dir = directory
		process.Env = []string{"HOME=" + directory, "PATH=/usr/bin:/bin", "TERM=dumb"}
		var stdout, stderr strings.Builder
		process.Stdout, process.Stderr = &stdout, &stderr
		if err := process.Run(); err != nil && process.ProcessState == nil {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String()
	}
	run("key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "signing.key")
	stdout, stderr = run(append([]string{"push", "web", "--host", server.URL, "--command", "ls", "-x", "build.signingKeyPath=" + filepath.Join(directory, "signing.key")}, arguments...)...)
	return stdout, stderr, order
}

// TestPushToEtcha: what an Etcha agent answers, which tells nothing while it runs, is shown as ours is; what is sent to it
// is what Etcha's own push sends.
func TestPushToEtcha(t *testing.T) {
	t.Parallel()
	const answer = `{"changedIDs":["etcha push"],"changedOutputs":["README.md\nlib"],"err":"","exit":false,"removedIDs":["old"],"removedOutputs":[""]}`
	stdout, stderr, order := answering(t, "application/json", answer)
	want := regexp.MustCompile(`^http://\S+/etcha push \| README.md\nhttp://\S+/etcha push \| lib\nhttp://\S+/etcha push: changed\nhttp://\S+/old: removed\nTARGET .*\nhttp://\S+ +done +1 +1 .*\n$`)
	if !want.MatchString(stdout) || stderr != "" {
		t.Errorf("%s%s", stdout, stderr)
	}
	parsed, err := token.Parse(string(order), token.MaxOrderBytes)
	if err != nil {
		t.Fatal(err)
	}
	const payload = `{"etchaBuildManifest":"","etchaPattern":{"entrypoint":"/push.jsonnet","files":{"/push.jsonnet":"{\"run\":[{\"always\":true,\"change\":\"ls\",\"id\":\"etcha push\"}]}\n"}},"etchaRunVars":{},"etchaVersion":"writ-`
	if got := string(parsed.Payload()); !strings.HasPrefix(got, payload) || !strings.Contains(got, `"iat":`) || strings.Contains(got, `"exp"`) {
		t.Errorf("%s", got)
	}
	stdout, _, _ = answering(t, "application/json", answer, "--check")
	if !regexp.MustCompile(`(?m)^http://\S+/etcha push: to be changed$`).MatchString(stdout) || strings.Contains(stdout, "README") || !strings.Contains(stdout, "drifted") {
		t.Errorf("%s", stdout)
	}
	if stdout, _, order := answering(t, "application/json", answer, "--plan"); !strings.Contains(stdout, " unfit ") || len(order) != 0 {
		t.Errorf("%s, %d bytes were sent", stdout, len(order))
	}
}

// TestHostileMachine: nothing that a machine answers steers a terminal, stands in another machine's place, or is taken for
// what writ itself says.
func TestHostileMachine(t *testing.T) {
	t.Parallel()
	const evil = `evil\u001b[2J\u009b2J\u202e\r\n\u0007`
	entry := `event: entry` + "\n" + `data: {"kind":"output","job":"` + evil + `","step":"` + evil + `","text":"` + evil + `"}` + "\n\n"
	result := `{"status":500,"err":"` + evil + `","changedIDs":["` + evil + `"],"changedOutputs":["` + evil + `"],"plan":[{"action":"` + evil + `","id":"` + evil + `","why":"` + evil + `"}],"mode":"` + evil + `"}`
	for name, sent := range map[string][2]string{
		"events": {"text/event-stream", entry + "event: result\ndata: " + result + "\n\n"},
		"whole":  {"application/json", result},
		"well":   {"application/json", strings.Replace(strings.Replace(result, "500", "200", 1), `"err":"`+evil+`"`, `"err":""`, 1)},
	} {
		for _, flags := range [][]string{nil, {"--json"}} {
			stdout, stderr, _ := answering(t, sent[0], sent[1], flags...)
			if strings.ContainsFunc(stdout+stderr, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e }) {
				t.Errorf("%s %v: %q %q", name, flags, stdout, stderr)
			}
			for line := range strings.Lines(stdout + stderr) {
				if strings.HasPrefix(line, "evil") {
					t.Errorf("%s %v: %q", name, flags, line)
				}
			}
			if !strings.Contains(stdout, "evil") {
				t.Errorf("%s %v: %q", name, flags, stdout)
			}
		}
	}
}
