package trust

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/token"
)

// judge makes the report on one sample.
type judge struct {
	sample Sample
	report token.Report
}

func (j *judge) check(name, want, got string, passed bool) {
	outcome := token.Failed
	if passed {
		outcome = token.Passed
	}
	j.report = append(j.report, token.Check{Name: name, Want: want, Got: got, Outcome: outcome})
}

// text is a claim that is text, or "".
func (j *judge) text(claim string) string {
	s, _ := j.sample.Claims[claim].(string)
	return s
}

// got is a claim as JSON, bounded.
func (j *judge) got(path ...string) string {
	value, there := getPath(j.sample.Claims, path)
	if !there {
		return "missing"
	}
	if s, is := value.(string); is {
		return s
	}
	out, err := json.Marshal(value)
	if err != nil {
		return "unreadable"
	}
	return string(out)
}

// issuerURL checks that the party can be told the URL and can fetch keys from it.
func (j *judge) issuerURL(w Wish, maxBytes int, fetches bool) {
	want := "https"
	ok := strings.HasPrefix(w.Issuer, "https://")
	if fetches {
		want += " and reachable from the internet"
		ok = ok && !w.private()
	}
	if maxBytes > 0 {
		want += fmt.Sprintf(", at most %d characters", maxBytes)
		ok = ok && len(w.Issuer) <= maxBytes
	}
	j.check("issuer URL", want, w.Issuer, ok)
}

func (j *judge) algorithm(allowed ...string) {
	j.check("algorithm", strings.Join(allowed, ", "), j.sample.Algorithm, slices.Contains(allowed, j.sample.Algorithm))
}

func (j *judge) issuer(w Wish) {
	j.check("iss", w.Issuer, j.text("iss"), j.text("iss") == w.Issuer)
}

// audience checks that one of the token's audiences is the one wanted.
func (j *judge) audience(want string) {
	list, _ := j.sample.Claims["aud"].([]any)
	j.check("aud", want, j.got("aud"), slices.Contains(list, any(want)))
}

// times checks exp and nbf with the party's leeways.
func (j *judge) times(expLeeway, nbfLeeway time.Duration) {
	j.expiry(expLeeway)
	nbf, got := j.at("nbf")
	now := j.sample.Now.UTC()
	j.check("nbf", "not after "+now.Format(time.RFC3339)+leeway(nbfLeeway), got, !nbf.After(now.Add(nbfLeeway)))
}

func (j *judge) expiry(within time.Duration) {
	exp, got := j.at("exp")
	now := j.sample.Now.UTC()
	j.check("exp", "after "+now.Format(time.RFC3339)+leeway(within), got, !exp.IsZero() && now.Before(exp.Add(within)))
}

// at is the instant of a claim, and how it is shown.
func (j *judge) at(claim string) (time.Time, string) {
	seconds, is := j.sample.Claims[claim].(float64)
	if !is {
		return time.Time{}, "missing"
	}
	t := time.Unix(int64(seconds), 0).UTC()
	return t, t.Format(time.RFC3339)
}

func leeway(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" (leeway %d s)", int(d.Seconds()))
}

// size checks a length in bytes.
func (j *judge) size(name string, n, least, most int) {
	want := fmt.Sprintf("at most %d bytes", most)
	if least > 0 {
		want = fmt.Sprintf("%d to %d bytes", least, most)
	}
	j.check(name, want, fmt.Sprintf("%d", n), n >= least && n <= most)
}

// condition checks one condition as policy does: for parties whose words for it say exactly the same.
func (j *judge) condition(r ruled) {
	holds := r.holds(j.sample.Claims)
	got := fmt.Sprint(holds)
	if c, is := r.node.(compare); is && c.op != unequal {
		got = j.got(c.path...)
	}
	j.check("condition", r.String(), got, holds)
}

// host is the issuer URL without its scheme.
func (w Wish) host() string {
	u, err := url.Parse(w.Issuer)
	if err != nil {
		return w.Issuer
	}
	return u.Host + u.EscapedPath()
}
