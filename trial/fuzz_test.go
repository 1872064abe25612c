package trial

import (
	"bytes"
	"io"
	"testing"

	"github.com/writ-run/writ/sysinfo"
)

// FuzzMessages hears whatever a container may say: it is understood, or refused, and a report counts only once and after the
// facts.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"facts":{"osID":"debian"}}` + "\n" + `{"entry":{"kind":"output","text":"x"}}` + "\n" + `{"report":{"commands":[{"id":"a","verdict":"tested"}]}}` + "\n"))
	f.Add([]byte(`{"report":{}}`))
	f.Add([]byte("{}\n\x00\xff"))
	f.Fuzz(func(t *testing.T, said []byte) {
		reader, writer := io.Pipe()
		defer reader.Close()
		asked := 0
		c := conversation{tasks: writer, task: func(sysinfo.Info) (Task, error) {
			asked++
			return Task{}, nil
		}}
		err := read(bytes.NewReader(said), c.hear)
		if asked > 1 || c.reported && asked == 0 {
			t.Errorf("asked %d times, reported %v", asked, c.reported)
		}
		if err == nil && len(bytes.TrimSpace(said)) > 0 && asked == 0 {
			t.Errorf("%q was understood, and holds nothing", said)
		}
	})
}
