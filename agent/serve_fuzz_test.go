package agent_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
)

// FuzzRequest: whatever is asked for, the answer is one of those that are documented, nothing panics, and only a POST to the
// source's own path brings its order before the agent.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/etcha/v1/push/web", "check&only=a", "text/event-stream", "192.0.2.1", "good")
	f.Add("GET", "/metrics", "key=m3trics", "", "::1, x", "")
	f.Add("PUT", "/hook", "nobody", "", "", "x")
	f.Add("POST", "/etcha/v1/push/../web", "%zz", ";q=", "[", "old")
	r := &receiver{}
	front := newFront(f, r, func(c *agent.ServerConfig) {
		c.HTTP.RateLimit = agent.Rate{Requests: 1 << 30, Per: 1}
		c.HTTP.TrustedProxies = []string{"192.0.2.1"}
	})
	statuses := []int{200, 400, 401, 404, 405, 409, 500, 503}
	f.Fuzz(func(t *testing.T, method, path, query, accept, forwarded, body string) {
		u := &url.URL{Path: path, RawQuery: query}
		request, err := http.NewRequest(method, u.String(), strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		request.URL, request.RemoteAddr = u, "192.0.2.1:5"
		request.Header = http.Header{"Accept": {accept}, "X-Forwarded-For": {forwarded}}
		r.forget()
		answer := httptest.NewRecorder()
		front.Answer(answer, request)
		if !slices.Contains(statuses, answer.Code) || strings.Contains(answer.Body.String(), "internal error") {
			t.Errorf("%s %q: %d %s", method, path, answer.Code, answer.Body)
		}
		if pushes := r.pushes(); len(pushes) > 0 && (method != "POST" || path != "/etcha/v1/push/"+pushes[0].Source) {
			t.Errorf("%s %q: an order for %q was taken", method, path, pushes[0].Source)
		}
	})
}

// TestDefaultRate: who has rested may ask a thousand times at once, and not once more.
func TestDefaultRate(t *testing.T) {
	t.Parallel()
	f := newFront(t, &receiver{}, func(c *agent.ServerConfig) { c.Now = func() time.Time { return time.Unix(1, 0) } })
	ask := func() int {
		answer := httptest.NewRecorder()
		f.Answer(answer, httptest.NewRequest("GET", "/healthz", nil))
		return answer.Code
	}
	for i := range 1000 {
		if status := ask(); status != 200 {
			t.Fatalf("request %d: %d", i, status)
		}
	}
	if status := ask(); status != 429 {
		t.Errorf("one more: %d", status)
	}
}
