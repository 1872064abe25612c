package trust_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/trust"
)

// TestMain is also the clients that the printed commands call: this binary under another name, speaking to the real
// server.
func TestMain(m *testing.M) {
	client := map[string]func([]string) error{
		"vault": vaultClient, "kubectl": kubectlClient, "aws": awsClient,
		"az": record, "gcloud": record, "a2enmod": record, "a2enconf": record, "apachectl": record,
	}[filepath.Base(os.Args[0])]
	if client == nil {
		os.Exit(m.Run())
	}
	if err := client(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runCommands runs a plan's commands as a reader would, in an empty directory, and returns it.
func runCommands(t *testing.T, commands string, environment ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory, clients := t.TempDir(), t.TempDir()
	for _, name := range []string{"vault", "kubectl", "aws", "az", "gcloud", "a2enmod", "a2enconf", "apachectl"} {
		if err := os.Symlink(self, filepath.Join(clients, name)); err != nil {
			t.Fatal(err)
		}
	}
	process := exec.Command("sh", "-e", "-c", commands)
	process.Dir = directory
	process.Env = append([]string{"PATH=" + clients + ":" + os.Getenv("PATH"), "HOME=" + directory}, environment...)
	if output, err := process.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, output, commands)
	}
	return directory
}

// vaultClient is as much of `vault` as is printed.
func vaultClient(arguments []string) error {
	api := func(method, path string, body io.Reader) error {
		request, err := http.NewRequest(method, os.Getenv("VAULT_ADDR")+"/v1/"+path, body)
		if err != nil {
			return err
		}
		request.Header.Set("X-Vault-Token", os.Getenv("VAULT_TOKEN"))
		return printAnswer(http.DefaultClient.Do(request))
	}
	switch line := strings.Join(arguments, " "); {
	case line == "auth list -format=json":
		return api("GET", "sys/auth", nil)
	case len(arguments) == 4 && arguments[0] == "auth" && arguments[1] == "enable" && strings.HasPrefix(arguments[2], "-path="):
		return api("POST", "sys/auth/"+strings.TrimPrefix(arguments[2], "-path="), strings.NewReader(`{"type":"`+arguments[3]+`"}`))
	case len(arguments) == 3 && arguments[0] == "write" && arguments[2] == "-":
		return api("POST", arguments[1], os.Stdin)
	default:
		return fmt.Errorf("vault %s: not one of the commands that are printed", line)
	}
}

func printAnswer(response *http.Response, err error) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	fmt.Println(string(text))
	return err
}

// kubectlClient is `kubectl apply -f -` of one binding.
func kubectlClient(arguments []string) error {
	if strings.Join(arguments, " ") != "apply -f -" {
		return fmt.Errorf("kubectl %q: not one of the commands that are printed", arguments)
	}
	var binding map[string]any
	if err := yaml.NewDecoder(os.Stdin).Decode(&binding); err != nil {
		return err
	}
	text, err := json.Marshal(binding)
	if err != nil {
		return err
	}
	return os.WriteFile("applied.json", text, 0o600)
}

// awsClient keeps what IAM would be told: name of the command and its options.
func awsClient(arguments []string) error {
	if len(arguments) < 2 || arguments[0] != "iam" || len(arguments)%2 != 0 {
		return fmt.Errorf("aws %q: not one of the commands that are printed", arguments)
	}
	options := map[string]string{}
	for i := 2; i < len(arguments); i += 2 {
		name, is := strings.CutPrefix(arguments[i], "--")
		if !is {
			return fmt.Errorf("aws: %q where an option belongs", arguments[i])
		}
		options[name] = arguments[i+1]
	}
	text, err := json.Marshal(options)
	if err != nil {
		return err
	}
	return os.WriteFile(arguments[1]+".json", text, 0o600)
}

