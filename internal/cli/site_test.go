package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/writ-run/writ/test/program"
)

// site is a directory where orders are signed. Agents work in directories below it.
type site struct {
	testing.TB
	directory string
}

// newSite has signing.key and signing.pub.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t, t.TempDir()}
	s.succeed("key", "generate", "--algorithm", "EdDSA", "--format", "text", "--out", "signing.key", "--public", "signing.pub")
	return s
}

// path is that of a file of the site.
func (s *site) path(name string) string { return filepath.Join(s.directory, name) }

func (s *site) write(name, text string) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// writ is a command line of the site's, after the words of prefix, such as those that enter a namespace.
func (s *site) writ(prefix []string, arguments ...string) *exec.Cmd {
	words := append(append(append([]string{}, prefix...), "writ"), arguments...)
	command := exec.Command(words[0], words[1:]...)
	command.Dir = s.directory
	command.Env = append(os.Environ(), "HOME="+s.directory, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_CACHE_HOME=", "TERM=dumb")
	return command
}

// run runs a command line to its end.
func (s *site) run(prefix []string, arguments ...string) (output string, status int) {
	s.Helper()
	command := s.writ(prefix, arguments...)
	text, err := command.CombinedOutput()
	if command.ProcessState == nil {
		s.Fatal(err)
	}
	return string(text), command.ProcessState.ExitCode()
}

// succeed runs a command line that has to.
func (s *site) succeed(arguments ...string) string {
	s.Helper()
	output, status := s.run(nil, arguments...)
	if status != 0 {
		s.Fatalf("writ %q: exit status %d\n%s", arguments, status, output)
	}
	return output
}

// agentProcess is a `writ agent` that runs.
type agentProcess struct {
	*program.Process
	*site
	name    string
	address string // where it listens
	pin     string // sha256:...; of a certificate of its own
}

var readyLine = regexp.MustCompile(`writ: ready: https? on (\S+?)(?:[:,] .*?(sha256:[0-9a-f]{64})?)?\n`)

// agent starts one in a directory of its name, with a configuration (Jsonnet), and waits until it is ready.
func (s *site) agent(prefix []string, name, configuration string) *agentProcess {
	s.Helper()
	s.write(name+"/writ.jsonnet", configuration)
	a, err := s.startAgent(prefix, name)
	if err != nil {
		s.Fatal(err)
	}
	return a
}

// startAgent starts one whose configuration is there. It may be called from any goroutine of the test.
func (s *site) startAgent(prefix []string, name string) (*agentProcess, error) {
	command := s.writ(prefix, "agent")
	command.Dir = s.path(name)
	a := &agentProcess{Process: program.Start(s, command), site: s, name: name}
	return a, a.Ready(func() error {
		found := readyLine.FindStringSubmatch(a.Log())
		if found == nil {
			return fmt.Errorf("%s is not ready yet", name)
		}
		a.address, a.pin = found[1], found[2]
		return nil
	})
}
