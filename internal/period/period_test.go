package period

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "0s": 0, "90m": 90 * time.Minute, "36h": 36 * time.Hour, "7d": 168 * time.Hour, "0d": 0,
		"1d12h": 36 * time.Hour, "2w": 14 * 24 * time.Hour, "1w1d1h": 193 * time.Hour, "1.5h": 90 * time.Minute, "-1h": -time.Hour, "-1d": -24 * time.Hour,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "7", "-", "1d2w", "d", "w", "1.5d", "1h2d", "--1h", "1d-1h", "99999999999w", "4294967295w", "9223372036854775807ns1h", "1 h", "７d"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

// TestError has all of a text or nothing of it.
func TestError(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Repeat("x", 40): `"` + strings.Repeat("x", 40) + `" is not a duration like 7d, 36h or 90m`,
		strings.Repeat("x", 41): "a text of 41 bytes is not a duration like 7d, 36h or 90m",
		"36500d":                `"36500d" is too long a duration: at most 26687d`,
		"4294967296w":           `"4294967296w" is too long a duration: at most 26687d`,
		"999999h":               `"999999h" is too long a duration: at most 26687d`,
		"9999999999h":           `"9999999999h" is too long a duration: at most 26687d`,
		"-99999999999s":         `"-99999999999s" is too long a duration: at most 26687d`,
	} {
		if _, err := Parse(text); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
