// Package prometheustest runs Debian's Prometheus for a test: on loopback, in the foreground, with a configuration of the
// test's own; and promtool, which looks at what is written for it.
package prometheustest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/test/program"
)

// Server is a running Prometheus.
type Server struct {
	URL string // http://127.0.0.1:PORT
	*program.Process

	client http.Client
}

// listening is how its log says where it listens.
var listening = regexp.MustCompile(`msg="Listening on" address=(127\.0\.0\.1:\d+)`)

// Start runs Prometheus with a configuration (YAML), whose relative names are found in directory. It ends with the test;
// where it is missing the test skips, or fails with WRIT_TEST_REQUIRE=all.
func Start(t testing.TB, directory, configuration string) *Server {
	t.Helper()
	path := program.Find(t, "prometheus")
	file := filepath.Join(directory, "prometheus.yml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "--config.file="+file, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:0", "--log.level=info")
	s := &Server{Process: program.Start(t, command), client: http.Client{Timeout: time.Minute}}
	if err := s.Ready(func() error {
		found := listening.FindStringSubmatch(s.Log())
		if found == nil {
			return errors.New("it does not listen yet")
		}
		s.URL = "http://" + found[1]
		_, err := s.get("/-/ready")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// Sample is a series with its value of the moment.
type Sample struct {
	Labels map[string]string
	Value  string
}

// Query asks for the value that an expression has now.
func (s *Server) Query(expression string) ([]Sample, error) {
	var vector []struct {
		Metric map[string]string
		Value  [2]any // when, and what
	}
	if err := s.API("query?query="+url.QueryEscape(expression), &struct{ Result any }{&vector}); err != nil {
		return nil, err
	}
	samples := make([]Sample, len(vector))
	for i, one := range vector {
		samples[i] = Sample{one.Metric, fmt.Sprint(one.Value[1])}
	}
	return samples, nil
}

// API asks for what stands below /api/v1/, and reads the answer's data.
func (s *Server) API(path string, data any) error {
	text, err := s.get("/api/v1/" + path)
	if err != nil {
		return err
	}
	answer := struct{ Data any }{data}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("%s: %w: %s", path, err, text)
	}
	return nil
}

func (s *Server) get(path string) ([]byte, error) {
	answer, err := s.client.Get(s.URL + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, answer.Status, text)
	}
	return text, err
}

// Promtool runs promtool in a directory, with something to read, and fails the test where it finds anything wrong.
func Promtool(t testing.TB, directory, input string, arguments ...string) (output string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program.Find(t, "promtool"), arguments...)
	command.Dir, command.Stdin = directory, strings.NewReader(input)
	text, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, text)
	}
	return string(text)
}
