package verifiers

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/test/program"
	"github.com/writ-run/writ/workload"
)

// TestJobOfThePage follows docs/verify.md from nothing: an issuer with the page's configuration, the page's nginx, and the
// page's job, which logs in to the service behind it; and asks /introspect as the page does.
func TestJobOfThePage(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl"} {
		program.Find(t, tool)
	}
	home, err := os.MkdirTemp("", "writ-page") // short, so that a socket fits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(home, "writ"), "../../cmd/writ")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	environ := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "PATH="+home+":"+os.Getenv("PATH"))
	save(t, filepath.Join(home, "writ.jsonnet"), blocks(t, "jsonnet")[0])
	socket := filepath.Join(home, "writ.sock")
	url := serve(t, home, environ, socket)
	g := guard(t, url)

	pipeline := strings.ReplaceAll(blocks(t, "yaml")[0], "https://relying.example.com/hello", g.address+"/hello")
	save(t, filepath.Join(home, "deploy.yml"), pipeline)
	commands := blocks(t, "sh")
	output := bash(t, home, environ, strings.ReplaceAll(commands[0], "/run/writ.sock", socket))
	if want := `GET /hello subject=["infra/deploy"] authorization=[]`; !strings.Contains(output, want) || g.asked.Load() != 1 {
		t.Errorf("the job did not log in: no %q in\n%s", want, output)
	}

	client, err := api.Dial("unix://" + socket)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	session, err := workload.Open(t.Context(), client, workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}, workload.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	minted, err := session.Mint(t.Context(), workload.Request{Audience: []string{audience}})
	if err != nil {
		t.Fatal(err)
	}
	ask := strings.ReplaceAll(commands[1], pageIssuer, url)
	if output := bash(t, home, append(environ, "TOKEN="+minted.Token), ask); !strings.HasPrefix(output, `{"active":true,`) {
		t.Errorf("introspect: %s", output)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if output := bash(t, home, append(environ, "TOKEN="+minted.Token), ask); !strings.Contains(output, `"active":false`) || !strings.Contains(output, "run_ended") {
		t.Errorf("introspect after the run: %s", output)
	}
}

// serve starts the standing issuer and returns its URL.
func serve(t *testing.T, home string, environ []string, socket string) string {
	t.Helper()
	command := exec.Command(filepath.Join(home, "writ"), "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(home, "data"), "--socket", socket)
	command.Dir, command.Env = home, environ
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	command.Stdout = write
	process := program.Start(t, command)
	write.Close()
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatalf("writ serve: %v\n%s", err, process.Log())
	}
	return strings.TrimSpace(line)
}

// bash runs commands of the page, which succeed, and returns what they print.
func bash(t *testing.T, directory string, environ []string, commands string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	command.Dir, command.Env = directory, environ
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, output)
	}
	return string(output)
}
