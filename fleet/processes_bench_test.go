package fleet_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/test/program"
)

// processes is how many agents are processes.
const processes = 200

// BenchmarkNoOpProcesses pushes an order that changes nothing to two hundred `writ agent`, each a process with a state, over new
// connections: at most 2 x as many handshakes and POSTs with nothing around them. The order has no Command to look at; with
// one, each machine also starts a shell, which is what it costs: "shell" holds it against POSTs that start one, too.
func BenchmarkNoOpProcesses(b *testing.B) {
	const one = "{ run: [{ id: 'a', check: 'true', change: 'false' }] }"
	for _, test := range []struct{ name, text, script string }{
		{"nothing", "{ run: [] }", ""}, {"one", one, ""}, {"shell", one, "true"},
	} {
		b.Run(test.name, func(b *testing.B) { pushToProcesses(b, test.text, test.script) })
	}
}

// pushToProcesses pushes an order of a text; what it is held against starts a shell for the script, where there is one.
func pushToProcesses(b *testing.B, text, script string) {
	raw, public := signed(b, text)
	verify, err := public.MarshalJSON()
	must(b, err)
	directory := b.TempDir()
	binary := filepath.Join(directory, "writ")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "../cmd/writ")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	pushes := make([]fleet.Push, processes)
	config := fleet.Config{NoSystemCA: true, Pins: make([][32]byte, processes)}
	var starting errgroup.Group
	starting.SetLimit(8)
	for i := range pushes {
		own := filepath.Join(directory, fmt.Sprint(i))
		must(b, os.Mkdir(own, 0o700))
		must(b, os.WriteFile(filepath.Join(own, "writ.json"), fmt.Appendf(nil, `{
			"run": { "verifyKeys": [%s], "stateDir": "." }, "httpServer": { "listenAddress": "127.0.0.1:0", "rateLimitRate": "1000000-S" }, "sources": { "web": { "allowPush": true } }
		}`, verify), 0o600))
		starting.Go(func() error {
			command := exec.Command(binary, "agent")
			command.Dir, command.Env = own, append(os.Environ(), "HOME="+own)
			p := program.Start(b, command)
			return p.Ready(func() (err error) {
				found := readyLine.FindStringSubmatch(p.Log())
				if found == nil {
					return errors.New("not ready")
				}
				pushes[i] = fleet.Push{Target: fleet.Target{Name: fmt.Sprint(i), URL: "https://" + found[1] + "/etcha/v1/push"}, Source: "web", Order: order(string(raw))}
				config.Pins[i], err = agent.ParseFingerprint(found[2])
				return err
			})
		})
	}
	must(b, starting.Wait())
	subject := func() error {
		s := fleet.New(config)
		defer s.Close()
		var problem error
		s.All(b.Context(), pushes, workers, func(r fleet.Result) {
			if r.State != fleet.Done || len(r.Answer.ChangedIDs) != 0 {
				problem = fmt.Errorf("%+v", r)
			}
		})
		return problem
	}
	ratio.Run(b, 2, posts(bareProcesses(b, directory, script), raw), subject)
	b.ReportMetric(processes, "machines/op")
}

// bareProcesses starts as many processes that answer with nothing around it, each with the certificate of an agent.
func bareProcesses(b *testing.B, directory, script string) []place {
	b.Helper()
	self, err := os.Executable()
	must(b, err)
	places := make([]place, processes)
	var starting errgroup.Group
	starting.SetLimit(8)
	for i := range places {
		starting.Go(func() error {
			command := exec.Command(self)
			command.Env = append(os.Environ(), barePath+"="+filepath.Join(directory, fmt.Sprint(i), ".certificate"), bareScript+"="+script)
			p := program.Start(b, command)
			return p.Ready(func() error {
				var pin []byte
				if n, _ := fmt.Sscanf(p.Log(), "%s %x\n", &places[i].address, &pin); n != 2 {
					return errors.New("not ready")
				}
				places[i].pin = [32]byte(pin)
				return nil
			})
		})
	}
	must(b, starting.Wait())
	return places
}

// barePath names, in the environment of a process that answers with nothing around it, the file of its certificate.
const barePath = "WRIT_TEST_BARE"

// bareScript holds, in such an environment, what it starts a shell for.
const bareScript = "WRIT_TEST_BARE_SCRIPT"

func TestMain(m *testing.M) {
	if path := os.Getenv(barePath); path != "" {
		listener, at, err := listenBare(path)
		if err == nil {
			fmt.Printf("%s %x\n", at.address, at.pin)
			err = bareServer(os.Getenv(bareScript)).Serve(listener)
		}
		panic(err)
	}
	os.Exit(m.Run())
}

var readyLine = regexp.MustCompile(`writ: ready: https on (\S+), with a certificate of its own: (sha256:[0-9a-f]{64})\n`)
