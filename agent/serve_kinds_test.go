package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
)

// events reads a whole answer of events, without signs of life.
func events(t *testing.T, text string) (names []string, data []string) {
	t.Helper()
	for event := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		if strings.HasPrefix(event, ":") {
			continue
		}
		name, value, found := strings.Cut(event, "\ndata: ")
		if !found || strings.Contains(value, "\n") {
			t.Fatalf("no event: %q", event)
		}
		names, data = append(names, strings.TrimPrefix(name, "event: ")), append(data, value)
	}
	return names, data
}

func TestStream(t *testing.T) {
	t.Parallel()
	seen := make(chan struct{})
	r := &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		must(t, p.Sink.Append(journal.Entry{Kind: journal.Start, Job: "web", Step: "a", Text: "change"}))
		must(t, p.Sink.Append(journal.Entry{Kind: journal.Output, Job: "web", Step: "a", Text: "<one>\ntwo"}))
		<-seen // what was printed is there while the Command runs
		must(t, p.Sink.Append(journal.Entry{Kind: journal.Finish, Job: "web", Step: "a", Status: "failed"}))
		o := changed("a", "")
		o.Err = errors.New("failed")
		return o, nil
	}}
	f := newFront(t, r)
	request, err := http.NewRequest("POST", f.url+"/etcha/v1/push/web", strings.NewReader("good"))
	must(t, err)
	request.Header.Set("Accept", "text/event-stream, application/json;q=0.5")
	answer, err := f.client.Do(request)
	must(t, err)
	defer answer.Body.Close()
	var first []byte
	for buffer := make([]byte, 4096); !bytes.Contains(first, []byte(`"text":"<one>\ntwo"`)); {
		n, err := answer.Body.Read(buffer)
		must(t, err)
		first = append(first, buffer[:n]...)
	}
	close(seen)
	rest, err := io.ReadAll(answer.Body)
	must(t, err)
	names, data := events(t, string(first)+string(rest))
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" || strings.Join(names, " ") != "entry entry entry result" {
		t.Fatalf("%s: %q", answer.Status, names)
	}
	var entry journal.Entry
	must(t, json.Unmarshal([]byte(data[2]), &entry))
	if result := decode(t, data[3]); entry.Status != "failed" || result.Status != 500 || result.Err != "failed" || result.ChangedIDs[0] != "a" {
		t.Errorf("%q", data)
	}
}

// TestStreamOfNothing: an answer that is known before anything was printed has a status of its own.
func TestStreamOfNothing(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	for body, want := range map[string]string{"good": "200 text/event-stream", "old": "409 application/json", "bad": "404 "} {
		answer, text := f.do("POST", "/etcha/v1/push/web", body, "Accept", "text/event-stream")
		if got := fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("Content-Type")); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
		if answer.ContentLength != int64(len(text)) {
			t.Errorf("%s: it came in pieces", body)
		}
		if body != "good" {
			continue
		}
		if names, _ := events(t, text); len(names) != 1 || names[0] != "result" {
			t.Errorf("%q", text)
		}
	}
	for _, accept := range []string{"text/event-stream;q=0", "application/json", "*/*", "text/event-streams", ";;"} {
		if answer, _ := f.do("POST", "/etcha/v1/push/web", "good", "Accept", accept); answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("accepting %s: %s", accept, answer.Header.Get("Content-Type"))
		}
	}
}

func TestHTTPWebhook(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	f := newFront(t, r)
	answer, text := f.do("BREW", "/hook?a=b", "body", "X-My-Header", "hello")
	if answer.StatusCode != 200 || text != "hooked" || answer.Header.Get("Content-Type") != "text/html" {
		t.Errorf("%s %s", answer.Status, text)
	}
	if w := r.hooks[0]; w.Path != "/hook" || w.Method != "BREW" || w.Query != "a=b" || w.RemoteAddr != "127.0.0.1" || w.Header.Get("X-My-Header") != "hello" || string(w.Body) != "body" {
		t.Errorf("%+v", w)
	}
	if answer, text := f.do("POST", "/hook", strings.Repeat("x", 1<<20)); answer.StatusCode != 200 {
		t.Errorf("the largest body: %s %s", answer.Status, text)
	}
	for _, test := range []struct {
		path, body string
		status     int
		code       string
	}{
		{"/a%20b", "", 200, ""}, {"/hook?nobody", "", 404, "not_found"}, {"/hook/", "", 404, "not_found"}, {"/hook/../hook", "", 404, "not_found"},
		{"//hook", "", 404, "not_found"}, {"/", "", 404, "not_found"}, {"/hook", strings.Repeat("x", 1<<20+1), 413, "too_large"},
	} {
		answer, text := f.do("POST", test.path, test.body)
		if answer.StatusCode != test.status || test.code != "" && !strings.Contains(text, `{"error":"`+test.code+`","error_description":"`) {
			t.Errorf("%s: %s %s", test.path, answer.Status, text)
		}
	}
}

