package agent_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/test/nginxtest"
)

// behindNginx is what sends an order through Debian's nginx, under a path of the proxy's own, to a server that trusts it.
func behindNginx(t *testing.T, f *front, limit time.Duration) (push func(header ...string) (*http.Response, error)) {
	t.Helper()
	proxy := nginxtest.Start(t, t.TempDir(), `
		server {
			listen LISTEN;
			location /server1/ {
				proxy_pass `+f.url+`/;
				proxy_bind 127.0.0.2;
				proxy_http_version 1.1;
				proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
				proxy_read_timeout `+fmt.Sprint(int(limit.Seconds()))+`s;
				client_max_body_size 64m;
			}
		}`)
	return func(header ...string) (*http.Response, error) {
		request, err := http.NewRequest("POST", "http://"+proxy.Address+"/server1/etcha/v1/push/web", strings.NewReader("good"))
		must(t, err)
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err == nil {
			t.Cleanup(func() { answer.Body.Close() })
		}
		return answer, err
	}
}

func trusting(c *agent.ServerConfig) { c.HTTP.TrustedProxies = []string{"127.0.0.2"} }

// TestBehindNginx pushes through nginx: what a Command prints comes through while it runs, and a silent one outlasts the
// proxy's patience, of which there is more where the machine is so slow that the agent itself is silent for as long.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	for limit := 3 * time.Second; ; limit *= 4 {
		err := silentRun(t, limit)
		if err == nil {
			return
		}
		if limit > time.Minute/2 {
			t.Fatal(err)
		}
		t.Logf("within %s: %v", limit, err)
	}
}

// silentRun pushes an order whose Command prints a line, and then nothing for longer than nginx waits for more.
func silentRun(t *testing.T, limit time.Duration) error {
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	defer end()
	f := newHurriedFront(t, &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		must(t, p.Sink.Append(journal.Entry{Kind: journal.Output, Text: "one"}))
		<-over
		return changed("a", "b"), nil
	}}, patience, 100*time.Millisecond, trusting)
	answer, err := behindNginx(t, f, limit)("Accept", "text/event-stream")
	if err != nil {
		return err
	}
	read := bufio.NewReader(answer.Body)
	for line := ""; !strings.Contains(line, `"text":"one"`); {
		if line, err = read.ReadString('\n'); err != nil {
			return fmt.Errorf("%q, %v", line, err)
		}
	}
	for range 20 * int(limit.Seconds()+1) { // a second more of signs of life than nginx waits, and the empty lines after them
		line, err := read.ReadString('\n')
		if err != nil || line != "\n" && !strings.HasPrefix(line, ":") {
			return fmt.Errorf("%q, %v", line, err)
		}
	}
	end()
	rest, err := io.ReadAll(read)
	at := strings.Index(string(rest), "event: result\ndata: ")
	if err != nil || at < 0 || decode(t, string(rest)[at+len("event: result\ndata: "):]).Status != 200 {
		return fmt.Errorf("%q, %v", rest, err)
	}
	return nil
}

// TestLimitBehindNginx: the agent knows who asked the proxy, and limits him.
func TestLimitBehindNginx(t *testing.T) {
	t.Parallel()
	r, now := &receiver{}, time.Unix(1, 0)
	f := newFront(t, r, trusting, func(c *agent.ServerConfig) {
		c.HTTP.RateLimit, c.Now = agent.Rate{Requests: 20, Per: time.Hour}, func() time.Time { return now }
	})
	push := behindNginx(t, f, patience)
	for i := range 25 {
		answer, err := push("X-Forwarded-For", "203.0.113.9")
		must(t, err)
		if want := i >= 20; (answer.StatusCode == http.StatusTooManyRequests) != want {
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
