package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/test/vaulttest"
)

// TestRotationGuide runs every command of docs/rotation.md, as its reader would, on keys that are there.
func TestRotationGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"awk", "bash"} {
		if _, err := exec.LookPath(tool); err != nil {
			vaulttest.Unavailable(t, tool+" is not installed")
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "rotation.md"))
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", "writ token mint --data data >token\n"+shellBlocks(string(text)))
	script.Dir = directory
	script.Env = append(os.Environ(), "HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for want, count := range map[string]int{
		"(a new key)": 6, "RS256      gone": 2 + 1, "once exported": 1, "public/.well-known/jwks.json": 2, "writ: hint: relying parties may read exported files": 1,
	} {
		if got := strings.Count(string(output), want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}

// TestPatternsGuide runs every command of docs/patterns.md, as its reader would, in an empty directory.
func TestPatternsGuide(t *testing.T) {
	t.Parallel()
	output := runPage(t, "patterns.md")
	for want, count := range map[string]int{
		"something would change": 1, "local: 2 changed": 2, "local: 1 well, 1 idle": 1, "there is a new message": 1, "local: 1 removed, 1 idle": 1, "local: 2 removed": 1,
		"change  message of the day  new": 1, "local   remove": 1,
	} {
		if got := strings.Count(output, want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}

// runPage runs the commands of a page of docs in an empty directory that is also the home.
func runPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return runScript(t, shellBlocks(string(text)))
}

// runScript runs bash in an empty directory that is also the home.
func runScript(t *testing.T, text string) string {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		vaulttest.Unavailable(t, "bash is not installed")
	}
	directory := t.TempDir()
	script := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", text)
	script.Dir = directory
	script.Env = append(os.Environ(), "HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=")
	script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it leaves in the background ends with it
	t.Cleanup(func() { _ = syscall.Kill(-script.Process.Pid, syscall.SIGKILL) })
	output, err := script.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return string(output)
}

// TestAgentGuide runs every command of docs/agent.md: an agent that is pushed to, and one that pulls.
func TestAgentGuide(t *testing.T) {
	t.Parallel()
	output := runPage(t, "agent.md")
	for want, count := range map[string]int{
		"web1/motd: changed": 1, "web1/motd: well": 2, "Welcome": 1, "web     succeeded": 1, " change  succeeded ": 2,
		"state     trouble": 1, "web.mark is damaged": 1, "exit status 1": 2, "web1    refused": 1, "web takes orders issued at ": 1,
	} {
		if got := strings.Count(output, want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}

// TestKeyRollGuide runs every command of docs/key-roll.md on an agent that is pushed to and one that pulls: the key is rolled, and
// no Command has run for it, and nothing was refused; then it is taken out too early; then it is stolen.
func TestKeyRollGuide(t *testing.T) {
	t.Parallel()
	program.Find(t, "curl")
	g := guide(t, "key-roll.md", nil, "PORT="+program.FreePort(t))
	g.saysNot()
	for want, count := range map[string]int{
		`web1/motd: changed`: 1, `web1/motd: well`: 2, `(?m)^changed$`: 2,
		`(?m)^\w+\.\w+-\w+ +web +change +succeeded`:    3, // of the one that is pushed to two, and of the other one
		`(?m)^web +succeeded .* key-2026 .* 0$`:        1, // nothing was refused
		`(?m)^web +succeeded .* key-2027 .* 0$`:        4,
		`(?m)^web +held +\(refused\) +- .* [12]$`:      3,
		`(web1|web2) is held: exit status 1`:           2,
		`signature by restore`:                         2,
		`(?m)^writ_agent_held\{source="web"\} 1$`:      1,
		`(?m)^writ_agent_refused_total.*"signature"\}`: 1,
		`(?m)^web +succeeded .* key-2027 .* 1$`:        1, // the old key is there again
		`(?m)^web +succeeded .* key-2028 `:             2,
		`the thief is refused: exit status 1`:          1,
		`signer +key key-2028`:                         1,
	} {
		if got := len(regexp.MustCompile(want).FindAllString(g.output, -1)); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, g.output)
		}
	}
}

// TestOrdersGuide runs every command of docs/orders.md.
func TestOrdersGuide(t *testing.T) {
	t.Parallel()
	output := runPage(t, "orders.md")
	for want, count := range map[string]int{
		"web/release: changed": 1, "nothing to verify it with": 1, "refused: it was changed": 1, "refused: the source local is not its audience": 1,
		"the same order": 1, "another order": 1, "UNVERIFIED": 1,
	} {
		if got := strings.Count(output, want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}

// TestOrdersSigningCommands builds with the commands that docs/orders.md shows, and a key of openssl's.
func TestOrdersSigningCommands(t *testing.T) {
	t.Parallel()
	program.Find(t, "openssl")
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "orders.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "```jsonnet\n")
	configuration, _, found := strings.Cut(after, "```")
	if !found || !strings.Contains(configuration, "openssl dgst") {
		t.Fatalf("the page shows no commands of openssl: %s", configuration)
	}
	output := runScript(t, `
		openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out signing.pem
		openssl pkey -in signing.pem -pubout -out signing.pub
		cat >writ.jsonnet <<'END'
`+configuration+`
END
		writ build "{ id: 'a', always: true, change: 'echo it runs' }" order.jwt
		writ apply order.jwt --verify-key signing.pub`)
	if !strings.Contains(output, "local/a | it runs") {
		t.Error(output)
	}
}

// TestFromEtcha runs every command of docs/from-etcha.md.
func TestFromEtcha(t *testing.T) {
	t.Parallel()
	output := runPage(t, "from-etcha.md")
	for want, count := range map[string]int{"hello 1": 2, "sources.listen.allowPush": 1} {
		if got := strings.Count(output, want); got != count {
			t.Errorf("%q %d times, want %d, in\n%s", want, got, count, output)
		}
	}
}
