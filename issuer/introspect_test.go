package issuer_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

const (
	form     = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// introspect asks about a token, and returns the answer's JSON.
func (w *world) introspect(t testing.TB, raw string) map[string]any {
	t.Helper()
	answer := w.ask("POST", "/introspect", form, url.Values{"token": {raw}}.Encode())
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	var object map[string]any
	if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil {
		t.Fatalf("%s: %v", answer.Body, err)
	}
	return object
}

// TestIntrospectForms: the three ways to give a token, and everything that is not exactly one of them.
func TestIntrospectForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	raw := w.minted(t, workload.Request{}).Token
	for name, test := range map[string]struct {
		contentType, body string
		header            []string
		status            int
		code              string
	}{
		"form":                   {form, "token=" + raw, nil, 200, ""},
		"form with charset":      {form + "; charset=utf-8", "token=" + raw, nil, 200, ""},
		"form with hint":         {form, "token_type_hint=access_token&token=" + raw, nil, 200, ""},
		"JSON":                   {jsonType, `{"token":"` + raw + `"}`, nil, 200, ""},
		"bearer":                 {"", "", []string{"Authorization", "Bearer " + raw}, 200, ""},
		"bearer in lower case":   {"", "", []string{"Authorization", "bearer " + raw}, 200, ""},
		"bearer with audience":   {form, "audience=" + url.QueryEscape(issuerURL), []string{"Authorization", "Bearer " + raw}, 200, ""},
		"nothing":                {"", "", nil, 400, "invalid_request"},
		"empty form":             {form, "a=b", nil, 400, "invalid_request"},
		"empty token":            {form, "token=", nil, 400, "invalid_request"},
		"empty JSON token":       {jsonType, `{"token":""}`, nil, 400, "invalid_request"},
		"form and bearer":        {form, "token=" + raw, []string{"Authorization", "Bearer " + raw}, 400, "invalid_request"},
		"JSON and bearer":        {jsonType, `{"token":"` + raw + `"}`, []string{"Authorization", "Bearer " + raw}, 400, "invalid_request"},
		"two form fields":        {form, "token=" + raw + "&token=" + raw, nil, 400, "invalid_request"},
		"two bearers":            {"", "", []string{"Authorization", "Bearer " + raw, "Authorization", "Bearer " + raw}, 400, "invalid_request"},
		"two JSON members":       {jsonType, `{"token":"` + raw + `","token":"x"}`, nil, 400, "invalid_request"},
		"unknown JSON member":    {jsonType, `{"token":"` + raw + `","tokne":"x"}`, nil, 400, "invalid_request"},
		"JSON of another type":   {jsonType, `{"token":1}`, nil, 400, "invalid_request"},
		"broken JSON":            {jsonType, `{"token":`, nil, 400, "invalid_request"},
		"JSON null":              {jsonType, `null`, nil, 400, "invalid_request"},
		"basic authentication":   {form, "token=" + raw, []string{"Authorization", "Basic eDp5"}, 400, "invalid_request"},
		"empty bearer":           {"", "", []string{"Authorization", "Bearer "}, 400, "invalid_request"},
		"broken form":            {form, "token=%zz", nil, 400, "invalid_request"},
		"no content type":        {"", "token=" + raw, nil, 415, "invalid_request"},
		"another content type":   {"text/plain", raw, nil, 415, "invalid_request"},
		"1 MiB":                  {form, "token=" + strings.Repeat("a", 1<<20), nil, 413, "invalid_request"},
		"1 MiB of JSON brackets": {jsonType, strings.Repeat("[", 1<<20), nil, 413, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := w.ask("POST", "/introspect", test.contentType, test.body, test.header...)
			if answer.Code != test.status || answer.Header().Get("Cache-Control") != "no-store" || answer.Header().Get("Content-Type") != jsonType {
				t.Errorf("status %d, want %d; header %v; body %s", answer.Code, test.status, answer.Header(), answer.Body)
			}
			var object struct {
				Active      bool   `json:"active"`
				Team        string `json:"team"`
				Code        string `json:"error"`
				Description string `json:"error_description"`
			}
			if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil {
				t.Fatal(err)
			}
			if object.Active != (test.status == 200) || object.Active && object.Team != "infra" || object.Code != test.code || (object.Description == "") != (test.code == "") {
				t.Errorf("answer %s", answer.Body)
			}
			if strings.Contains(answer.Body.String(), raw) {
				t.Error("the answer repeats the token")
			}
		})
	}
	if answer := w.ask("POST", "/introspect?token="+raw, "", ""); answer.Code != 400 {
		t.Errorf("a token in the query: %d", answer.Code)
	}
}

