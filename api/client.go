package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"

	"github.com/writ-run/writ/workload"
)

// callTimeout bounds a call to the issuer of this machine.
const callTimeout = 30 * time.Second

// Client is a workload.Minter: a running issuer on this machine, reached over its Unix socket. Each of its runs is
// registered for as long as its connection is open, so that a killed client leaves none behind.
type Client struct {
	path string
	http *http.Client

	mu   sync.Mutex
	runs map[workload.RunID]*registered
}

// registered is the open connection of a run.
type registered struct {
	close   func() error
	renewal chan struct{} // closed at the next notice; under Client.mu
}

// Dial returns the client of the issuer at a URL, unix:///path. Whether it answers is seen at the first call.
func Dial(url string) (*Client, error) {
	path, isUnix := strings.CutPrefix(url, "unix://")
	switch {
	case !isUnix && strings.HasPrefix(url, "/"):
		return nil, fmt.Errorf("server %q: want unix://%s", url, url)
	case !isUnix:
		return nil, fmt.Errorf("server %q: want unix:///path, the socket of `writ serve` on this machine", url)
	case !strings.HasPrefix(path, "/"):
		return nil, fmt.Errorf("server %q: the path of the socket is not absolute; want unix:///path", url)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		MaxIdleConnsPerHost: 4,
		DisableCompression:  true,
	}
	return &Client{path: path, http: &http.Client{Transport: transport}, runs: map[workload.RunID]*registered{}}, nil
}

// Close ends every run of this client.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, connection := range c.runs {
		connection.close()
		delete(c.runs, id)
	}
	c.http.CloseIdleConnections()
	return nil
}

// Health asks whether the issuer answers.
func (c *Client) Health(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/v1/health", nil, nil)
}

// Begin registers a run and keeps its connection open.
func (c *Client) Begin(ctx context.Context, s workload.Subject, l workload.Limits) (workload.Run, error) {
	request := BeginRequest{Subject: s}
	if l.Life > 0 {
		request.Life = l.Life.String()
	}
	// The connection outlives ctx, which bounds only the registration.
	open, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	stopWaiting := context.AfterFunc(ctx, hangUp)
	timer := time.AfterFunc(callTimeout, hangUp)
	response, err := c.send(open, http.MethodPost, "/v1/runs", request)
	if err != nil {
		hangUp()
		return workload.Run{}, err
	}
	reader := bufio.NewReaderSize(response.Body, 4096)
	var answer Run
	line, err := readLine(reader)
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if !stopWaiting() || !timer.Stop() || err != nil || answer.ID == "" {
		hangUp()
		response.Body.Close()
		if ctx.Err() != nil {
			return workload.Run{}, ctx.Err()
		}
		return workload.Run{}, fmt.Errorf("%w: %s: the answer to a registration is not one", workload.ErrUnreachable, c.path)
	}
	id := workload.RunID(answer.ID)
	c.mu.Lock()
	c.runs[id] = &registered{func() error { hangUp(); return response.Body.Close() }, make(chan struct{})}
	c.mu.Unlock()
	go c.listen(id, reader) // ends with the connection
	return workload.Run{ID: id, IDs: answer.IDs, Build: answer.Build, Issuer: answer.Issuer, Grant: answer.Grant}, nil
}

// listen reads what the server tells of its own accord.
func (c *Client) listen(id workload.RunID, reader *bufio.Reader) {
	for {
		line, err := readLine(reader)
		if err != nil {
			return
		}
		var notice Notice
		if err := json.Unmarshal(line, &notice); err != nil || !notice.Renew {
			continue // of a later version
		}
		c.mu.Lock()
		if r := c.runs[id]; r != nil {
			close(r.renewal)
			r.renewal = make(chan struct{})
		}
		c.mu.Unlock()
	}
}

// Renewal is closed when the server says that tokens of a run should be minted anew. It makes Client a workload.Renewer.
func (c *Client) Renewal(id workload.RunID) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.runs[id]; r != nil {
		return r.renewal
	}
	return nil
}

// readLine reads one line of at most MaxAnswer bytes.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if line = append(line, part...); err == nil {
			return line, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) || len(line) > MaxAnswer {
			return nil, err
		}
	}
}

// Mint asks for one token.
func (c *Client) Mint(ctx context.Context, id workload.RunID, q workload.Request) (workload.Minted, error) {
	request := MintRequest{Audience: q.Audience, Scope: string(q.Scope), Algorithm: string(q.Algorithm)}
	if q.Life != 0 {
		request.Life = q.Life.String()
	}
	var answer MintAnswer
	if err := c.call(ctx, http.MethodPost, "/v1/runs/"+string(id)+"/tokens", request, &answer); err != nil {
		return workload.Minted{}, err
	}
	return workload.Minted{Token: answer.Token, Claims: answer.Claims}, nil
}

// End ends a run and closes its connection.
func (c *Client) End(ctx context.Context, id workload.RunID) error {
	err := c.call(ctx, http.MethodDelete, "/v1/runs/"+string(id), nil, nil)
	c.mu.Lock()
	connection := c.runs[id]
	delete(c.runs, id)
	c.mu.Unlock()
	if connection != nil {
		connection.close()
	}
	return err
}

// call sends a request and reads its answer.
func (c *Client) call(ctx context.Context, method, path string, request, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := c.send(ctx, method, path, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", workload.ErrUnreachable, c.path, err)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, answer); err != nil {
		return fmt.Errorf("%w: %s: the answer is not one of an issuer", workload.ErrUnreachable, c.path)
	}
	return nil
}

// send sends a request; an answer that is not a success becomes an error.
func (c *Client) send(ctx context.Context, method, path string, request any) (*http.Response, error) {
	var body io.Reader
	if request != nil {
		data, err := json.Marshal(request)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://writ"+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(q)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	data, _ := io.ReadAll(io.LimitReader(response.Body, MaxAnswer))
	var problem Error
	if json.Unmarshal(data, &problem) != nil || problem.Code == "" {
		return nil, fmt.Errorf("%w: %s: it answers %s and is perhaps not an issuer", workload.ErrUnreachable, c.path, response.Status)
	}
	if response.StatusCode >= 500 {
		return nil, fmt.Errorf("issuer: %s", oneLine(problem.Description))
	}
	return nil, fmt.Errorf("%w: %s", workload.ErrRefused, oneLine(problem.Description))
}

// oneLine keeps what a server says from writing lines, or to a terminal, of its own.
func oneLine(text string) string {
	const most = 1000
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
}

// unreachable says what is wrong with the socket, and what to do.
func (c *Client) unreachable(err error) error {
	e := &unreachableError{path: c.path, cause: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.cause, e.hint = errors.New("there is no such socket"), "start the issuer with `writ serve`; it prints where its socket is"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.cause, e.hint = errors.New("nobody listens on it"), "start the issuer with `writ serve`"
	case errors.Is(err, fs.ErrPermission):
		e.cause, e.hint = errors.New("permission denied"), "the issuer takes runs of its own user alone; server.socketAllow in its configuration names others"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errors.Unwrap(err)
	}
	return e
}

type unreachableError struct {
	path  string
	cause error
	hint  string
}

func (e *unreachableError) Error() string { return fmt.Sprintf("issuer at %s: %v", e.path, e.cause) }
func (e *unreachableError) Hint() string  { return e.hint }

// Unwrap makes the error a workload.ErrUnreachable.
func (e *unreachableError) Unwrap() []error { return []error{workload.ErrUnreachable, e.cause} }
