package cli

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/test/prometheustest"
)

// TestPrometheus has Debian's Prometheus watch an agent, as examples/agent says, over TLS and with the key of the metrics, on
// both paths: what ran is found under Etcha's names and ours, and the alerts are evaluated and fire.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	program.Find(t, "prometheus")
	s := newSite(t)
	a := s.agent(nil, "web1", `{
		run: { verifyKeys: ['../signing.pub'], stateDir: 'state', systemMetricsKey: 'm3trics' },
		httpServer: { listenAddress: '127.0.0.1:0' },
		sources: { web: { allowPush: true } },
	}`)
	certificate := a.certificate()
	s.write("watch/agents.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})))
	s.write("watch/metrics.key", "m3trics")
	alerts, err := os.ReadFile(filepath.Join("..", "..", "examples", "agent", "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("watch/alerts.yml", string(alerts))
	const job = "  - job_name: writ-agent"
	example, err := os.ReadFile(filepath.Join("..", "..", "examples", "agent", "prometheus.yml"))
	if err != nil || strings.Count(string(example), job) != 1 {
		t.Fatalf("%v: %s", err, example)
	}
	configuration := strings.Replace(string(example), "'web1.example.com:4000', 'web2.example.com:4000'", "'"+a.address+"'", 1)
	configuration = "global: { scrape_interval: 1s, evaluation_interval: 200ms }\n" + configuration + `
  - job_name: as-etcha
    scheme: https
    metrics_path: /etcha/v1/system/metrics
    params: { key: [m3trics] }
    tls_config: { ca_file: agents.pem }
    static_configs: [{ targets: ['` + a.address + `'] }]
`
	s.write("watch/prometheus.yml", configuration)
	prometheustest.Promtool(t, s.path("watch"), "", "check", "config", "prometheus.yml")
	p := prometheustest.Start(t, s.path("watch"), configuration)
	found := func(want int, expression string) {
		t.Helper()
		var last []prometheustest.Sample
		if err := p.Ready(func() (err error) {
			if last, err = p.Query(expression); err == nil && len(last) != want {
				err = fmt.Errorf("%d series, want %d: %v", len(last), want, last)
			}
			return err
		}); err != nil {
			t.Errorf("%s: %v", expression, strings.SplitN(err.Error(), ": ts=", 2)[0])
		}
	}
	found(2, `up == 1`)
	s.write("good.jsonnet", `{ run: [{ id: 'a', check: 'test -e made', change: 'touch made' }] }`)
	s.write("bad.jsonnet", `{ run: [{ id: 'a', check: 'test -e made', change: 'touch made' }, { id: 'b', always: true, change: 'exit 3' }] }`)
	s.succeed("key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "other.key", "--public", "other.pub")
	for _, test := range []struct {
		key, pattern string
		status       int
	}{{"signing.key", "good.jsonnet", 0}, {"signing.key", "bad.jsonnet", 1}, {"other.key", "good.jsonnet", 1}} {
		output, status := s.run(nil, "push", "web", test.pattern, "-x", "build.signingKeyPath="+test.key, "--host", a.address, "--pin", a.pin)
		if status != test.status {
			t.Fatalf("%s of %s: exit status %d: %s", test.pattern, test.key, status, output)
		}
	}
	for _, expression := range []string{
		`etcha_sources_total{error="0", name="web", remote_addr="127.0.0.1", trigger="push"} == 1`,
		`etcha_sources_total{error="1", name="web", trigger="push"} == 1`,
		`etcha_commands_total{error="1", id="b", mode="change", parent_id="", source="web"} == 1`,
		`etcha_commands_total{error="0", id="a", mode="change"} == 1`,
		`etcha_sources_commands{mode="change", name="web"}`,
		`writ_agent_run_seconds_count{source="web"} == 2`,
		`writ_agent_run_seconds_sum{source="web"} > 0`,
		`histogram_quantile(0.9, sum by (job, source, le) (writ_agent_run_seconds_bucket)) < 60`,
		`writ_agent_order_age_seconds{source="web"} < 600`,
		`abs(writ_agent_last_success_timestamp_seconds{source="web"} - time()) < 600`,
		`writ_agent_refused_total{source="web", reason="signature"} == 1`,
		`writ_agent_troubles == 0`,
		`writ_agent_waiting_runs == 0`,
		`writ_http_requests_total{request="push", status="200"} == 2`, // of an answer that is streamed
		`writ_http_requests_total{request="push", status="404"} == 1`,
		`writ_http_requests_total{request="metrics", status="200"} > 3`,
	} {
		found(2, expression)
	}
	found(2, `ALERTS{alertname="WritRunFailed", alertstate="firing", name="web", trigger="push"}`)
	found(2, `ALERTS{alertname="WritOrderRefused", alertstate="firing", source="web", reason="signature"}`)
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if err := p.API("rules", &rules); err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules.Groups[0].Rules {
		if rule.Health != "ok" {
			t.Errorf("%s: %s %s", rule.Name, rule.Health, rule.LastError)
		}
	}
	if want := strings.Count(string(alerts), "- alert: "); len(rules.Groups[0].Rules) != want {
		t.Errorf("%d rules, want %d", len(rules.Groups[0].Rules), want)
	}
	connection, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	text := metricsOver(t, connection)
	prometheustest.Promtool(t, s.directory, text, "check", "metrics")
	// Whatever it says, Prometheus has taken.
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" || line[0] == '#' })
	for _, line := range lines {
		name := line[:strings.IndexAny(line, "{ ")]
		found(1, `count(`+name+`{job="writ-agent"}) > bool 0`)
	}
	if len(lines) < 25 {
		t.Errorf("%d series: %s", len(lines), text)
	}
	a.End()
	found(2, `up == 0`)
	found(1, `ALERTS{alertname="WritAgentDown", alertstate="pending"}`)
	found(0, `ALERTS{alertname!~"WritAgentDown|WritRunFailed|WritOrderRefused"}`)
}

// certificate is the one that an agent shows.
func (a *agentProcess) certificate() *x509.Certificate {
	a.site.Helper()
	connection, err := tls.Dial("tcp", a.address, &tls.Config{InsecureSkipVerify: true}) // the test has just started it
	if err != nil {
		a.site.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0]
}

// TestAlerts has promtool look at the rules of examples/agent, and try them on series over hours.
func TestAlerts(t *testing.T) {
	t.Parallel()
	directory := filepath.Join("testdata", "prometheus")
	prometheustest.Promtool(t, directory, "", "check", "rules", filepath.Join("..", "..", "..", "..", "examples", "agent", "alerts.yml"))
	prometheustest.Promtool(t, directory, "", "test", "rules", "alerts_test.yml")
}