// TestIntrospectStrangers: of a token that is not ours a stranger learns one bit.
func TestIntrospectStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	minted := w.minted(t, workload.Request{})
	parts := strings.Split(minted.Token, ".")
	ours := w.ring.Set().Keys()[0]
	publicPEM, err := ours.PEM()
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	header := func(more string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"` + ours.ID() + `","typ":"JWT"` + more + `}`))
	}
	withHeader := func(text string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(text)) + "." + parts[1] + "." + parts[2]
	}
	hmacHeader := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + ours.ID() + `","typ":"JWT"}`))
	mac := hmac.New(sha256.New, publicPEM)
	mac.Write([]byte(hmacHeader + "." + parts[1]))
	stranger, err := key.Generate(key.RS256, ours.ID())
	if err != nil {
		t.Fatal(err)
	}
	signed, err := token.NewSigner(stranger).SignToken(t.Context(), "JWT", minted.Claims)
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"garbage":            "garbage",
		"dots":               "..",
		"a changed payload":  parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), "infra", "other", 1))) + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"alg none":           base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"HMAC, our key":      hmacHeader + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"another key":        signed,
		"unknown kid":        withHeader(`{"alg":"RS256","kid":"unknown","typ":"JWT"}`),
		"crit":               header(`,"crit":["exp"]`) + "." + parts[1] + "." + parts[2],
		"crit null":          header(`,"crit":null`) + "." + parts[1] + "." + parts[2],
		"duplicate members":  withHeader(`{"alg":"RS256","alg":"RS256","kid":"` + ours.ID() + `"}`),
		"jku":                header(`,"jku":"https://evil.example.com"`) + "." + parts[1] + "." + parts[2],
		"encrypted (JWE)":    parts[0] + ".a.b.c.d",
		"a token in a token": header(`,"cty":"JWT"`) + "." + parts[1] + "." + parts[2],
		"padding":            parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"a line break":       parts[0] + "." + parts[1] + "." + parts[2] + "\n",
		"too long":           parts[0] + "." + parts[1] + "." + strings.Repeat("A", token.DefaultMaxBytes),
		"not UTF-8":          "\xff\xfe",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := w.ask("POST", "/introspect", form, url.Values{"token": {raw}}.Encode())
			if answer.Code != 200 || answer.Body.String() != `{"active":false}` {
				t.Errorf("status %d: %s", answer.Code, answer.Body)
			}
		})
	}
}

// TestIntrospectSigned signs with the issuer's own key what the issuer never would: the signature holds, so the answer
// says what is wrong.
func TestIntrospectSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	signer, err := w.ring.Signer(key.RS256, w.clock().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	minted := w.minted(t, workload.Request{})
	text, err := json.Marshal(minted.Claims)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change map[string]any
		reason string
	}{
		"nothing changed":      {nil, ""},
		"no exp":               {map[string]any{"exp": nil}, "invalid_claims"},
		"no jti":               {map[string]any{"jti": nil}, "invalid_claims"},
		"ISS beside iss":       {map[string]any{"ISS": "https://evil.example.com"}, "invalid_claims"},
		"exp as text":          {map[string]any{"exp": "4000000000"}, "invalid_claims"},
		"exp in the year 9999": {map[string]any{"exp": 1e300}, "invalid_claims"},
		"another issuer":       {map[string]any{"iss": "https://other.example.com"}, "wrong_issuer"},
		"another run":          {map[string]any{"jti": "AAAA.BBBB"}, "run_ended"},
		"a jti without a run":  {map[string]any{"jti": "AAAA"}, "run_ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var claims map[string]any
			if err := json.Unmarshal(text, &claims); err != nil {
				t.Fatal(err)
			}
			for claim, value := range test.change {
				if claims[claim] = value; value == nil {
					delete(claims, claim)
				}
			}
			raw, err := signer.SignToken(t.Context(), "JWT", claims)
			if err != nil {
				t.Fatal(err)
			}
			answer := w.introspect(t, raw)
			if test.reason == "" {
				if answer["active"] != true || answer["sub"] != "infra/deploy" {
					t.Errorf("answer %v", answer)
				}
				return
			}
			if answer["active"] != false || answer["reason"] != test.reason || answer["detail"] == nil || len(answer) != 3 {
				t.Errorf("answer %v", answer)
			}
		})
	}
}

