package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/test/networktest"
	"github.com/writ-run/writ/test/nginxtest"
	"github.com/writ-run/writ/test/program"
)

// TestCutLink: agents in network namespaces pull from nginx in another one and are pushed to from there, and the link of two
// of them is cut in the middle of both. What they have goes on running, each side says what failed, and all is made up for
// once the link is there again.
func TestCutLink(t *testing.T) {
	t.Parallel()
	program.Find(t, "nginx")
	// near stays connected. kept asks over a connection that it keeps, fresh over a new one each time.
	machines := []string{"near", "kept", "fresh"}
	cut := []string{"kept", "fresh"}
	n := networktest.New(t, machines...)
	s := newSite(t)
	order := func(text string) {
		s.write("motd.jsonnet", fmt.Sprintf(`{ run: [{ id: 'motd', check: 'grep -qx %[1]s motd', change: 'echo %[1]s >motd' }] }`, text))
		s.succeed("build", "motd.jsonnet", "next.jwt", "-x", "build.signingKeyPath=signing.key")
		s.rename("next.jwt", "served/motd.jwt")
	}
	s.write("served/x", "")
	order("one")
	nginxtest.StartOn(t, n.Listen(networktest.Server, "80"), s.path("served"), `
		server { listen LISTEN; root .; location /fresh/ { alias ./; keepalive_timeout 0; } }`)
	agents, targets, pins := map[string]*agentProcess{}, []string{}, []string{}
	for _, name := range machines {
		path := map[bool]string{true: "/fresh"}[name == "fresh"]
		agents[name] = s.agent(n.On(name), name, fmt.Sprintf(`{
			run: { verifyKeys: ['../signing.pub'], stateDir: 'state', systemMetricsKey: 'm3trics' },
			httpServer: { listenAddress: '%s:4000' },
			sources: { motd: { pullPaths: ['http://%s%s/motd.jwt'], runFrequency: '1s' }, job: { allowPush: true, noRemove: true } },
		}`, n.Address(name), n.Address(networktest.Server), path))
		targets = append(targets, fmt.Sprintf("%s: { hostname: '%s', sourcePatterns: { job: '' } }", name, n.Address(name)))
		pins = append(pins, "'"+agents[name].pin+"'")
	}
	s.write("writ.jsonnet", fmt.Sprintf(`{
		build: { signingKeyPath: 'signing.key' }, httpClient: { pinnedFingerprints: [%s] }, targets: { %s },
	}`, strings.Join(pins, ", "), strings.Join(targets, ", ")))
	for _, name := range machines {
		s.await(name+"/motd", "one")
	}

	s.write("job.jsonnet", `{ run: [{ id: 'job', always: true, change: 'until test -e go; do echo tick; sleep 0.05; done; echo done >job' }] }`)
	push := program.Start(t, s.writ(n.On(networktest.Server), "push", "job", "job.jsonnet", "--timeout", "40s"))
	if err := push.Ready(func() error {
		for _, name := range machines {
			if !strings.Contains(push.Log(), name+"/job | tick") {
				return fmt.Errorf("nothing of %s yet", name)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range cut {
		n.Cut(name)
	}
	s.write("near/go", "")
	s.await("near/job", "done")
	order("two")
	s.await("near/motd", "two")
	if status := push.Wait(); status != 1 {
		t.Errorf("the push that was cut off: exit status %d", status)
	}
	rows(t, push.Log(), "near +done +1 ", "kept +lost .* it took too long", "fresh +lost .* it took too long")

	// What was begun ends, and what was pulled is kept up, without the link.
	for _, name := range cut {
		s.write(name+"/go", "")
		s.await(name+"/job", "done")
		s.rename(name+"/motd", name+"/away")
		s.await(name+"/motd", "one")
	}
	output, status := s.run(n.On(networktest.Server), "push", "job", "job.jsonnet", "--timeout", "30s")
	if status != 1 {
		t.Errorf("a push into the cut: exit status %d", status)
	}
	rows(t, output, "near +done +1 ", "kept +unreachable ", "fresh +unreachable ")
	if output, status = s.run(n.On(networktest.Server), "push", "job", "job.jsonnet", "--timeout", "5s", "--target", "fresh"); status != 2 {
		t.Errorf("a push into the cut alone: exit status %d", status)
	}
	rows(t, output, "fresh +unreachable ")
	fresh := agents["fresh"]
	if err := fresh.Ready(func() error {
		if !strings.Contains(fresh.Log(), "no order could be pulled; what there is runs on") {
			return errors.New("it does not say that it could not pull")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if p := fresh.status("motd").Pull; p.Result != "failed" || !strings.Contains(p.Error, "/fresh/motd.jwt: dial tcp") || p.Next.IsZero() {
		t.Errorf("%+v", p)
	}
	for name, want := range map[string]string{"near": "0", "fresh": "1"} {
		text := metricsOver(t, n.Dial(name, n.Address(name)+":4000"))
		if !strings.Contains(text, `writ_agent_pull_failed{source="motd"} `+want+"\n") || !strings.Contains(text, `etcha_sources_total{error="0",name="motd",`) {
			t.Errorf("%s: %s", name, text)
		}
	}

	for _, name := range cut {
		n.Restore(name)
	}
	for _, name := range cut {
		s.await(name+"/motd", "two")
	}
	if err := program.Eventually(t.Context(), func() error { // the Command has run, and then the pull is over
		if p := fresh.status("motd").Pull; p.Result == "failed" {
			return fmt.Errorf("%+v", p)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	s.written(n.On(networktest.Server), "done", 3)

	bad := []string{"delay", "20ms", "10ms", "loss", "10%"}
	if err := n.Worsen("fresh", bad...); err != nil {
		t.Logf("this kernel has no netem: links that lose and delay are not tried: %v", err)
		return
	}
	order("three")
	s.await("fresh/motd", "three")
	s.written(n.On(networktest.Server), "done", 3)
}

// written pushes the job, and has so many machines say that it is done.
func (s *site) written(prefix []string, state string, want int) {
	s.Helper()
	output, status := s.run(prefix, "push", "job", "job.jsonnet")
	if got := len(regexp.MustCompile(`(?m)^\w+ +`+state+" +1 ").FindAllString(output, -1)); status != 0 || got != want {
		s.Errorf("exit status %d, %d machines are %s:\n%s", status, got, state, output)
	}
}

// rows are those that a table has to have.
func rows(t *testing.T, output string, want ...string) {
	t.Helper()
	for _, row := range want {
		if !regexp.MustCompile(`(?m)^(` + row + `)`).MatchString(output) {
			t.Errorf("no row %q in\n%s", row, output)
		}
	}
}

func (s *site) rename(from, to string) {
	s.Helper()
	if err := os.Rename(s.path(from), s.path(to)); err != nil {
		s.Fatal(err)
	}
}

// await waits until a file has a line.
func (s *site) await(name, line string) {
	s.Helper()
	if err := program.Eventually(context.Background(), func() error {
		text, err := os.ReadFile(s.path(name))
		if err == nil && string(text) != line+"\n" {
			err = fmt.Errorf("%q, want %q", text, line)
		}
		return err
	}); err != nil {
		s.Fatalf("%s: %v", name, err)
	}
}

// status is how a source of the agent stands.
func (a *agentProcess) status(source string) agent.SourceStatus {
	a.site.Helper()
	command := a.writ(nil, "agent", "status", source, "--json")
	command.Dir = filepath.Join(a.directory, a.name)
	text, err := command.Output()
	var running struct{ Sources []agent.SourceStatus }
	if err := errors.Join(err, json.Unmarshal(text, &running)); err != nil || len(running.Sources) != 1 {
		a.site.Fatalf("%v: %s", err, text)
	}
	return running.Sources[0]
}

// metricsOver asks for the metrics of an agent, whose key is m3trics, over a connection.
func metricsOver(t *testing.T, connection net.Conn) string {
	t.Helper()
	defer connection.Close()
	client := http.Client{Transport: &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return connection, nil },
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test has just started it
	}}
	request, err := http.NewRequest(http.MethodGet, "https://"+connection.RemoteAddr().String()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer m3trics")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", answer.Status, err)
	}
	return string(text)
}
