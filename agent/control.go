package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// An agent's socket, in the directory of its state: HTTP with JSON, for its own user and root.
//
//	GET  /status  → {"process": 4711, "started": TIME, "sources": [SourceStatus, ...]}
//	POST /accept  {"source": "web", "to": TIME}  → the Mark
//
// Errors are {"error": TEXT, "hint": TEXT}.
const (
	socketName     = "agent.sock"
	statusPath     = "/status"
	acceptPath     = "/accept"
	controlTimeout = 10 * time.Second
	maxControl     = 64 << 20 // bytes of an answer
)

// Running is what an agent says of itself.
type Running struct {
	Process int            `json:"process"`
	Started time.Time      `json:"started"`
	Sources []SourceStatus `json:"sources"`
}

// Accept asks for an older order to be let in, deliberately.
type Accept struct {
	Source string    `json:"source"`
	To     time.Time `json:"to,omitzero"` // orders issued from then on are taken; zero: as old as the one that was refused last
}

// hinted adds what to do about an error.
type hinted struct {
	error
	hint string
}

// Hint says what to do.
func (h hinted) Hint() string { return h.hint }

// Accept lowers the time of a source's newest order. by says who wants that, for the log.
func (a *Agent) Accept(q Accept, by string) (Mark, error) {
	s := a.source(q.Source)
	if s == nil {
		return Mark{}, fmt.Errorf("there is no source %q", q.Source)
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	mark, found, err := a.state.Mark(s.name)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return Mark{}, err
	}
	to := q.To
	if to.IsZero() {
		s.mu.Lock()
		to = s.shown.old
		s.mu.Unlock()
		if to.IsZero() {
			return Mark{}, hinted{fmt.Errorf("source %s has refused no order as too old since the agent started", s.name), "let the order come once more, or say from when on: --to TIME"}
		}
	}
	switch {
	case err == nil && !found:
		return Mark{}, fmt.Errorf("source %s has not accepted any order, so that none is too old", s.name)
	case err == nil && to.Unix() >= mark.IssuedAt:
		return Mark{}, fmt.Errorf("source %s takes orders issued at %s or later, and so one of %s", s.name, time.Unix(mark.IssuedAt, 0).UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	case to.After(a.now()):
		return Mark{}, fmt.Errorf("%s is yet to come", to.UTC().Format(time.RFC3339))
	}
	lowered := Mark{IssuedAt: to.Unix(), Accepted: a.now().UTC(), Lowered: true, Stays: mark.Stays, Broken: mark.Broken}
	if err := s.keepMark(lowered); err != nil {
		return Mark{}, err
	}
	s.well(troubleMark)
	s.log.Warn("older orders are taken from now on", "issued", to.UTC(), "before", time.Unix(mark.IssuedAt, 0).UTC(), "by", by)
	s.mu.Lock()
	clear(s.seen)
	s.mu.Unlock()
	s.tell(wakePull)
	return lowered, nil
}

// listenControl listens at the socket. The directory's lock says that no other agent does.
func (a *Agent) listenControl() (io.Closer, error) {
	path := filepath.Join(a.state.Directory(), socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// The directory is 0700: nobody else gets at the socket before its mode is set either.
	var listener net.Listener
	err := within(a.state.Directory(), func(short string) (err error) {
		listener, err = net.Listen("unix", short)
		return err
	})
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // by a path that is gone
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	started := a.now().UTC()
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, Running{os.Getpid(), started, a.Status()}, nil)
	})
	mux.HandleFunc("POST "+acceptPath, func(w http.ResponseWriter, r *http.Request) {
		var q Accept
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&q); err != nil {
			answer(w, nil, err)
			return
		}
		mark, err := a.Accept(q, fmt.Sprintf("user %v", r.Context().Value(peer{})))
		answer(w, mark, err)
	})
	server := &http.Server{
		Handler: ownersOnly(mux), ReadTimeout: controlTimeout, WriteTimeout: controlTimeout, IdleTimeout: controlTimeout,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peer{}, peerOf(c))
		},
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return closer(func() error { return errors.Join(server.Close(), os.Remove(path)) }), nil
}

type closer func() error

func (c closer) Close() error { return c() }

// within calls with a path of the socket that is short enough for one (unix(7)), however long the directory's is.
func within(directory string, do func(path string) error) error {
	opened, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer opened.Close()
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", opened.Fd(), socketName))
}

// peer is the key of the user id at the other end of a connection.
type peer struct{}

const nobody = -1

func peerOf(c net.Conn) (user int) {
	user = nobody
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return user
	}
	_ = raw.Control(func(descriptor uintptr) {
		if credentials, err := unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			user = int(credentials.Uid)
		}
	})
	return user
}

func ownersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user := r.Context().Value(peer{}); user != os.Geteuid() && user != 0 {
			answer(w, nil, errors.New("the agent is another user's"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// problem is an error as JSON.
type problem struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		value = problem{err.Error(), hintOf(err)}
	}
	_ = json.NewEncoder(w).Encode(value) // who asked may have gone
}

func hintOf(err error) string {
	var help interface{ Hint() string }
	if errors.As(err, &help) {
		return help.Hint()
	}
	return ""
}

// AskStatus asks the agent that has a state's directory how it stands.
func AskStatus(ctx context.Context, directory string) (r Running, err error) {
	return r, ask(ctx, directory, http.MethodGet, statusPath, nil, &r)
}

// AskAccept asks the agent that has a state's directory to let an older order in.
func AskAccept(ctx context.Context, directory string, q Accept) (m Mark, err error) {
	return m, ask(ctx, directory, http.MethodPost, acceptPath, q, &m)
}

func ask(ctx context.Context, directory, method, path string, question, into any) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
		err = within(directory, func(short string) error {
			c, err = new(net.Dialer).DialContext(ctx, "unix", short)
			return err
		})
		return c, err
	}}
	defer transport.CloseIdleConnections()
	text, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://agent"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return hinted{fmt.Errorf("no agent runs with the state in %s", directory), "start it with `writ agent`, or name its configuration with --config"}
	case errors.Is(err, os.ErrPermission):
		return hinted{fmt.Errorf("the agent with the state in %s is another user's", directory), "ask as that user, or as root"}
	case err != nil:
		return fmt.Errorf("ask the agent with the state in %s: %w", directory, cmp.Or(errors.Unwrap(err), err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxControl))
	if err != nil {
		return err
	}
	if response.StatusCode == http.StatusOK {
		return json.Unmarshal(body, into)
	}
	var p problem
	if err := json.Unmarshal(body, &p); err != nil || p.Error == "" {
		return fmt.Errorf("the agent answers %s", response.Status)
	}
	return hinted{errors.New(p.Error), p.Hint}
}