func TestIntrospectTimesAndAudience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	session := w.open(t, subject(), workload.Limits{})
	minted, err := session.Mint(t.Context(), workload.Request{Audience: []string{"vault"}, Life: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(audience string) map[string]any {
		t.Helper()
		answer := w.ask("POST", "/introspect", form, url.Values{"token": {minted.Token}, "audience": {audience}}.Encode())
		var object map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	expect := func(answer map[string]any, active bool, reason string) {
		t.Helper()
		got, _ := answer["reason"].(string)
		if answer["active"] != active || got != reason {
			t.Errorf("answer %v, want active %v, reason %q", answer, active, reason)
		}
	}
	expect(w.introspect(t, minted.Token), true, "")
	expect(ask("vault"), true, "")
	expect(ask("aws"), false, "wrong_audience")
	w.move(-time.Second)
	expect(w.introspect(t, minted.Token), false, "not_yet_valid")
	w.move(60 * time.Second)
	expect(w.introspect(t, minted.Token), true, "") // one second left
	w.move(time.Second)
	expect(w.introspect(t, minted.Token), false, "expired") // no leeway
	w.move(-30 * time.Second)
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(w.introspect(t, minted.Token), false, "run_ended")
}

// TestIntrospectEnds: a task's tokens end with the task, or with its build; all of them with the issuer.
func TestIntrospectEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	build := w.open(t, subject(), workload.Limits{})
	tokens := map[string]string{}
	mint := func(name string, s *workload.Session) {
		t.Helper()
		minted, err := s.Mint(t.Context(), workload.Request{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = minted.Token
	}
	task := func(name string) *workload.Session {
		t.Helper()
		s, err := build.Task(t.Context(), workload.Task{Name: name, Step: name, Attempt: 1, Runtime: "process"}, workload.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := task("first"), task("second")
	mint("build", build)
	mint("first", first)
	mint("second", second)
	expect := func(want map[string]bool) {
		t.Helper()
		got := map[string]bool{}
		for name, raw := range tokens {
			got[name] = w.introspect(t, raw)["active"] == true
		}
		if !maps.Equal(got, want) {
			t.Errorf("active: %v, want %v", got, want)
		}
	}
	expect(map[string]bool{"build": true, "first": true, "second": true})
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(map[string]bool{"build": true, "first": false, "second": true})
	restarted := openWorld(t, w.directory, nil)
	if answer := restarted.introspect(t, tokens["build"]); answer["reason"] != "run_ended" {
		t.Errorf("after a restart: %v", answer)
	}
	if err := w.End(t.Context(), build.Run().ID); err != nil {
		t.Fatal(err)
	}
	expect(map[string]bool{"build": false, "first": false, "second": false})
}

func TestIntrospectRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *issuer.Config) { c.Rate = 3 })
	for i := range 3 {
		if answer := w.ask("POST", "/introspect", form, "token=x"); answer.Code != 200 {
			t.Fatalf("request %d: status %d", i, answer.Code)
		}
	}
	answer := w.ask("POST", "/introspect", form, "token=x")
	if answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") != "1" || !strings.Contains(answer.Body.String(), `"error":"rate_limited"`) {
		t.Errorf("status %d, header %v, body %s", answer.Code, answer.Header(), answer.Body)
	}
	w.move(time.Second)
	if answer := w.ask("POST", "/introspect", form, "token=x"); answer.Code != 200 {
		t.Errorf("a second later: status %d", answer.Code)
	}
}

// FuzzIntrospect: whatever is asked, the answer is JSON, and active only for the one good token.
func FuzzIntrospect(f *testing.F) {
	w := newWorld(f, func(c *issuer.Config) { c.Rate = 1e9 })
	good := w.minted(f, workload.Request{}).Token
	f.Add(form, "token="+good, "")
	f.Add(jsonType, `{"token":"`+good+`"}`, "")
	f.Add("", "", "Bearer "+good)
	f.Add(form, "token=eyJhbGciOiJub25lIn0.e30.", "")
	f.Fuzz(func(t *testing.T, contentType, body, authorization string) {
		var header []string
		if authorization != "" {
			header = []string{"Authorization", authorization}
		}
		answer := w.ask("POST", "/introspect", contentType, body, header...)
		var object map[string]any
		if err := json.Unmarshal(answer.Body.Bytes(), &object); err != nil {
			t.Fatalf("%q: %v", answer.Body, err)
		}
		if answer.Code == 200 && object["active"] == true && !strings.Contains(body+authorization, good[len(good)-100:]) {
			unescaped, err := url.QueryUnescape(body)
			if err != nil || !strings.Contains(unescaped, good) {
				t.Fatalf("active for %q %q %q", contentType, body, authorization)
			}
		}
	})
}
