package apart_test

import (
	"encoding/binary"
	"testing"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/jsonnet/apart"
)

// FuzzAnswer: whatever a child says, its parent neither panics nor does what was not granted.
func FuzzAnswer(f *testing.F) {
	for _, head := range []string{
		`{"kind":"import","arguments":["","/m"]}`, `{"kind":"env","arguments":["X"]}`, `{"kind":"command","arguments":["true"]}`, `{"kind":"get","arguments":["k"]}`,
		`{"kind":"put","arguments":["k"]}`, `{"kind":"fetch"}`, `{"kind":"import"}`, `{"kind":"done"}`, `{"kind":"x"}`, `null`, `[]`,
	} {
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(head)))
		frame = binary.BigEndian.AppendUint32(frame, 2)
		f.Add(append(append(frame, head...), "{}"...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		access := jsonnet.Access{Env: func(string) (string, bool) { return "value", true }, Cache: cache{}}
		_, _ = apart.Answer(t.Context(), jsonnet.Program{Entrypoint: "/m", Import: jsonnet.Memory(nil)}, access, data)
		if problem, err := apart.Answer(t.Context(), jsonnet.Program{Import: jsonnet.Memory(nil)}, jsonnet.Access{}, data); err == nil && problem == "" {
			t.Error("nothing was granted, and something was answered")
		}
	})
}
