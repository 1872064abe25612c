package container

import (
	"bytes"
	"testing"
	"time"
)

// TestRest: what an ended process has written is handed on, to the end, also where somebody keeps the pipe open, and the time
// to look for more is over before anything was looked for, as on a machine that stands still for a moment.
func TestRest(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{restWait, 0, -time.Hour} {
		var got bytes.Buffer
		s, err := OpenStreams(IO{Stdout: &got})
		if err != nil {
			t.Fatal(err)
		}
		o, pipe := s.outputs[0], s.Child[1] // which stays open
		o.wait = wait
		written := bytes.Repeat([]byte("0123456789"), 6000) // a pipe holds that, and it is read in pieces
		if _, err := pipe.Write(written); err != nil {
			t.Fatal(err)
		}
		if err := o.from.SetReadDeadline(time.Unix(1, 0)); err != nil { // the process has ended before anything was read
			t.Fatal(err)
		}
		s.Run(nil)
		if err := s.Finish(); err != nil || !bytes.Equal(got.Bytes(), written) {
			t.Errorf("with %s to wait for more: %d bytes of %d, %v", wait, got.Len(), len(written), err)
		}
		s.Started()
	}
}

// TestRestOfDaemon: who keeps the pipe open and goes on to write is not waited for.
func TestRestOfDaemon(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	s, err := OpenStreams(IO{Stdout: &got})
	if err != nil {
		t.Fatal(err)
	}
	finished, heardOut := make(chan struct{}), make(chan bool)
	go func() {
		for range 60_000 { // it takes a minute for that
			_, _ = s.Child[1].WriteString("x") // where nobody reads any more that is its end
			select {
			case <-finished:
				heardOut <- false
				return
			case <-time.After(time.Millisecond):
			}
		}
		heardOut <- true
	}()
	s.Run(nil)
	if err := s.Finish(); err != nil {
		t.Error(err)
	}
	close(finished)
	if <-heardOut {
		t.Errorf("all %d bytes were waited for", got.Len())
	}
	s.Started()
}
