package process

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/writ-run/writ/container"
)

// What a pipe can still hold once all its writers that were found are dead, and how long to look for it where one that
// was not found keeps the pipe open.
const (
	maxRest  = 1 << 20 // the default of /proc/sys/fs/pipe-max-size
	restWait = 100 * time.Millisecond
)

// streams are the ends of a process's standard streams: the child's files, and what runs on our side.
type streams struct {
	child   []*os.File // 0, 1, 2
	shut    []*os.File // of child: to be closed here after the start
	stdin   *os.File   // our end; nil: none
	outputs []*output
}

// open makes the pipes and starts nothing.
func open(io container.IO) (*streams, error) {
	s := &streams{child: make([]*os.File, 3)}
	err := s.openInput(io.Stdin)
	if err == nil {
		err = s.openOutput(1, io.Stdout)
	}
	switch {
	case err != nil:
	case same(io.Stdout, io.Stderr):
		s.child[2] = s.child[1]
	default:
		err = s.openOutput(2, io.Stderr)
	}
	if err != nil {
		s.started()
		s.abandon()
		return nil, err
	}
	return s, nil
}

// same compares two writers; those of a type that cannot be compared are different.
func same(a, b io.Writer) (equal bool) {
	defer func() { _ = recover() }()
	return a == b
}

func (s *streams) openInput(from io.Reader) error {
	if file, ok := from.(*os.File); ok {
		s.child[0] = file
		return nil
	}
	var err error
	if from == nil {
		s.child[0], err = os.Open(os.DevNull)
	} else {
		s.child[0], s.stdin, err = os.Pipe()
	}
	if err == nil {
		s.shut = append(s.shut, s.child[0])
	}
	return err
}

func (s *streams) openOutput(number int, to io.Writer) error {
	var err error
	if to == nil {
		s.child[number], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	} else {
		o := &output{to: to, done: make(chan struct{})}
		o.from, s.child[number], err = os.Pipe()
		if err == nil {
			s.outputs = append(s.outputs, o)
		}
	}
	if err == nil {
		s.shut = append(s.shut, s.child[number])
	}
	return err
}

// started closes the child's ends on our side.
func (s *streams) started() {
	for _, file := range s.shut {
		file.Close()
	}
}

// abandon closes our ends: nothing was started.
func (s *streams) abandon() {
	if s.stdin != nil {
		s.stdin.Close()
	}
	for _, o := range s.outputs {
		o.from.Close()
	}
}

// run copies until the process ends. The goroutine that reads from stdin may wait in Read for longer than that.
func (s *streams) run(stdin io.Reader) {
	if s.stdin != nil {
		go func() {
			_, _ = io.Copy(s.stdin, stdin) // a process need not read all of its input
			s.stdin.Close()
		}()
	}
	for _, o := range s.outputs {
		go o.run()
	}
}

// finish returns once every byte that the ended process wrote has been handed on.
func (s *streams) finish() error {
	if s.stdin != nil {
		s.stdin.Close()
	}
	var problems []error
	for _, o := range s.outputs {
		o.from.SetReadDeadline(time.Unix(1, 0))
		<-o.done
		problems = append(problems, o.err)
	}
	return errors.Join(problems...)
}

// output copies one stream to its writer.
type output struct {
	from *os.File
	to   io.Writer
	err  error // of the writer; set before done is closed
	done chan struct{}
}

func (o *output) run() {
	defer close(o.done)
	defer o.from.Close() // a writer that fails ends the process's writing too (EPIPE)
	buffer := make([]byte, 32<<10)
	ended, rest := false, maxRest
	for rest > 0 {
		n, err := o.from.Read(buffer)
		if ended {
			rest -= n
		}
		if n > 0 {
			if _, o.err = o.to.Write(buffer[:n]); o.err != nil {
				return
			}
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !(late && !ended) {
			return // all is read, or somebody keeps the pipe open and it is empty
		}
		if late || ended {
			ended = true
			o.from.SetReadDeadline(time.Now().Add(restWait))
		}
	}
}
