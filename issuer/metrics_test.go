package issuer

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	c := newCounters(func() int { return 3 }, func() []KeyInfo {
		return []KeyInfo{{ID: "k", Algorithm: key.ES256, State: Next, Since: time.Unix(100, 0)}}
	}, func() time.Time { return time.Unix(190, 0) })
	for _, name := range []string{runsBegun, mintedWith(key.EdDSA), mintedWith(key.EdDSA), introspected("active"), introspected("inactive")} {
		c.count(name)
	}
	answer := httptest.NewRecorder()
	c.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	const want = `# HELP writ_introspections_total Answers of the introspection endpoint, by result.
# TYPE writ_introspections_total counter
writ_introspections_total{result="active"} 1
writ_introspections_total{result="inactive"} 1
# HELP writ_key_age_seconds How long each key has been in its state, by algorithm, state and kid.
# TYPE writ_key_age_seconds gauge
writ_key_age_seconds{alg="ES256",state="next",kid="k"} 90
# HELP writ_runs Runs registered now.
# TYPE writ_runs gauge
writ_runs 3
# HELP writ_runs_registered_total Runs registered, builds and tasks.
# TYPE writ_runs_registered_total counter
writ_runs_registered_total 1
# HELP writ_tokens_minted_total Identity tokens minted, by algorithm.
# TYPE writ_tokens_minted_total counter
writ_tokens_minted_total{alg="ES256"} 0
writ_tokens_minted_total{alg="EdDSA"} 2
writ_tokens_minted_total{alg="RS256"} 0
# HELP writ_tokens_refused_total Requests for a token that were refused.
# TYPE writ_tokens_refused_total counter
writ_tokens_refused_total 0
`
	if got := answer.Body.String(); got != want || answer.Header().Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%s\n%v", got, answer.Header())
	}
}
