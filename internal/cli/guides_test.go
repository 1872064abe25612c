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

// The guides: every command of a page of docs/, in its order, as its reader would run them, against the real system.

func TestVaultGuide(t *testing.T) {
	t.Parallel()
	program.Find(t, "curl")
	vault := vaulttest.Start(t)
	g := guide(t, "vault.md", nil, "VAULT_ADDR="+vault.URL, "VAULT_TOKEN="+vault.Token)
	g.says("use-vars: succeeded", "use-vars | it is ((redacted))", "exit status 2", "somebody-else: errored", "claim \"job\" does not match")
	g.saysNot("hello-im-a-username")
}

func TestAWSGuide(t *testing.T) {
	t.Parallel()
	program.Find(t, "curl")
	program.Find(t, "openssl")
	g := guide(t, "aws.md", map[string]string{
		"minio": program.Build(t, "minio", "github.com/minio/minio"), "awsclient": program.Build(t, "awsclient", "."),
	}, "MINIO_PORT="+program.FreePort(t))
	g.says("fetch | what is new in 1.2", "fetch: succeeded", "AccessDenied", "fetch: failed", "exit status 1")
	g.saysNot("SecretAccessKey")
}

func TestKubernetesGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "openssl", "etcd"} {
		program.Find(t, tool)
	}
	programs := map[string]string{"kubectl": program.Build(t, "kubectl", ".")}
	bin := t.TempDir()
	if err := os.Symlink(program.Build(t, "kube-apiserver", "."), filepath.Join(bin, "kube-apiserver")); err != nil {
		t.Fatal(err)
	}
	cluster := filepath.Join(t.TempDir(), "try")
	try := exec.Command("sh", filepath.Join("..", "..", "test", "kube-apiserver", "try.sh"), cluster)
	try.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBE_PORT="+program.FreePort(t))
	if err := program.Start(t, try).Ready(func() error {
		_, err := os.Stat(filepath.Join(cluster, "admin.conf"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	g := guide(t, "kubernetes.md", programs,
		"KUBECONFIG="+filepath.Join(cluster, "admin.conf"), "KUBE_AUTHENTICATION="+filepath.Join(cluster, "authentication.yml"))
	g.says("deploy | writ:main/release/deploy", "deploy | hello from the cluster", "deploy | no", "deploy: succeeded",
		"somebody-else: failed", "You must be logged in to the server", "exit status 1")
	g.saysNot()
}

func TestApacheGuide(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "openssl", "apache2"} {
		program.Find(t, tool)
	}
	if _, err := os.Stat("/usr/lib/apache2/modules/mod_auth_openidc.so"); err != nil {
		program.Unavailable(t, "libapache2-mod-auth-openidc is not installed")
	}
	g := guide(t, "apache.md", nil, "APACHE_PORT="+program.FreePort(t), "PATH="+os.Getenv("PATH")+":/usr/sbin")
	g.says("fetch | what is new in 1.2", "fetch: succeeded", "The requested URL returned error: 401", "somebody-else: failed", "exit status 1")
	for _, text := range []string{"fetch: succeeded", "somebody-else: failed"} { // with introspection, and without
		if n := strings.Count(g.output, "\n"+text+"\n"); n != 2 {
			t.Errorf("%q %d times, want twice, in\n%s", text, n, g.output)
		}
	}
	g.saysNot()
}

// followed is a guide that was followed to its end.
type followed struct {
	t      *testing.T
	output string
}

// guide runs the blocks of a page that are marked sh, with programs under their names and an environment.
func guide(t *testing.T, page string, programs map[string]string, environment ...string) followed {
	t.Helper()
	bash := program.Find(t, "bash")
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp("", "writ-guide") // short, so that a socket fits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, path := range programs {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	script := exec.CommandContext(t.Context(), bash, "-euo", "pipefail", "-c", shellBlocks(string(text)))
	script.Dir = directory
	script.Env = append(os.Environ(), "HOME="+directory, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "PATH="+bin+":"+os.Getenv("PATH"))
	for _, pair := range environment {
		if path, is := strings.CutPrefix(pair, "PATH="); is {
			pair = "PATH=" + bin + ":" + path
		}
		script.Env = append(script.Env, pair)
	}
	// What a page starts in the background and does not end, since a command before that has failed, ends here.
	script.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(bin, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	script.Stdout, script.Stderr = log, log // a file: what is left in the background holds no pipe open
	err = script.Run()
	if script.Process != nil {
		_ = syscall.Kill(-script.Process.Pid, syscall.SIGKILL)
	}
	output, readErr := os.ReadFile(log.Name())
	if err != nil || readErr != nil {
		t.Fatalf("%v, %v\n%s", err, readErr, output)
	}
	return followed{t, string(output)}
}

// says holds that every text was printed.
func (f followed) says(texts ...string) {
	f.t.Helper()
	for _, text := range texts {
		if !strings.Contains(f.output, text) {
			f.t.Errorf("no %q in\n%s", text, f.output)
		}
	}
}

// tokenBegins is where a token begins. Within the base64url of a kid or a jti the letters may be by chance.
var tokenBegins = regexp.MustCompile(`\beyJ`)

// saysNot holds that no text was printed, and no token.
func (f followed) saysNot(texts ...string) {
	f.t.Helper()
	for _, text := range texts {
		if strings.Contains(f.output, text) {
			f.t.Errorf("%q was printed:\n%s", text, f.output)
		}
	}
	if tokenBegins.MatchString(f.output) {
		f.t.Errorf("a token was printed:\n%s", f.output)
	}
}

// shellBlocks are the fenced blocks of a page that are marked sh.
func shellBlocks(page string) string {
	var script strings.Builder
	inside := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```sh"
		case inside:
			script.WriteString(line)
		}
	}
	return script.String()
}
