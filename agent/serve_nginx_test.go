package agent_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/test/nginxtest"
)

// TestBehindNginx pushes through Debian's nginx, under a path of the proxy's own: what a Command prints comes through while
// it runs, a silent one outlasts the proxy's patience, and the agent knows who asked the proxy.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	printed, quiet := make(chan struct{}), make(chan struct{})
	r := &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		if p.Sink != nil {
			must(t, p.Sink.Append(journal.Entry{Kind: journal.Output, Text: "one"}))
			<-printed
			<-quiet
		}
		return changed("a", "b"), nil
	}}
	f := newHurriedFront(t, r, 30*time.Second, 100*time.Millisecond, func(c *agent.ServerConfig) {
		c.HTTP.TrustedProxies = []string{"127.0.0.2"}
		c.HTTP.RateLimit = agent.Rate{Requests: 20, Per: time.Hour}
	})
	proxy := nginxtest.Start(t, t.TempDir(), `
		server {
			listen LISTEN;
			location /server1/ {
				proxy_pass `+f.url+`/;
				proxy_bind 127.0.0.2;
				proxy_http_version 1.1;
				proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
				proxy_read_timeout 3s;
				client_max_body_size 64m;
			}
		}`)
	url := "http://" + proxy.Address + "/server1/etcha/v1/push/web"
	push := func(header ...string) *http.Response {
		request, err := http.NewRequest("POST", url, strings.NewReader("good"))
		must(t, err)
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		must(t, err)
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	answer := push("Accept", "text/event-stream")
	read := bufio.NewReader(answer.Body)
	for line := ""; !strings.Contains(line, `"text":"one"`); {
		var err error
		line, err = read.ReadString('\n')
		must(t, err)
	}
	close(printed)
	for range 80 { // four seconds of signs of life, and the empty lines after them
		line, err := read.ReadString('\n')
		must(t, err)
		if line != "\n" && !strings.HasPrefix(line, ":") {
			t.Fatalf("%q", line)
		}
	}
	close(quiet)
	rest, err := io.ReadAll(read)
	must(t, err)
	if at := strings.Index(string(rest), "event: result\ndata: "); at < 0 || decode(t, string(rest)[at+len("event: result\ndata: "):]).Status != 200 {
		t.Errorf("%q", rest)
	}
	for i := range 25 {
		answer := push("X-Forwarded-For", "203.0.113.9")
		if want := i >= 19; (answer.StatusCode == http.StatusTooManyRequests) != want {
			t.Errorf("request %d, forged: %s", i, answer.Status)
		}
	}
	if pushes := r.pushes(); len(pushes) != 20 || pushes[0].RemoteAddr != "127.0.0.1" || pushes[5].RemoteAddr != "127.0.0.1" {
		t.Errorf("%d pushes", len(pushes))
	}
}

// TestRefusedBehindNginx: what is refused before its body was read is refused through nginx too, which sends the body all the
// same: it is no bad gateway.
func TestRefusedBehindNginx(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "https"} {
		f := newFront(t, &receiver{}, func(c *agent.ServerConfig) { c.HTTP.SelfSignedCertificate = scheme == "https" })
		limited := newFront(t, &receiver{}, func(c *agent.ServerConfig) {
			c.HTTP.SelfSignedCertificate, c.HTTP.RateLimit = scheme == "https", agent.Rate{Requests: 1, Per: 24 * time.Hour}
		})
		proxy := nginxtest.Start(t, t.TempDir(), `
			client_max_body_size 64m;
			server { listen LISTEN; location / { proxy_pass `+f.url+`/; } location /limited/ { proxy_pass `+limited.url+`/; } }`)
		limited.do("GET", "/healthz", "")
		for _, test := range []struct {
			method, path string
			size         int
			status       int
		}{
			{"POST", "/etcha/v1/push/nobody", 1 << 10, 404},
			{"POST", "/etcha/v1/push/nobody", 100 << 10, 404},
			{"POST", "/etcha/v1/push/nobody", 3 << 20, 404},
			{"POST", "/etcha/v1/push/nobody", 31 << 20, 404},
			{"POST", "/etcha/v1/push/pulled", 3 << 20, 404},
			{"POST", "/etcha/v1/push/web", 3 << 20, 404}, // was read, and is no order
			{"POST", "/etcha/v1/push/web?only=(", 3 << 20, 400},
			{"PUT", "/etcha/v1/push/web", 3 << 20, 405},
			{"POST", "/nothing", 3 << 20, 404},
			{"POST", "/healthz", 3 << 20, 405},
			{"POST", "/limited/healthz", 100 << 10, 429},
		} {
			body := strings.Repeat("x", test.size)
			for range 5 {
				request, err := http.NewRequest(test.method, "http://"+proxy.Address+test.path, strings.NewReader(body))
				must(t, err)
				answer, err := http.DefaultClient.Do(request)
				must(t, err)
				answer.Body.Close()
				if answer.StatusCode != test.status {
					t.Errorf("%s, %s %s with %d bytes: %s", scheme, test.method, test.path, test.size, answer.Status)
				}
			}
		}
	}
}
