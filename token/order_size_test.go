package token_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
)

// allocated is how many bytes f allocates. Nothing else may run meanwhile.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// largeOrder is an order whose one file has size bytes.
func largeOrder(t testing.TB, k key.Private, size int) string {
	t.Helper()
	payload := strings.Replace(orderPayload, "{run: []}", strings.Repeat("# a line of a file, of which there are many\\n", size/44), 1)
	return forge(t, k, `{"alg":"EdDSA","kid":"a","typ":"JWT"}`, payload)
}

// TestHugeOrder: an order over its bound is refused before anything of it is copied or decoded. (Not parallel: it counts
// what is allocated.)
func TestHugeOrder(t *testing.T) {
	k := named(t, key.EdDSA, "a")
	good := forge(t, k, `{"alg":"EdDSA"}`, orderPayload)
	keys, huge := orderKeys(t, k.Public()), []byte(good+strings.Repeat("A", 100_000_000))
	used := allocated(func() {
		text := refusedOrder(t, string(huge), keys, orderProfile(), token.ErrMalformed)
		if want := fmt.Sprintf("%d bytes; at most %d are taken", len(huge), token.MaxOrderBytes); !strings.Contains(text, want) {
			t.Errorf("%.200q, want %q", text, want)
		}
	}) - 2*uint64(len(huge)) // the test's own copies
	if int64(used) > 1<<20 {
		t.Errorf("%d bytes allocated for what is not looked at", used)
	}
	for name, text := range map[string]string{"dots": strings.Repeat(".", token.MaxOrderBytes), "no dot": strings.Repeat("A", token.MaxOrderBytes), "two parts": "a." + strings.Repeat("A", token.MaxOrderBytes-2),
		"a large header": strings.Repeat("A", token.MaxOrderBytes-4) + ".a.a", "a large signature": "a.a." + strings.Repeat("A", token.MaxOrderBytes-4)} {
		raw := []byte(text)
		used := allocated(func() {
			if _, _, err := token.VerifyOrder[order](raw, keys, orderProfile()); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if used > 1<<20 {
			t.Errorf("%s: %d bytes allocated for what is no token", name, used)
		}
	}
}

// TestLargeOrderIsNotCopied: of an order of 10 MB only the decoded payload is made, and what the JSON decoder makes of that
// for the claims; the rest is looked at where it is. Until the signature holds, nothing is read. (Not parallel, as above.)
func TestLargeOrderIsNotCopied(t *testing.T) {
	k := named(t, key.EdDSA, "a")
	raw := []byte(largeOrder(t, k, 10_000_000))
	keys := orderKeys(t, k.Public())
	var v token.Verified[order]
	used := allocated(func() {
		var err error
		if v, _, err = token.VerifyOrder[order](raw, keys, orderProfile()); err != nil {
			t.Fatal(err)
		}
	})
	payload, file := len(v.Payload()), len(v.Claims().Pattern.Files["/main.jsonnet"])
	if file < 9_900_000 {
		t.Fatalf("a file of %d bytes", file)
	}
	decoding := allocated(func() {
		var o order
		if err := json.Unmarshal(v.Payload(), &o); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%d bytes allocated: %d of payload, %d by the JSON decoder, which unescapes files before it copies them", used, payload, decoding)
	if most := uint64(payload) + decoding + 1<<20; used > most {
		t.Errorf("%d bytes allocated, want at most %d", used, most)
	}
	tampered := bytes.Clone(raw)
	tampered[len(raw)-5] ^= 1
	if used := allocated(func() { token.VerifyOrder[order](tampered, keys, orderProfile()) }); used > 1<<20 {
		t.Errorf("%d bytes allocated for an order that nobody signed", used)
	}
	clear(raw) // the caller's memory is the caller's
	if got := v.Claims().Pattern; got.Entrypoint != "/main.jsonnet" || len(got.Files["/main.jsonnet"]) != file || !strings.HasPrefix(string(v.Payload()), `{"aud":"web"`) {
		t.Error("what is verified is a part of what the caller gave")
	}
}

// fieldedOrder is order as a Fielder.
type fieldedOrder order

func (o fieldedOrder) Standard() token.Registered { return o.Registered }

func (o *fieldedOrder) Field(claim []byte) any {
	switch string(claim) {
	case "etchaPattern":
		return &o.Pattern
	case "etchaBuildManifest":
		return &o.Manifest
	case "etchaRunVars":
		return &o.Vars
	case "etchaVersion":
		return &o.Version
	}
	return token.Field(&o.Registered, claim)
}

// TestLargeClaims: the claims of a payload that is not copied are what the JSON decoder makes of them.
func TestLargeClaims(t *testing.T) {
	t.Parallel()
	k := named(t, key.EdDSA, "a")
	for _, aud := range []string{`"web"`, `["web"]`, `["db","web"]`, `[ "web" ]`, `"w\u0065b"`} {
		payload := strings.NewReplacer(`"web"`, aud, `"etchaBuildManifest":""`, `"etchaBuildManifest":"built\n","jti":"1","sub":"s"`,
			"{run: []}", strings.Repeat("a", 100_000)).Replace(orderPayload)
		raw := []byte(forge(t, k, `{"alg":"EdDSA"}`, payload))
		slow, _, err := token.VerifyOrder[order](raw, orderKeys(t, k.Public()), orderProfile())
		if err != nil {
			t.Fatal(err)
		}
		fast, _, err := token.VerifyOrder[fieldedOrder](raw, orderKeys(t, k.Public()), orderProfile())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := fmt.Sprintf("%+v", order(fast.Claims())), fmt.Sprintf("%+v", slow.Claims()); got != want {
			t.Errorf("aud %s: %.200s, want %.200s", aud, got, want)
		}
	}
}
