package debiantest_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/test/debiantest"
)

// TestMachine: what a machine changes it keeps, and no other one sees.
func TestMachine(t *testing.T) {
	t.Parallel()
	one, other := debiantest.New(t, map[string]string{"/usr/local/bin/hello": "/bin/echo"}), debiantest.New(t, nil)
	if output, status := one.Run(t, "text", "sh", "-c", "cat >/etc/made; rm /etc/passwd; hello $(cat /etc/made) >/dev/stdout; exit 3"); output != "text\n" || status != 3 {
		t.Errorf("%q, %d", output, status)
	}
	if output, status := one.Run(t, "", "sh", "-c", "cat /etc/made; ls /etc/passwd"); !strings.HasPrefix(output, "text") || status == 0 {
		t.Errorf("%q, %d", output, status)
	}
	if output, status := other.Run(t, "", "sh", "-c", "ls /etc/passwd /etc/made"); !strings.Contains(output, "/etc/passwd\n") || status == 0 {
		t.Errorf("%q, %d", output, status)
	}
}
