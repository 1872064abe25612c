package container

import (
	"os"
	"testing"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = " S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987 1 1"
	for comm, good := range map[string]bool{"sh": true, "a) (b": true, "(sd-pam)": true, "new\nline": true, "": true} {
		s, err := parseStat([]byte("42 (" + comm + ")" + rest))
		if (err == nil) != good || s != (Stat{42, 20, 30, 'S', 987}) {
			t.Errorf("%q: %+v, %v", comm, s, err)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh", "42 (sh)", "42 (sh) S 1 2", ") 42 (", "x (sh)" + rest, "42 (sh) S 1 -2 3" + rest} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was parsed", bad)
		}
	}
	s, err := StatOf(os.Getpid())
	if err != nil || s.PID != os.Getpid() || s.Started == 0 || s.State == 'Z' {
		t.Errorf("this process: %+v, %v", s, err)
	}
}
