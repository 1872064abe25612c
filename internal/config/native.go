package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/command/script"
	"github.com/writ-run/writ/jsonnet"
)

// evaluate returns the JSON of the configuration file. Its native functions reach this machine as whoever runs writ, so that
// they are open only where that is asked for: in a file of one's own, of root's, or one that was named.
func (l *loader) evaluate(ctx context.Context, path string, text []byte) ([]byte, error) {
	program := jsonnet.Program{Entrypoint: path, Import: jsonnet.Text(path, text, jsonnet.Disk(""))}
	access, closed := l.access(ctx, path)
	evaluated, err := jsonnet.Run(ctx, program, access, jsonnet.Limits{})
	if err != nil && closed != "" && strings.Contains(err.Error(), " is closed here") {
		return nil, closedError{err, closed}
	}
	return evaluated, err
}

// closedError is an error of a native function that is closed.
type closedError struct {
	error
	hint string
}

func (e closedError) Hint() string  { return e.hint }
func (e closedError) Unwrap() error { return e.error }

// access is what the file's native functions reach; where that is nothing, closed says what opens them. Paths are relative
// to the file.
func (l *loader) access(ctx context.Context, path string) (access jsonnet.Access, closed string) {
	if l.closesNative(ctx) {
		return jsonnet.Access{}, "jsonnet.closeNative is set"
	}
	if l.options.Path == "" {
		if owner, err := ownerOf(path); err != nil || owner != 0 && int(owner) != os.Geteuid() {
			return jsonnet.Access{}, fmt.Sprintf("%s belongs to another user; name it with --config if you trust what it reads and runs", l.shown(path))
		}
	}
	directory := filepath.Dir(path)
	fetch, record := jsonnet.HTTPFetch(nil), l.options.Record
	if record == nil {
		record = jsonnet.DNSRecords("")
	}
	return jsonnet.Access{
		Dir: directory,
		Env: func(name string) (string, bool) {
			value, set := l.environ[name]
			return value, set
		},
		File: func(ctx context.Context, name string) ([]byte, error) {
			return jsonnet.LocalFile(ctx, l.located(name, directory, false))
		},
		Fetch: func(ctx context.Context, r jsonnet.Request) ([]byte, error) {
			body, err := fetch(ctx, r)
			if r.SkipVerify || strings.HasPrefix(strings.ToLower(r.URL), "http:") {
				l.config.doubtful = append(l.config.doubtful, string(body))
			}
			return body, err
		},
		Record: func(ctx context.Context, kind, name string) ([]string, error) {
			values, err := record(ctx, kind, name)
			l.config.doubtful = append(l.config.doubtful, values...)
			return values, err
		},
		Command: func(ctx context.Context, script string) (string, error) {
			return l.run(ctx, directory, script)
		},
	}, ""
}

// closesNative tells whether a variable or -x closes the native functions: the file cannot say so of itself.
func (l *loader) closesNative(ctx context.Context) bool {
	ahead := loader{options: l.options, config: unset(), environ: l.environ}
	ahead.variables(ctx)
	ahead.sets(ctx)
	return ahead.config.Jsonnet.CloseNative
}

// maxOutput bounds what a command of getCmd prints.
const maxOutput = 1 << 20

// run returns what a command prints to standard output, without the line ends at its end. It runs in a process group of
// its own, which is killed when the evaluation's time is over.
func (l *loader) run(ctx context.Context, directory, text string) (string, error) {
	words := append(strings.Fields(script.DefaultExec().Command), text)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = directory, l.options.Environ, &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a pipe that a daemon keeps
	output := &bounded{left: maxOutput}
	cmd.Stdout = output
	err := cmd.Run()
	if output.left < 0 {
		return "", fmt.Errorf("it prints more than %d bytes", maxOutput)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(output.text.String(), "\r\n"), nil
}

// bounded keeps so many bytes, and counts on below 0.
type bounded struct {
	text bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errors.New("too much")
	}
	return b.text.Write(p)
}

// leastDoubt is the length from which on a text that is found again is no coincidence.
const leastDoubt = 16

// Doubtful tells whether a key was read, by this configuration, from where anybody could have put it: a DNS record, plain
// http, or https without verification. Such a key counts only where its fingerprint is known from elsewhere.
func (c Config) Doubtful(k agent.Secret) bool {
	body := longestRun(string(k))
	for _, value := range c.doubtful {
		value = strings.TrimSpace(value)
		if len(value) >= leastDoubt && strings.Contains(string(k), value) || len(body) >= leastDoubt && strings.Contains(value, body) {
			return true
		}
	}
	return false
}

// longestRun is the longest stretch of base64 in a key: what it is made of, in every form.
func longestRun(text string) (longest string) {
	for _, run := range strings.FieldsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("+/-_=", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		if len(run) > len(longest) {
			longest = run
		}
	}
	return longest
}
