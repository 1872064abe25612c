// Package jsonnet evaluates Jsonnet, within bounds, for a caller that says what it may read and reach.
//
//	          Importer (Disk, Memory): the files
//	               |
//	Program --> parse --> tree --> evaluate --> JSON
//	    |                  |          |
//	    |                  |      std.native(...) --> Access: configuration, environment, files, network, commands
//	    |                  +--> Fields: the lines of the fields that stand in the text itself
//	    +--> Dependencies, Lint, Format
//
// Run evaluates in this process, for files of this machine's own; what was received belongs into another (apart).
//
// The invariant: a Program reads what its Importer finds and reaches what its Access grants, and nothing else; and no error
// holds a value that came through Access.
package jsonnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Program is a file and where its imports are found.
type Program struct {
	Entrypoint string
	Import     Importer
}

// Importer finds what the file from imports as path, and returns its content and its name: one name has one content. The
// entrypoint is imported from "".
type Importer func(from, path string) (found string, content []byte, err error)

// Access is what the native functions may reach. A nil function closes those that need it: a call is then an error that
// says so. The functions are called by one goroutine at a time, and their results are remembered within an evaluation.
type Access struct {
	Config  func() (any, error)                                            // getConfig, get
	Env     func(name string) (value string, set bool)                     // getEnv
	File    func(ctx context.Context, path string) ([]byte, error)         // getFile of a path
	Fetch   func(ctx context.Context, r Request) ([]byte, error)           // getFile of a URL
	Command func(ctx context.Context, command string) (string, error)      // getCmd
	Record  func(ctx context.Context, kind, name string) ([]string, error) // getRecord

	Cache   Cache              // values kept from a build to its runs; nil: none
	Brought func(value string) // is told each value that came through Env, File, Fetch, Command and Record; may be nil
	Dir     string             // the directory of the entrypoint, for getPath()
	Trace   io.Writer          // of std.trace; nil: dropped
}

// Request is a GET of a URL.
type Request struct {
	URL        string
	Header     http.Header
	SkipVerify bool          // of the server's certificate
	Timeout    time.Duration // 0: the default
}

// Cache keeps values by key. Neither key nor value holds what a function was not asked to keep: keys name the function and
// its arguments, but no HTTP header's value.
type Cache interface {
	Get(key string) (value any, found bool) // value as encoding/json decodes it
	Put(key string, value any)
}

// Limits bound an evaluation. A zero is the default.
type Limits struct {
	Time   time.Duration // 10 s
	Stack  int           // calls within one another: 500
	Bytes  int           // of all files together, of the result, and of each text that a format or template makes: 64 MiB each
	Memory int64         // of a process apart: 512 MiB; by twice as much may this process grow with Run, garbage included
}

// OrDefaults is with the defaults in place of zeros.
func (l Limits) OrDefaults() Limits {
	if l.Time <= 0 {
		l.Time = 10 * time.Second
	}
	if l.Stack <= 0 {
		l.Stack = 500
	}
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Memory <= 0 {
		l.Memory = 512 << 20
	}
	return l
}

// maxFiles is how many files an evaluation imports.
const maxFiles = 10000

// Run evaluates a program in this process and returns its JSON. A mistake in it is an *Error, and so is a limit that it
// meets, which names the limit. The evaluation cannot be ended from outside: after its time (or ctx) the caller has its
// error, but a goroutine may go on until the next import or native function, and take more memory: who has met that limit
// does best to end. Programs of strangers belong into a process apart.
func Run(ctx context.Context, p Program, a Access, l Limits) ([]byte, error) {
	l = l.OrDefaults()
	within, cancel := context.WithTimeout(ctx, l.Time)
	type result struct {
		json []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		defer cancel()
		growStack()
		json, err := newSession(within, p, a, l).run()
		done <- result{json, err}
	}()
	full, before := make(chan struct{}), memory()
	go func() {
		if OutgrowsMemory(within, before+2*l.Memory) {
			close(full)
			cancel()
		}
	}()
	r, finished := await(within, done)
	if finished && !isEnd(r.err) {
		return r.json, r.err
	}
	select {
	case <-full:
		return nil, &Error{File: p.Entrypoint, Text: fmt.Sprintf("the evaluation needs more than %d bytes of memory (the limit of memory)", l.Memory)}
	default:
		return nil, ended(ctx, p, l)
	}
}

// await waits for a result, or for the end of ctx; a result that is there when ctx ends is one.
func await[T any](ctx context.Context, done <-chan T) (result T, finished bool) {
	select {
	case result = <-done:
		return result, true
	case <-ctx.Done():
	}
	select {
	case result = <-done:
		return result, true
	default:
		return result, false
	}
}

func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// ended is the error of an evaluation that took too long, or that its caller has given up.
func ended(ctx context.Context, p Program, l Limits) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return TooLong(p, l)
}

// TooLong is the error of a program that met its limit of time.
func TooLong(p Program, l Limits) error {
	return &Error{File: p.Entrypoint, Text: fmt.Sprintf("not evaluated within %s (the limit of time)", l.Time)}
}

// maxText is how much of one text Evaluate takes.
const maxText = 4 << 20

// Evaluate returns the JSON that a text (at most 4 MiB) evaluates to, within ten seconds. Imports are read relative to
// file. A mistake is an *Error.
func Evaluate(ctx context.Context, file string, text []byte) ([]byte, error) {
	if len(text) > maxText {
		return nil, &Error{File: file, Text: fmt.Sprintf("%d bytes; at most %d are read", len(text), maxText)}
	}
	return Run(ctx, Program{Entrypoint: file, Import: Text(file, text, Disk(""))}, Access{}, Limits{})
}

// Text is an Importer that has the text of one file already, and leaves the others to next.
func Text(file string, text []byte, next Importer) Importer {
	return func(from, path string) (string, []byte, error) {
		if from == "" && path == file {
			return file, text, nil
		}
		found, content, err := next(from, path)
		if err == nil && found == file {
			content = text
		}
		return found, content, err
	}
}
