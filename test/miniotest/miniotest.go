// Package miniotest starts a real MinIO for a test: test/minio, on loopback, with S3 and AWS's Security Token Service
// (AssumeRoleWithWebIdentity).
package miniotest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/test/program"
)

// region is the one that a MinIO without configuration is in.
const region = "us-east-1"

// Server is a running MinIO.
type Server struct {
	URL  string // http://127.0.0.1:PORT, of S3 and of the Security Token Service
	Root Credentials
}

// Credentials are of a user, or for a while of who has assumed a role.
type Credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
}

// Start builds (once per machine) and starts a MinIO of this test's own, and ends it with the test. Its environment is
// the configuration, as MinIO documents it: "MINIO_IDENTITY_OPENID_CONFIG_URL=https://...". An issuer named there must
// answer already. Where MinIO cannot be built the test is skipped, or fails where WRIT_TEST_REQUIRE is "all".
func Start(t testing.TB, environment ...string) *Server {
	t.Helper()
	binary := program.Build(t, "minio", "github.com/minio/minio")
	server := &Server{Root: Credentials{AccessKeyID: "root-of-the-test", SecretAccessKey: rand.Text()}}
	for try := 0; ; try++ {
		port := program.FreePort(t)
		server.URL = "http://127.0.0.1:" + port
		cmd := exec.Command(binary, "server", "--quiet", "--address", "127.0.0.1:"+port, t.TempDir())
		home := t.TempDir()
		cmd.Env = append([]string{
			"HOME=" + home, "PATH=" + os.Getenv("PATH"), "MINIO_ROOT_USER=" + server.Root.AccessKeyID, "MINIO_ROOT_PASSWORD=" + server.Root.SecretAccessKey,
			"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1", // a disk of a test is the root file system's
		}, environment...)
		process := program.Start(t, cmd)
		err := process.Ready(server.ready)
		if err == nil {
			return server
		}
		if try == 2 || !strings.Contains(process.Log(), "already in use") {
			t.Fatal(err)
		}
	}
}

// ready tells whether requests are answered, those about identities too.
func (s *Server) ready() error {
	status, answer, err := s.send(context.Background(), s.Root, http.MethodGet, "minio/admin/v3/list-canned-policies", "")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, answer)
	}
	return nil
}

// Do sends one request as the root user and returns what comes back: "PUT", "bucket" makes a bucket, "PUT",
// "minio/admin/v3/add-canned-policy?name=N" a policy. Any status from 300 on fails the test.
func (s *Server) Do(t testing.TB, method, path, body string) string {
	t.Helper()
	status, answer := s.As(t, s.Root, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s: status %d: %s", method, path, status, answer)
	}
	return answer
}

// As is Do with other credentials, and returns the status whatever it is.
func (s *Server) As(t testing.TB, c Credentials, method, path, body string) (int, string) {
	t.Helper()
	status, answer, err := s.send(t.Context(), c, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}

// AssumeRole asks the Security Token Service for credentials with a token, as AWS documents it. Where it refuses, the
// answer says why.
func (s *Server) AssumeRole(t testing.TB, role, token string) (c Credentials, assumed bool, answer string) {
	t.Helper()
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {role}, "RoleSessionName": {"test"}, "WebIdentityToken": {token},
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, answer, err := send(request)
	if err != nil {
		t.Fatal(err)
	}
	if status != http.StatusOK {
		return Credentials{}, false, answer
	}
	var parsed struct {
		Credentials Credentials `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if err := xml.Unmarshal([]byte(answer), &parsed); err != nil || parsed.Credentials.SessionToken == "" {
		t.Fatalf("status %d, and no credentials (%v)", status, err)
	}
	return parsed.Credentials, true, "credentials"
}

// send signs a request (AWS Signature Version 4) and sends it.
func (s *Server) send(ctx context.Context, c Credentials, method, path, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.URL+"/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, "", err
	}
	now := time.Now().UTC()
	day, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	sum := hex.EncodeToString(digest(body))
	request.Header.Set("X-Amz-Date", stamp)
	request.Header.Set("X-Amz-Content-Sha256", sum)
	headers := []string{"host:" + request.URL.Host, "x-amz-content-sha256:" + sum, "x-amz-date:" + stamp}
	signed := "host;x-amz-content-sha256;x-amz-date"
	if c.SessionToken != "" {
		request.Header.Set("X-Amz-Security-Token", c.SessionToken)
		headers, signed = append(headers, "x-amz-security-token:"+c.SessionToken), signed+";x-amz-security-token"
	}
	canonical := strings.Join([]string{
		method, request.URL.EscapedPath(), request.URL.Query().Encode(), strings.Join(headers, "\n"), "", signed, sum,
	}, "\n")
	scope := strings.Join([]string{day, region, "s3", "aws4_request"}, "/")
	k := []byte("AWS4" + c.SecretAccessKey)
	for _, part := range []string{day, region, "s3", "aws4_request"} {
		k = mac(k, part)
	}
	text := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(digest(canonical))}, "\n")
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", c.AccessKeyID, scope, signed, mac(k, text)))
	return send(request)
}

func send(request *http.Request) (int, string, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	return response.StatusCode, string(data), err
}

func digest(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func mac(k []byte, text string) []byte {
	m := hmac.New(sha256.New, k)
	m.Write([]byte(text))
	return m.Sum(nil)
}