// sign signs claims with an issuer's key.
func sign(t *testing.T, k key.Private, claims map[string]any) string {
	t.Helper()
	raw, err := token.NewSigner(k).SignToken(t.Context(), "JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// issuerKey is a key of the issuer; it exists once it has signed.
func issuerKey(t *testing.T, issuer *issuertest.Issuer, algorithm key.Algorithm) key.Private {
	t.Helper()
	issuer.Mint(t, "somebody", algorithm)
	return issuer.Key(t, algorithm)
}

// change is a token that differs from a sample in one thing.
type change struct {
	name string
	set  map[string]any // nil removes the claim
}

func (c change) of(claims map[string]any) map[string]any {
	claims = maps.Clone(claims)
	for name, value := range c.set {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	return claims
}

// changes are tokens on both sides of what the parties look at.
func changes(now time.Time) []change {
	at := func(d time.Duration) float64 { return float64(now.Add(d).Unix()) }
	return []change{
		{"sample", nil},
		{"another team", map[string]any{"team": "mainx", "sub": "mainx/web"}},
		{"a team with a prefix", map[string]any{"team": "xmain", "sub": "xmain/web"}},
		{"another pipeline", map[string]any{"pipeline": "webx", "sub": "main/webx"}},
		{"another job", map[string]any{"job": "releasex"}},
		{"a job that begins like it", map[string]any{"job": "release-2"}},
		{"no job", map[string]any{"job": nil}},
		{"no pipeline", map[string]any{"pipeline": nil, "job": nil, "sub": "main"}},
		{"a job's subject", map[string]any{"sub": "main/web//release"}},
		{"a team's subject", map[string]any{"sub": "main"}},
		{"a process", map[string]any{"runtime": "process"}},
		{"no runtime", map[string]any{"runtime": nil}},
		{"privileged", map[string]any{"privileged": true}},
		{"an instance", map[string]any{"instance_vars": map[string]any{"env": "prod", "a/b~c": "x"}}},
		{"another audience", map[string]any{"aud": []any{"https://elsewhere.example"}}},
		{"two audiences", map[string]any{"aud": []any{"https://elsewhere.example", "AUDIENCE"}}},
		{"no audience", map[string]any{"aud": nil}},
		{"another issuer", map[string]any{"iss": "https://elsewhere.example"}},
		{"a slash more", map[string]any{"iss": "ISSUER/"}},
		{"expired for 40 s", map[string]any{"iat": at(-time.Hour), "nbf": at(-time.Hour), "exp": at(-40 * time.Second)}},
		{"expired for 80 s", map[string]any{"iat": at(-time.Hour), "nbf": at(-time.Hour), "exp": at(-80 * time.Second)}},
		{"expired for 200 s", map[string]any{"iat": at(-time.Hour), "nbf": at(-time.Hour), "exp": at(-200 * time.Second)}},
		{"from in 40 s on", map[string]any{"nbf": at(40 * time.Second)}},
		{"from in 100 s on", map[string]any{"nbf": at(100 * time.Second)}},
		{"from in 400 s on", map[string]any{"nbf": at(400 * time.Second)}},
		{"made in 100 s", map[string]any{"iat": at(100 * time.Second)}},
		{"a life of two days", map[string]any{"exp": at(48 * time.Hour)}},
		{"no exp", map[string]any{"exp": nil}},
		{"no exp, an hour old", map[string]any{"exp": nil, "iat": at(-time.Hour), "nbf": at(-time.Hour)}},
		{"no sub", map[string]any{"sub": nil}},
	}
}

// agree shows every change of a plan's sample to the real party and to the model, which must say the same.
// admitted and refused count, so that a test sees both.
func agree(t *testing.T, plan *trust.Plan, k key.Private, wish trust.Wish, real func(raw string) (bool, string)) (admitted, refused int) {
	t.Helper()
	now := time.Now()
	sample, err := plan.Claims(now, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes(now) {
		claims := c.of(sample)
		if list, is := claims["aud"].([]any); is && len(list) == 2 {
			claims["aud"] = []any{list[0], plan.Audience}
		}
		if claims["iss"] == "ISSUER/" {
			claims["iss"] = wish.Issuer + "/"
		}
		raw := sign(t, k, claims)
		model := func() []token.Check {
			shown, err := trust.ReadSample(raw, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			return plan.Judge(shown).Failed()
		}
		before := model()
		got, why := real(raw)
		failed := model()
		if (len(before) == 0) != (len(failed) == 0) {
			continue // it has become good, or expired, while it was judged
		}
		if got != (len(failed) == 0) {
			t.Errorf("%s, rule %q: the real one says %v (%s), the model %v", c.name, wish.Rule, got, why, failed)
		}
		if got {
			admitted++
		} else {
			refused++
		}
	}
	return admitted, refused
}

// record is a client that keeps what it was called with, a line of JSON for each call.
func record(arguments []string) error {
	text, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Base(os.Args[0])+".calls", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Close())
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object
}
