package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// Allow lets a user of this machine register runs.
type Allow struct {
	UID   uint32
	Teams []string // empty: every team
}

// Socket answers on the Unix socket at which runs register (package api has its paths). Who may claim which team is
// decided by the peer's uid: own may claim every one, others what is allowed to them. A run belongs to the uid that
// registered it.
type Socket struct {
	issuer *Issuer
	own    uint32
	allow  []Allow
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	owners map[workload.RunID]uint32
}

// NewSocket returns the handler for a server whose own uid is own.
func NewSocket(i *Issuer, own uint32, allow []Allow) *Socket {
	return &Socket{issuer: i, own: own, allow: allow, closed: make(chan struct{}), owners: map[workload.RunID]uint32{}}
}

// Close ends every run that is registered here, so that a server can shut down.
func (s *Socket) Close() { s.once.Do(func() { close(s.closed) }) }

type peerKey struct{}

// PeerContext keeps who is at the other end of a Unix connection (SO_PEERCRED), for http.Server.ConnContext.
func PeerContext(ctx context.Context, c net.Conn) context.Context {
	connection, isUnix := c.(*net.UnixConn)
	if !isUnix {
		return ctx
	}
	raw, err := connection.SyscallConn()
	if err != nil {
		return ctx
	}
	var credentials *unix.Ucred
	var credentialsErr error
	if err := raw.Control(func(fd uintptr) {
		credentials, credentialsErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil || credentialsErr != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, credentials.Uid)
}

// ServeHTTP answers one request.
func (s *Socket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uid, known := r.Context().Value(peerKey{}).(uint32)
	if !known || !s.admits(uid) {
		refuse(w, http.StatusForbidden, "access_denied", fmt.Sprintf("uid %d may not register runs here; server.socketAllow names who may", uid))
		return
	}
	id, rest := runPath(r.URL.Path)
	switch {
	case r.URL.Path == "/v1/health" && r.Method == http.MethodGet:
		w.WriteHeader(http.StatusNoContent)
	case r.URL.Path == "/v1/runs" && r.Method == http.MethodPost:
		s.begin(w, r, uid)
	case id != "" && rest == "/tokens" && r.Method == http.MethodPost:
		s.mint(w, r, uid, id)
	case id != "" && rest == "" && r.Method == http.MethodDelete:
		s.end(w, r, uid, id)
	default:
		refuse(w, http.StatusNotFound, "not_found", "there is nothing at this path for this method")
	}
}

func runPath(path string) (id workload.RunID, rest string) {
	text, isRun := strings.CutPrefix(path, "/v1/runs/")
	if !isRun {
		return "", ""
	}
	name, tail, hasTail := strings.Cut(text, "/")
	if hasTail {
		tail = "/" + tail
	}
	return workload.RunID(name), tail
}

func (s *Socket) admits(uid uint32) bool {
	return uid == s.own || slices.ContainsFunc(s.allow, func(a Allow) bool { return a.UID == uid })
}

func (s *Socket) mayClaim(uid uint32, team string) bool {
	return uid == s.own || slices.ContainsFunc(s.allow, func(a Allow) bool {
		return a.UID == uid && (len(a.Teams) == 0 || slices.Contains(a.Teams, team))
	})
}

// begin registers a run, answers with one line, and ends the run when the connection ends.
func (s *Socket) begin(w http.ResponseWriter, r *http.Request, uid uint32) {
	var q api.BeginRequest
	if !s.read(w, r, &q) {
		return
	}
	if !s.mayClaim(uid, q.Subject.Team) {
		refuse(w, http.StatusForbidden, "access_denied", fmt.Sprintf("uid %d may not claim team %q; server.socketAllow says who may", uid, q.Subject.Team))
		return
	}
	if q.Subject.Parent != "" && !s.owns(uid, q.Subject.Parent) {
		refuse(w, http.StatusForbidden, "access_denied", errParentEnded.Error())
		return
	}
	var limits workload.Limits
	if q.Life != "" {
		life, err := time.ParseDuration(q.Life)
		if err != nil || life <= 0 {
			refuse(w, http.StatusBadRequest, "invalid_request", "life is not a positive duration")
			return
		}
		limits.Life = life
	}
	run, err := s.issuer.Begin(r.Context(), q.Subject, limits)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.mu.Lock()
	s.owners[run.ID] = uid
	s.mu.Unlock()
	defer s.forget(run.ID)
	line, err := json.Marshal(api.Run{ID: string(run.ID), IDs: run.IDs, Build: run.Build, Issuer: run.Issuer, Grant: run.Grant})
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	controller := http.NewResponseController(w)
	// The connection is meant to stay open for as long as the run takes.
	if err := errors.Join(controller.SetReadDeadline(time.Time{}), controller.SetWriteDeadline(time.Time{})); err != nil {
		s.refuse(w, err)
		return
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return
	}
	if err := controller.Flush(); err != nil {
		return
	}
	renewal := s.issuer.Renewal(run.ID)
	for {
		select {
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		case <-renewal:
			renewal = s.issuer.Renewal(run.ID) // before the notice: what comes after it is another one
		}
		if !renew(w, controller) {
			return
		}
	}
}

// noticeTimeout is how long a client may take to read a notice; one that is stuck loses its run.
const noticeTimeout = 30 * time.Second

// renew tells a client that a key was withdrawn.
func renew(w http.ResponseWriter, controller *http.ResponseController) bool {
	line, err := json.Marshal(api.Notice{Renew: true})
	if err == nil {
		err = controller.SetWriteDeadline(time.Now().Add(noticeTimeout))
	}
	if err == nil {
		_, err = w.Write(append(line, '\n'))
	}
	if err == nil {
		err = controller.Flush()
	}
	return err == nil && controller.SetWriteDeadline(time.Time{}) == nil
}

// forget ends a run whose connection is gone.
func (s *Socket) forget(id workload.RunID) {
	s.mu.Lock()
	delete(s.owners, id)
	s.mu.Unlock()
	s.issuer.End(context.Background(), id)
}

// owns tells whether a run was registered by uid.
func (s *Socket) owns(uid uint32, id workload.RunID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, known := s.owners[id]
	return known && owner == uid
}

func (s *Socket) mint(w http.ResponseWriter, r *http.Request, uid uint32, id workload.RunID) {
	var q api.MintRequest
	if !s.read(w, r, &q) {
		return
	}
	if !s.owns(uid, id) {
		refuse(w, http.StatusForbidden, "access_denied", "the run has ended, or was never registered here")
		return
	}
	request, err := parseMint(q)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	minted, err := s.issuer.Mint(r.Context(), id, request)
	if err != nil {
		s.refuse(w, err)
		return
	}
	s.write(w, api.MintAnswer{Token: minted.Token, Claims: minted.Claims})
}

func parseMint(q api.MintRequest) (workload.Request, error) {
	request := workload.Request{Audience: q.Audience, Scope: workload.Scope(q.Scope)}
	var err error
	if q.Life != "" {
		if request.Life, err = workload.ParseLife(q.Life); err != nil {
			return workload.Request{}, err
		}
	}
	if q.Algorithm != "" {
		request.Algorithm, err = key.ParseAlgorithm(q.Algorithm)
	}
	return request, err
}

func (s *Socket) end(w http.ResponseWriter, r *http.Request, uid uint32, id workload.RunID) {
	if s.owns(uid, id) {
		s.issuer.End(r.Context(), id)
	}
	w.WriteHeader(http.StatusNoContent)
}

// read reads a bounded JSON body; where it cannot, it has answered.
func (s *Socket) read(w http.ResponseWriter, r *http.Request, into any) bool {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, api.MaxRequest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "invalid_request", "the body is too large or cannot be read")
		return false
	}
	if err := json.Unmarshal(data, into, json.RejectUnknownMembers(true)); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", "the body is not the JSON that this path takes")
		return false
	}
	return true
}

// refuse answers with an error of the issuer's.
func (s *Socket) refuse(w http.ResponseWriter, err error) {
	if errors.Is(err, workload.ErrRefused) {
		text := strings.TrimPrefix(err.Error(), workload.ErrRefused.Error()+": ") // the client says so again
		refuse(w, http.StatusForbidden, "access_denied", text)
		return
	}
	s.issuer.log.Error("request on the socket failed", "error", err)
	refuse(w, http.StatusInternalServerError, "server_error", err.Error())
}

func (s *Socket) write(w http.ResponseWriter, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(body)
}
