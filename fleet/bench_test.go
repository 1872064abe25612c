package fleet_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/fleet"
	"github.com/writ-run/writ/internal/ratio"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

const (
	machines = 1000
	workers  = 32
)

// signed is an order of a text, with the key that it is verified with.
func signed(b *testing.B, text string) (raw []byte, public key.Public) {
	b.Helper()
	private, err := key.Generate(key.EdDSA, "bench")
	must(b, err)
	bundle := pattern.Bundle{Entrypoint: "/main.jsonnet", Files: map[string]string{"/main.jsonnet": text}}
	payload, err := pattern.NewOrder(pattern.Pattern{}, bundle, "", nil, "bench", time.Now()).Payload()
	must(b, err)
	order, err := token.NewSigner(private).SignPayload(b.Context(), "JWT", payload)
	must(b, err)
	return []byte(order), private.Public()
}

// noOp is an order, and a machine that verifies it and finds nothing to do.
func noOp(b *testing.B) (raw []byte, m machine) {
	b.Helper()
	raw, public := signed(b, "{ run: [{ id: 'a', check: 'true', change: 'false' }] }")
	keys, err := key.NewOrderKeys([]key.Public{public}, nil)
	must(b, err)
	verifier := pattern.Verifier{Keys: keys, Audience: []string{"web"}}
	return raw, machine{func(ctx context.Context, p agent.Push) (agent.Outcome, error) {
		if _, _, err := verifier.Open(ctx, p.Token); err != nil {
			return agent.Outcome{}, agent.ErrRefused
		}
		well := command.Outcome{Action: command.Change, ID: "a", State: command.Well, Check: &command.Execution{}}
		return agent.Outcome{Result: command.Result{Mode: command.Change, Outcomes: []command.Outcome{well}}}, nil
	}}
}

// BenchmarkNoOp pushes an order that changes nothing to a thousand machines, each with a listener and a certificate of its
// own, over new connections: at most 2 x as many handshakes and POSTs with nothing around them.
func BenchmarkNoOp(b *testing.B) {
	raw, m := noOp(b)
	pushes := make([]fleet.Push, machines)
	config := fleet.Config{NoSystemCA: true}
	state := b.TempDir()
	for i := range pushes {
		target, pin := start(b, fmt.Sprint(i), m, func(c *agent.ServerConfig) { c.StateDir = filepath.Join(state, fmt.Sprint(i)) })
		config.Pins = append(config.Pins, pin)
		pushes[i] = fleet.Push{Target: target, Source: "web", Order: order(string(raw))}
	}
	subject := func() error {
		s := fleet.New(config)
		defer s.Close()
		var problem error
		s.All(b.Context(), pushes, workers, func(r fleet.Result) {
			if r.State != fleet.Done || r.Answer.Commands[0].State != "well" {
				problem = fmt.Errorf("%+v", r)
			}
		})
		return problem
	}
	ratio.Run(b, 2, bare(b, state, raw), subject)
	b.ReportMetric(machines, "machines/op")
}

// place is where a handler answers, with its certificate.
type place struct {
	address string
	pin     [sha256.Size]byte
}

// bareServer answers with nothing around it, but for a script where there is one, as a check is started.
func bareServer(script string) *http.Server {
	return &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		if script != "" {
			command := exec.Command("/usr/bin/bash", "-e", "-o", "pipefail", "-c", script)
			command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if _, err := command.CombinedOutput(); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
		io.WriteString(w, `{"changedIDs":[],"changedOutputs":[],"err":"","exit":false,"removedIDs":[],"removedOutputs":[]}`)
	})}
}

// listenBare listens with the certificate in a file.
func listenBare(path string) (net.Listener, place, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, place{}, err
	}
	certificate, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, place{}, err
	}
	block, _ := pem.Decode(text)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, place{}, err
	}
	at := place{listener.Addr().String(), sha256.Sum256(block.Bytes)}
	return tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}}), at, nil
}

// bare serves as many listeners with the same certificates, and returns what opens a connection to each and sends the
// order as plain text of HTTP.
func bare(b *testing.B, state string, raw []byte) func() error {
	b.Helper()
	server := bareServer("")
	b.Cleanup(func() { server.Close() })
	places := make([]place, machines)
	for i := range places {
		listener, at, err := listenBare(filepath.Join(state, fmt.Sprint(i), ".certificate"))
		must(b, err)
		places[i] = at
		go server.Serve(listener)
	}
	return posts(places, raw)
}

// posts opens a connection to each place and sends the order as plain text of HTTP.
func posts(places []place, raw []byte) func() error {
	post := func(p place) error {
		connection, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true, VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if sha256.Sum256(chain[0]) != p.pin {
				return errors.New("another certificate")
			}
			return nil
		}})
		if err != nil {
			return err
		}
		defer connection.Close()
		if _, err := fmt.Fprintf(connection, "POST /etcha/v1/push/web HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", p.address, len(raw), raw); err != nil {
			return err
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), "{") {
			return fmt.Errorf("%s %s, %v", answer.Status, text, err)
		}
		return nil
	}
	return func() error {
		next := make(chan place)
		var group sync.WaitGroup
		var once sync.Once
		var problem error
		for range workers {
			group.Go(func() {
				for p := range next {
					if err := post(p); err != nil {
						once.Do(func() { problem = err })
					}
				}
			})
		}
		for _, p := range places {
			next <- p
		}
		close(next)
		group.Wait()
		return problem
	}
}