func TestMetricsAndHealth(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	if answer, text := f.do("GET", "/healthz", ""); answer.StatusCode != 200 || text != "ok\n" {
		t.Errorf("%s %q", answer.Status, text)
	}
	if answer, _ := f.do("POST", "/healthz", ""); answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%s", answer.Status)
	}
	for _, path := range []string{"/metrics", "/etcha/v1/system/metrics"} {
		for _, test := range []struct {
			query, bearer string
			status        int
		}{{"?key=m3trics", "", 200}, {"", "Bearer m3trics", 200}, {"", "bearer  m3trics", 200}, {"", "", 401}, {"?key=", "", 401}, {"?key=m3trics", "Bearer x", 401}, {"?key=m3tric", "", 401}, {"", "Basic m3trics", 401}} {
			var header []string
			if test.bearer != "" {
				header = []string{"Authorization", test.bearer}
			}
			answer, text := f.do("GET", path+test.query, "", header...)
			if answer.StatusCode != test.status || (test.status == 200) != strings.Contains(text, "etcha_sources_total 1\n") {
				t.Errorf("%s%s %s: %s %s", path, test.query, test.bearer, answer.Status, text)
			}
		}
	}
	if _, text := f.do("GET", "/metrics?key=m3trics", ""); !strings.Contains(text, `writ_http_requests_total{request="metrics",status="401"} 10`) {
		t.Errorf("%s", text)
	}
	without := newFront(t, &receiver{}, func(c *agent.ServerConfig) { c.MetricsKey = "" })
	for _, path := range []string{"/metrics", "/etcha/v1/system/metrics?key="} {
		if answer, _ := without.do("GET", path, ""); answer.StatusCode != 404 {
			t.Errorf("without a key: %s: %s", path, answer.Status)
		}
	}
}

// TestLog: the log says what was asked for, by whom and with which result, and nothing that may be secret.
func TestLog(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{})
	f.do("POST", "/etcha/v1/push/web?only=s3cret", "good", "Authorization", "s3cret", "X-Forwarded-For", "s3cret")
	f.do("POST", "/etcha/v1/push/s3cret", "s3cret")
	f.do("GET", "/metrics?key=m3trics", "")
	f.do("GET", "/metrics?key=s3cret", "", "Authorization", "Bearer s3cret")
	f.do("S3CRET", "/s3cret?s3cret", "s3cret")
	f.do("POST", "/hook?s3cret", "s3cret")
	log := f.log.String()
	if strings.Contains(strings.ToLower(log), "s3cret") || strings.Contains(log, "m3trics") || strings.Contains(log, "good") {
		t.Errorf("%s", log)
	}
	for _, want := range []string{
		"level=INFO msg=answered request=push status=200 peer=127.0.0.1 took=", "source=web", "request=push status=404", "level=DEBUG msg=answered request=metrics status=200",
		"request=metrics status=401", "request=other status=404", "request=webhook status=200",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in %s", want, log)
		}
	}
}

// TestPanic: a mistake of ours is logged, and told nobody.
func TestPanic(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		if p.Sink != nil && p.Only == "" {
			must(t, p.Sink.Append(journal.Entry{Text: "begun"}))
		}
		panic("the cat is on the table")
	}})
	for _, header := range [][]string{nil, {"Accept", "text/event-stream"}} {
		answer, text := f.do("POST", "/etcha/v1/push/web?only=x", "good", header...)
		if answer.StatusCode != 500 || decode(t, text).Err != "internal error" {
			t.Errorf("%s %q", answer.Status, text)
		}
	}
	if log := f.log.String(); !strings.Contains(log, "the cat is on the table") || strings.Count(log, "status=500") != 2 {
		t.Errorf("%s", log)
	}
	if answer, _ := f.do("GET", "/healthz", ""); answer.StatusCode != 200 {
		t.Errorf("afterwards: %s", answer.Status)
	}
}
