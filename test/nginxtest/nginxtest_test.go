package nginxtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestNobodyWaits: no worker of nginx's waits at the socket, where it would hear of nothing else.
func TestNobodyWaits(t *testing.T) {
	server := Start(t, t.TempDir(), "server { listen LISTEN; }")
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/3", server.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(info)) {
		if text, found := strings.CutPrefix(line, "flags:"); found {
			flags, err := strconv.ParseUint(strings.TrimSpace(text), 8, 64)
			if err != nil || flags&syscall.O_NONBLOCK == 0 {
				t.Errorf("flags %s, %v: it is one to wait at", text, err)
			}
			return
		}
	}
	t.Fatalf("no flags in %q", info)
}
