package cli

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// TestFleet pushes once to two hundred agents, each a process with a state and a port of its own: each runs what is for it, and
// the table has them all. Then one of them has ended.
func TestFleet(t *testing.T) {
	t.Parallel()
	const many = fleetSize
	s := newSite(t)
	agents := make([]*agentProcess, many)
	began := time.Now()
	var starting errgroup.Group
	starting.SetLimit(8)
	for i := range agents {
		name := fmt.Sprintf("m%03d", i)
		s.write(name+"/writ.jsonnet", `{
			run: { verifyKeys: ['../signing.pub'], stateDir: 'state' }, httpServer: { listenAddress: '127.0.0.1:0' }, sources: { web: { allowPush: true } },
		}`)
		starting.Go(func() (err error) {
			agents[i], err = s.startAgent(nil, name)
			return err
		})
	}
	if err := starting.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d agents are ready after %s", many, time.Since(began))
	var targets, pins strings.Builder
	for _, a := range agents {
		_, port, _ := strings.Cut(a.address, ":")
		fmt.Fprintf(&targets, "%s: { hostname: '127.0.0.1', port: %s, sourcePatterns: { web: 'web.jsonnet' } },\n", a.name, port)
		fmt.Fprintf(&pins, "'%s',\n", a.pin)
	}
	s.write("writ.jsonnet", "{ build: { signingKeyPath: 'signing.key' }, httpClient: { pinnedFingerprints: ["+pins.String()+"] }, targets: {"+targets.String()+"} }")
	s.write("web.jsonnet", `local vars = std.native('getConfig')().vars;
		local name = if 'target' in vars then vars.target else vars.name;
		{ runVars: { name: name }, run: [{ id: 'name', check: 'grep -qx %s name' % name, change: 'echo %s | tee name' % name }] }`)

	push := func(status int, summary string, want func(name string) string) {
		t.Helper()
		began := time.Now()
		output, got := s.run(nil, "push", "web")
		if t.Logf("a push took %s", time.Since(began)); got != status {
			t.Errorf("exit status %d, want %d", got, status)
		}
		_, table, found := strings.Cut(output, "\nTARGET ")
		lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
		if !found || len(lines) != 1+many+1 || lines[1+many] != summary {
			t.Fatalf("no table of %d machines with %q:\n%s", many, summary, output)
		}
		for i, a := range agents {
			if !regexp.MustCompile(`^` + a.name + ` +` + want(a.name) + ` `).MatchString(lines[1+i]) {
				t.Errorf("row %d: %s; want %s %s", i, lines[1+i], a.name, want(a.name))
			}
		}
	}
	push(0, fmt.Sprintf("web: %d done", many), func(string) string { return "done +1 +0" })
	for _, a := range agents {
		s.await(a.name+"/name", a.name)
	}
	gone := agents[many/2]
	gone.End()
	push(1, fmt.Sprintf("web: %d done, 1 unreachable", many-1), func(name string) string {
		if name == gone.name {
			return "unreachable +0 +0"
		}
		return "done +0 +0"
	})
}
