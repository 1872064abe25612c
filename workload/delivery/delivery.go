// Package delivery puts the identity of a run into whatever a container.Runtime starts for it: as a variable, as files
// that are replaced before they expire, and as a socket that mints.
//
//	Wrap(runtime, session).Start: mint -> directory {token, issuer, api.sock, ...} -> runtime.Start
//	                       while it runs: refresh the files, answer on the socket
//	                       Wait: runtime.Wait -> no more minting -> the directory is gone
//
// Invariant: nothing of the identity is on this machine before Start, after an error of Start, or after Wait. A run
// whose grant is not enabled is started by the runtime alone, as if this package did not exist.
//
// The session stays its opener's: whoever opens a task's session closes it after Wait, and its tokens turn inactive.
package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/workload"
)

// The variables that a run finds, and the audience for which AWS's clients want to be told of the file.
const (
	variable     = "CONCOURSE_CI_JWT"
	fileVariable = "CONCOURSE_CI_JWT_FILE"
	awsVariable  = "AWS_WEB_IDENTITY_TOKEN_FILE"
	awsAudience  = "sts.amazonaws.com"
)

// Config says how delivery works. Its zero value is good.
type Config struct {
	// BaseDir is where the private directories are made; it is made itself (0700). Empty: scratch.DefaultBase, or
	// /tmp/writ-UID where that is too long for the path of a socket (107 bytes, unix(7)).
	BaseDir string

	Rate  float64          // requests a second that one run's api.sock answers; 0: 10
	Burst int              // at once; 0: 20
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: none

	readTimeout time.Duration // of a request to api.sock; 0: readTimeout. Tests have another.
}

func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 10
	}
	if c.Burst == 0 {
		c.Burst = 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.readTimeout == 0 {
		c.readTimeout = readTimeout
	}
	return c
}

// minter is a workload.Session as this package uses it.
type minter interface {
	Mint(ctx context.Context, q workload.Request) (workload.Minted, error)
	Renewal() <-chan struct{}
}

// Wrap returns a runtime that delivers the session's identity into every process that it starts.
func Wrap(rt container.Runtime, s *workload.Session, c Config) container.Runtime {
	return &wrapped{Runtime: rt, session: s, run: s.Run(), config: c.withDefaults()}
}

type wrapped struct {
	container.Runtime
	session minter
	run     workload.Run
	config  Config
}

// Start delivers the identity and starts s. A mount at, under or above /run/writ is a *ReservedError.
func (w *wrapped) Start(ctx context.Context, s container.Spec, io container.IO) (container.Process, error) {
	if !w.run.Grant.Enabled {
		return w.Runtime.Start(ctx, s, io)
	}
	for _, m := range s.Mounts {
		if err := Reserved(m.Path); err != nil {
			return nil, fmt.Errorf("start %q: %w", s.Name, err)
		}
	}
	d, err := w.deliver(ctx)
	if err != nil {
		return nil, fmt.Errorf("start %q: deliver its identity: %w", s.Name, err)
	}
	mount := container.Mount{Path: Directory, Host: d.directory.path, ReadOnly: true, NoExec: true}
	s.Mounts = append(slices.Clip(s.Mounts), mount)
	s.Env = append(d.environment(w.See(mount), w.run.Grant, s.Env), s.Env...)
	s.Reach = append(slices.Clip(s.Reach), w.run.Issuer)
	d.refresh()
	inner, err := w.Runtime.Start(ctx, s, io)
	if err != nil {
		d.end()
		return nil, err
	}
	return &started{Process: inner, delivered: d}, nil
}

// Sweep removes what killed runs left, of the runtime's and of ours.
func (w *wrapped) Sweep(ctx context.Context) error {
	return errors.Join(w.Runtime.Sweep(ctx), Sweep(w.config))
}

// started takes the identity back when the process has ended.
type started struct {
	container.Process
	delivered *delivered
}

func (p *started) Wait(ctx context.Context) (int, error) {
	status, err := p.Process.Wait(ctx)
	p.delivered.end()
	return status, err
}

// delivered is the identity of one process, while it is there.
type delivered struct {
	directory *directory
	socket    *socket
	files     []*file // the first is token
	log       *slog.Logger

	refresh   func() // starts it; from then on the files are the refresher's
	cancel    context.CancelFunc
	refreshed sync.WaitGroup
	once      sync.Once
}

// deliver mints every token, and only then makes the directory. Its socket answers until end.
func (w *wrapped) deliver(ctx context.Context) (*delivered, error) {
	told := w.session.Renewal()
	files, err := w.mint(ctx)
	if err != nil {
		return nil, err
	}
	made, err := newDirectory(w.config)
	if err != nil {
		return nil, err
	}
	d := &delivered{directory: made, files: files, log: w.config.Log}
	if err := made.fill(w.run.Issuer, files); err != nil {
		d.end()
		return nil, err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	if d.socket, err = serve(background, made, w.session, w.run.Grant, w.config); err != nil {
		d.end()
		return nil, err
	}
	if err := made.seal(); err != nil {
		d.end()
		return nil, err
	}
	d.refresh = func() {
		r := &refresher{mint: w.session, renewal: w.session.Renewal, told: told, write: made.write, now: w.config.Now, log: w.config.Log}
		d.refreshed.Go(func() { r.run(background, files) })
	}
	return d, nil
}

// mint makes the tokens of every file: the grant's first audience for token, and one for each further file.
func (w *wrapped) mint(ctx context.Context) ([]*file, error) {
	files := []*file{{name: tokenName}}
	for _, f := range w.run.Grant.Files {
		if f.Path != filepath.Base(f.Path) || strings.HasPrefix(f.Path, ".") || slices.Contains([]string{tokenName, issuerName, socketName, ""}, f.Path) {
			return nil, fmt.Errorf("file %q: want one path element that is not %s, %s or %s", f.Path, tokenName, issuerName, socketName)
		}
		files = append(files, &file{name: f.Path, audience: []string{f.Audience}})
	}
	for i, f := range files {
		if slices.ContainsFunc(files[:i], func(other *file) bool { return other.name == f.name }) {
			return nil, fmt.Errorf("file %q is granted twice", f.name)
		}
		minted, err := w.session.Mint(ctx, workload.Request{Audience: f.audience})
		if err != nil {
			return nil, err
		}
		f.accept(minted, w.config.Now())
	}
	return files, nil
}

// environment is what a process is told of its identity. What the task sets itself wins, so it is left out here: a
// runtime need not know which of two values counts.
func (d *delivered) environment(seen string, g workload.Grant, own []string) (environment []string) {
	tell := func(name, value string) {
		if !slices.ContainsFunc(own, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			environment = append(environment, name+"="+value)
		}
	}
	if g.Env {
		tell(variable, d.files[0].token)
	}
	tell(fileVariable, filepath.Join(seen, tokenName))
	for _, f := range g.Files {
		if f.Audience == awsAudience {
			tell(awsVariable, filepath.Join(seen, f.Path))
			break
		}
	}
	return environment
}

// end stops minting and removes the directory. What cannot be removed is logged: the run itself is over.
func (d *delivered) end() {
	d.once.Do(func() {
		if d.cancel != nil {
			d.cancel()
		}
		d.refreshed.Wait()
		if d.socket != nil {
			d.socket.close()
		}
		if err := d.directory.close(); err != nil {
			d.log.Error("the identity of an ended run could not be removed", "directory", d.directory.path, "error", err)
		}
	})
}
