package process

import (
	"errors"
	"testing"

	"github.com/writ-run/writ/container"
)

// What only a container has is refused by its name, with what to do.
func TestPlain(t *testing.T) {
	t.Parallel()
	rt, err := New(Config{BaseDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for want, s := range map[string]container.Spec{
		"user": {User: "root"}, "privileged": {Privileged: true}, "hermetic": {Hermetic: true},
		"container_limits": {Limits: container.Limits{CPU: 1}}, "image": {Image: "x"},
		"entrypoint": {Entrypoint: true}, "image's directory": {ImageDir: true}, "host network": {HostNetwork: true}, "writ binary": {Self: true},
	} {
		s.Name, s.Path = "t", "true"
		_, err := rt.Start(t.Context(), s, container.IO{})
		var helpful interface{ Hint() string }
		if err == nil || err.Error() != `start "t": `+want+": the process runtime has no containers" || !errors.As(err, &helpful) || helpful.Hint() != "use --runtime oci" {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
