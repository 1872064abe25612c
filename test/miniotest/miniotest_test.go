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
	if status, answer := server.AssumeRole(t, "arn:minio:iam:::role/none", "not-a-token"); status < 400 || !strings.Contains(answer, "<Error>") {
		t.Errorf("a made-up token at a server without issuers: status %d, %s", status, answer)
	}
}
