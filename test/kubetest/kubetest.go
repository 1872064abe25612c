// Package kubetest starts a real Kubernetes API server for a test: test/kube-apiserver, on loopback, with an etcd of its
// own (Debian's etcd-server), role-based access control and structured authentication configuration.
//
//	etcd <-- Unix socket -- kube-apiserver --reads anew--> the file Authentication
package kubetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/test/certificates"
	"github.com/writ-run/writ/test/program"
)

// Nobody is an authentication configuration that trusts no issuer yet.
const Nobody = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n"

// Server is a running API server.
type Server struct {
	URL            string // https://127.0.0.1:PORT
	CA             string // path of the certificate of the authority that its own is of
	Token          string // of a user in system:masters, who may do anything
	Authentication string // path of the authentication configuration: the server reads it anew when it changes

	client *http.Client
}

// Start builds (once per machine) and starts an API server of this test's own with an authentication configuration, and
// ends it with the test. An issuer named there must answer already. Where it cannot be built or etcd is missing the test
// is skipped, or fails where WRIT_TEST_REQUIRE is "all".
func Start(t testing.TB, authentication string) *Server {
	t.Helper()
	etcd := program.Find(t, "etcd")
	binary := program.Build(t, "kube-apiserver", ".")
	dir := shortDir(t)
	startEtcd(t, etcd, dir)

	authority := certificates.New(t)
	certificate, key := authority.Issue(t, 2)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	server := &Server{
		CA: authority.File, Token: rand.Text(), Authentication: filepath.Join(dir, "authentication.yml"),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
	}
	t.Cleanup(server.client.CloseIdleConnections)
	users := filepath.Join(dir, "users.csv")
	for path, text := range map[string]string{
		server.Authentication: authentication,
		users:                 fmt.Sprintf("%s,admin,admin,system:masters\n", server.Token),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for try := 0; ; try++ {
		port := program.FreePort(t)
		server.URL = "https://127.0.0.1:" + port
		cmd := exec.Command(binary,
			"--etcd-servers=unix://etcd:1", "--bind-address=127.0.0.1", "--secure-port="+port, "--advertise-address=127.0.0.1",
			"--tls-cert-file="+certificate, "--tls-private-key-file="+key,
			"--authentication-config="+server.Authentication, "--token-auth-file="+users, "--authorization-mode=RBAC",
			"--service-account-issuer=https://kubernetes.test", "--service-account-signing-key-file="+key, "--service-account-key-file="+key,
			"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount",
		)
		cmd.Dir = dir
		process := program.Start(t, cmd)
		err := process.Ready(func() error {
			// The namespace is made by a controller for which readyz does not wait.
			for _, path := range []string{"readyz", "api/v1/namespaces/default"} {
				status, answer, err := server.send(context.Background(), server.Token, http.MethodGet, path, nil)
				if err != nil {
					return err
				}
				if status != http.StatusOK {
					return fmt.Errorf("%s: status %d: %s", path, status, answer)
				}
			}
			return nil
		})
		if err == nil {
			return server
		}
		if try == 2 || !strings.Contains(process.Log(), "address already in use") {
			t.Fatal(err)
		}
	}
}

// startEtcd starts an etcd that answers at Unix sockets in a directory: nobody can take its port.
func startEtcd(t testing.TB, binary, dir string) {
	t.Helper()
	cmd := exec.Command(binary, "--data-dir=data", "--unsafe-no-fsync",
		"--listen-client-urls=unix://etcd:1", "--advertise-client-urls=unix://etcd:1",
		"--listen-peer-urls=unix://etcd:2", "--initial-advertise-peer-urls=unix://etcd:2", "--initial-cluster=default=unix://etcd:2")
	cmd.Dir = dir
	process := program.Start(t, cmd)
	if err := process.Ready(func() error {
		_, err := os.Stat(filepath.Join(dir, "etcd:1"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// shortDir is a directory in whose paths a socket fits.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "writ-kube")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// Configure gives the server another authentication configuration, and waits until it is in force. The issuers in it
// must answer, or the server keeps what it has.
func (s *Server) Configure(t testing.TB, authentication string) {
	t.Helper()
	whole := s.Authentication + ".new" // the server must not read half of it
	if err := errors.Join(os.WriteFile(whole, []byte(authentication), 0o600), os.Rename(whole, s.Authentication)); err != nil {
		t.Fatal(err)
	}
	s.AwaitConfiguration(t)
}

// AwaitConfiguration waits until what is in the file Authentication is in force.
func (s *Server) AwaitConfiguration(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(s.Authentication)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`hash="sha256:%x"`, sha256.Sum256(text))
	if err := program.Eventually(t.Context(), func() error {
		_, answer, err := s.send(t.Context(), s.Token, http.MethodGet, "metrics", nil)
		if err != nil {
			return err
		}
		for line := range strings.Lines(answer) {
			if strings.Contains(line, "authentication_config_controller_last_config_info{") && strings.Contains(line, want) {
				return nil
			}
		}
		return fmt.Errorf("the authentication configuration is not in force")
	}); err != nil {
		t.Fatal(err)
	}
}

// Do sends one request as the administrator, body as JSON where there is one, and returns the JSON that comes back. Any
// status from 300 on fails the test.
func (s *Server) Do(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	status, answer := s.As(t, s.Token, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s: status %d: %v", method, path, status, answer)
	}
	return answer
}

// As is Do with another token, and returns the status whatever it is: 401 for a token that is refused, 403 for one that
// is good and may not do this.
func (s *Server) As(t testing.TB, token, method, path string, body any) (int, map[string]any) {
	t.Helper()
	status, text, err := s.send(t.Context(), token, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("%s %s: status %d: %v in %s", method, path, status, err, text)
	}
	return status, answer
}

func (s *Server) send(ctx context.Context, token, method, path string, body any) (int, string, error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, "", err
		}
		sent = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.URL+"/"+strings.TrimPrefix(path, "/"), sent)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return response.StatusCode, string(data), err
}
