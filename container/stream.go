package container

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// What a pipe can still hold once all its writers that were found are dead, and for how long in all to look for more where one
// that was not found keeps the pipe open: a daemon that always has something to say may do so for years.
const (
	maxRest  = 1 << 20 // the default of /proc/sys/fs/pipe-max-size
	restWait = 100 * time.Millisecond
)

// How much is read at once: most processes write little.
const leastBuffer, mostBuffer = 2 << 10, 32 << 10

// Streams are the ends of a process's standard streams: the child's files, and what runs on our side.
type Streams struct {
	Child   []*os.File // 0, 1, 2
	shut    []*os.File // of Child: to be closed here after the start
	stdin   *os.File   // our end; nil: none
	outputs []*output
	stderr  io.Writer
	said    string
}

// OpenStreams makes the pipes and starts nothing.
func OpenStreams(io IO) (*Streams, error) {
	s := &Streams{Child: make([]*os.File, 3), stderr: io.Stderr}
	err := s.openInput(io.Stdin)
	if err == nil {
		err = s.openOutput(1, io.Stdout)
	}
	switch {
	case err != nil:
	case same(io.Stdout, io.Stderr):
		s.Child[2] = s.Child[1]
	default:
		err = s.openOutput(2, io.Stderr)
	}
	if err != nil {
		s.Started()
		s.Abandon()
		return nil, err
	}
	return s, nil
}

// same compares two writers; those of a type that cannot be compared are different.
func same(a, b io.Writer) (equal bool) {
	defer func() { _ = recover() }()
	return a == b
}

func (s *Streams) openInput(from io.Reader) error {
	if file, ok := from.(*os.File); ok {
		s.Child[0] = file
		return nil
	}
	var err error
	if from == nil {
		s.Child[0], err = os.Open(os.DevNull)
	} else {
		s.Child[0], s.stdin, err = os.Pipe()
	}
	if err == nil {
		s.shut = append(s.shut, s.Child[0])
	}
	return err
}

func (s *Streams) openOutput(number int, to io.Writer) error {
	var err error
	if to == nil {
		s.Child[number], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	} else {
		o := &output{to: to, done: make(chan struct{}), wait: restWait}
		o.from, s.Child[number], err = os.Pipe()
		if err == nil {
			s.outputs = append(s.outputs, o)
		}
	}
	if err == nil {
		s.shut = append(s.shut, s.Child[number])
	}
	return err
}

// Started closes the child's ends on our side.
func (s *Streams) Started() {
	for _, file := range s.shut {
		file.Close()
	}
}

// Abandon closes our ends: nothing was started.
func (s *Streams) Abandon() {
	if s.stdin != nil {
		s.stdin.Close()
	}
	for _, o := range s.outputs {
		o.from.Close()
	}
}

// Run copies until the process ends. The goroutine that reads from stdin may wait in Read for longer than that.
func (s *Streams) Run(stdin io.Reader) {
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

// Say hands a line of ours to where standard error goes, after all that the process has written there, and before Finish.
func (s *Streams) Say(line string) { s.said = line }

// Finish returns once every byte that the ended process wrote has been handed on.
func (s *Streams) Finish() error {
	if s.stdin != nil {
		s.stdin.Close()
	}
	var problems []error
	for _, o := range s.outputs {
		o.from.SetReadDeadline(time.Unix(1, 0))
		<-o.done
		problems = append(problems, o.err)
	}
	if s.said != "" && s.stderr != nil {
		_, err := io.WriteString(s.stderr, s.said)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// output copies one stream to its writer.
type output struct {
	from *os.File
	to   io.Writer
	err  error // of the writer; set before done is closed
	done chan struct{}
	wait time.Duration // for more, once the process has ended
}

func (o *output) run() {
	defer close(o.done)
	defer o.from.Close() // a writer that fails ends the process's writing too (EPIPE)
	buffer := make([]byte, leastBuffer)
	ended, rest := false, maxRest
	for rest > 0 {
		n, err := o.from.Read(buffer)
		if ended && errors.Is(err, os.ErrDeadlineExceeded) { // maybe before it could look: this machine may have stood still
			n, err = o.there(buffer)
		}
		if ended {
			rest -= n
		}
		if n > 0 {
			if _, o.err = o.to.Write(buffer[:n]); o.err != nil {
				return
			}
		}
		if n == len(buffer) && n < mostBuffer {
			buffer = make([]byte, mostBuffer)
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !(late && !ended) {
			return // all is read, or somebody keeps the pipe open and it is empty
		}
		if late && !ended {
			ended = true
			o.from.SetReadDeadline(time.Now().Add(o.wait))
		}
	}
}

// there reads what is in the pipe, at whatever time; os.ErrDeadlineExceeded: nothing.
func (o *output) there(buffer []byte) (n int, err error) {
	pipe, err := o.from.SyscallConn()
	if err != nil {
		return 0, err
	}
	if unread := pipe.Control(func(fd uintptr) {
		for {
			if n, err = syscall.Read(int(fd), buffer); err != syscall.EINTR {
				return // it does not wait
			}
		}
	}); unread != nil {
		return 0, unread
	}
	switch {
	case err == syscall.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
