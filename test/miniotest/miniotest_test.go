package miniotest

import (
	"strings"
	"testing"
)

func TestStart(t *testing.T) {
	t.Parallel()
	server := Start(t)
	server.Do(t, "PUT", "greetings", "")
	server.Do(t, "PUT", "greetings/one", "hello")
	if got := server.Do(t, "GET", "greetings/one", ""); got != "hello" {
		t.Errorf("read back %q, want hello", got)
	}
	if status, _ := server.As(t, Credentials{AccessKeyID: "nobody", SecretAccessKey: "nothing"}, "GET", "greetings/one", ""); status != 403 {
		t.Errorf("nobody reads: status %d, want 403", status)
	}
	if _, assumed, answer := server.AssumeRole(t, "arn:minio:iam:::role/none", "not-a-token"); assumed || !strings.Contains(answer, "<Error>") {
		t.Errorf("a made-up token at a server without issuers: %s", answer)
	}
}
