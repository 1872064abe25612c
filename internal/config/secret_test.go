package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/internal/config"
)

// TestSecrets: what is secret is in no listing, no warning and no error, wherever it was given.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "c2VjcmV0LXNlY3JldA=="
	for key, form := range map[string]string{
		"build.signingKey":         `"%s"`,
		"run.systemMetricsKey":     `"%s"`,
		"run.systemMetricsSecret":  `"%s"`,
		"run.verifyKeys":           `["hmac:%s", [{"kty": "oct", "k": "%[1]s"}], "ed25519private:%[1]s:id", "%[1]s"]`,
		"sources.web.verifyKeys":   `["hmac:%s"]`,
		"sources.web.pullPaths":    `["https://u:%s@a.example.com/x#x-token:%[1]s"]`,
		"sources.web.pullTargets":  `["https://a.example.com/x#x-token:%s"]`,
		"sources.a.webhookSecrets": `["%s"]`,
		"httpServer.keyBase64":     `"%s"`,
		"run.tlsKeyBase64":         `"%s"`,
		"licenseKey":               `"%s"`,
		"run.systemPprofSecret":    `"%s"`,
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			value := fmt.Sprintf(form, secret)
			path := strings.Split(key, ".")
			file := value
			for i := len(path) - 1; i >= 0; i-- {
				file = "{" + path[i] + ": " + file + "}"
			}
			beside := ""
			if strings.HasSuffix(strings.ToLower(key), "keybase64") {
				beside = " + { httpServer+: { certificateBase64: 'YQ==' } }"
			}
			if path[len(path)-1] == "webhookSecrets" {
				beside = " + { sources+: { a+: { webhookVerify: 'standard' } } }"
			}
			o, home := world(t, file+beside)
			silent := func(what, text string) {
				t.Helper()
				if strings.Contains(text, strings.TrimRight(secret, "=")) {
					t.Errorf("%s holds it: %s", what, text)
				}
			}
			c, err := config.Load(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			values, err := json.Marshal(c.Values())
			if err != nil {
				t.Fatal(err)
			}
			silent("the listing", string(values))
			if path[0] != "licenseKey" && path[1] != "systemPprofSecret" && !strings.Contains(string(values), "(secret)") {
				t.Errorf("the listing does not say that it is there: %s", values)
			}
			silent("a warning", strings.Join(c.Warnings(), "\n"))

			// With every mistake that there can be around it, and in its own place.
			broken := strings.NewReplacer("#", "\x01#", `"hmac`, `1, "hmac`).Replace(file)
			for what, text := range map[string]string{
				"a mistake beside it": strings.TrimSuffix(file, "}") + ", alowPush: true }",
				"one in it":           broken,
				"another type":        strings.NewReplacer(value, "{ a: "+value+" }").Replace(file),
				"a list":              strings.NewReplacer(value, "[[[1, "+value+"]]]").Replace(file),
				"text":                strings.NewReplacer(value, "std.toString("+value+")").Replace(file),
			} {
				if err := os.WriteFile(filepath.Join(home, "broken.jsonnet"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				broken := o
				broken.Path = filepath.Join(home, "broken.jsonnet")
				if _, err := config.Load(t.Context(), broken); err != nil {
					silent(what, err.Error())
				}
			}
			plain := strings.Trim(value, `"`)
			o.Path = filepath.Join(home, "none.json")
			if err := os.WriteFile(o.Path, []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
			for i, pair := range []string{key + "=" + plain, key + "=" + plain + "]", key + "." + plain, plain, key + "={" + plain, "build={" + plain, key + ".x=" + plain} {
				o.Sets = []string{pair}
				c, err := config.Load(t.Context(), o)
				if err != nil {
					silent(fmt.Sprintf("the error over -x number %d", i), err.Error())
				}
				silent("a warning", strings.Join(c.Warnings(), "\n"))
			}
			o.Sets = nil
			o.Environ = append(o.Environ, "WRIT_"+strings.ReplaceAll(key, ".", "_")+"="+plain+"[")
			if c, err = config.Load(t.Context(), o); err != nil {
				silent("an error over a variable", err.Error())
			}
			silent("a warning", strings.Join(c.Warnings(), "\n"))
		})
	}
}
