package cli

import (
	"fmt"
	"testing"
)

func TestImageName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"debian": "debian map[]", "debian:12": "debian map[tag:12]", "localhost:5000/a/b": "localhost:5000/a/b map[]",
		"localhost:5000/a/b:v1": "localhost:5000/a/b map[tag:v1]", "a/b@sha256:00": "a/b map[digest:sha256:00]", "a:v1@sha256:00": "a map[digest:sha256:00]",
	} {
		if got := fmt.Sprintf("%s %v", repository(name), imageVersion(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
