package agent_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/test/program"
)

// TestThousandPushes at once, each over a connection of its own, are all answered.
func TestThousandPushes(t *testing.T) {
	t.Parallel()
	const all = 1000
	var running atomic.Int64
	together := make(chan struct{})
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		if running.Add(1) == all {
			close(together) // every one has come in before the first goes on
		}
		<-together
		return changed("a", ""), nil
	}}
	f := newFront(t, r)
	failed := make(chan string, all)
	var pushes sync.WaitGroup
	for range all {
		pushes.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			defer transport.CloseIdleConnections()
			answer, err := f.hurriedPush(transport, "")
			if err != nil {
				failed <- err.Error()
				return
			}
			defer answer.Body.Close()
			if text, err := io.ReadAll(answer.Body); answer.StatusCode != 200 || err != nil {
				failed <- fmt.Sprint(answer.Status, string(text), err)
			}
		})
	}
	pushes.Wait()
	close(failed)
	for problem := range failed {
		t.Error(problem)
	}
	if n := len(r.pushes()); n != all {
		t.Errorf("%d orders came", n)
	}
}

// TestClientGone: an order that runs does so to its end when its sender has gone, over either protocol and streamed or not;
// one that waits for its turn then does not run.
func TestClientGone(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		for _, accept := range []string{"application/json", "text/event-stream"} {
			t.Run(fmt.Sprint(http2, accept), func(t *testing.T) {
				t.Parallel()
				m := newMachine(t, pushed())
				m.run()
				f := newFront(t, m.agent)
				transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
				defer transport.CloseIdleConnections()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				push := func(command string) {
					request, err := http.NewRequestWithContext(ctx, "POST", f.url+"/etcha/v1/push/web", bytes.NewReader(m.sign(m.now(), command)))
					must(t, err)
					request.Header.Set("Accept", accept)
					go func() {
						answer, err := (&http.Client{Transport: transport}).Do(request)
						if err == nil { // streamed: it has begun
							_, err = io.Copy(io.Discard, answer.Body)
							answer.Body.Close()
						}
						ended <- err
					}()
				}
				push("{ id: 'a', always: true, change: 'echo begun >a; until [ -e go ]; do printf %0100000d 1; sleep 0.02; done; echo over >a' }")
				m.await("a", "begun")
				push("{ id: 'b', always: true, change: 'echo too late >b' }")
				awaitFor(t, "the second waits", func() bool { return m.status("web").Waiting == 1 })
				cancel()
				for range 2 {
					if err := <-ended; !errors.Is(err, context.Canceled) {
						t.Errorf("the client: %v", err)
					}
				}
				awaitFor(t, "the second no longer waits", func() bool { return m.status("web").Waiting == 0 })
				must(t, os.WriteFile(filepath.Join(m.dir, "go"), nil, 0o600))
				if s := m.settled("web"); s.LastRun.Status != "succeeded" {
					t.Fatalf("%+v", s.LastRun)
				}
				m.await("a", "over")
				awaitFor(t, "both are answered", func() bool { return strings.Count(f.log.String(), "request=push") == 2 })
				if _, err := os.Stat(filepath.Join(m.dir, "b")); !os.IsNotExist(err) {
					t.Errorf("the second ran: %v", err)
				}
			})
		}
	}
}

// TestSlowReader: a run does not wait for a client that does not read what it prints. What could not be sent is counted.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	f := newFront(t, &receiver{run: func(_ context.Context, p agent.Push) (agent.Outcome, error) {
		defer close(done)
		for range 192 {
			must(t, p.Sink.Append(journal.Entry{Kind: journal.Output, Text: strings.Repeat("x", 64<<10)}))
		}
		return changed("a", ""), nil
	}})
	connection := f.dial()
	must(t, connection.(*tls.Conn).NetConn().(*net.TCPConn).SetReadBuffer(512<<10)) // so that little is kept on the way
	fmt.Fprintf(connection, "POST /etcha/v1/push/web HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/event-stream\r\nContent-Length: 4\r\n\r\ngood")
	<-done
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(t, err)
	text, err := io.ReadAll(answer.Body)
	must(t, err)
	names, data := events(t, string(text))
	if result := decode(t, data[len(data)-1]); names[len(names)-1] != "result" || result.Status != 200 || result.Omitted == 0 || result.Omitted+len(names)-1 != 192 {
		t.Errorf("%d events, %+v", len(names), result)
	}
}

// hurriedPush pushes to a server of short bounds, again where the machine was too slow to send the request within them.
func (f *front) hurriedPush(transport *http.Transport, accept string) (*http.Response, error) {
	for tries := 1; ; tries++ {
		request, err := http.NewRequest("POST", f.url+"/etcha/v1/push/web", strings.NewReader("good"))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Accept", accept)
		answer, err := (&http.Client{Transport: transport}).Do(request)
		if err == nil || tries == f.tries {
			return answer, err
		}
		f.t.Log(err)
	}
}

// TestSignsOfLife: a silent run sends some, also before anything was printed, and outlasts the bounds of a request.
func TestSignsOfLife(t *testing.T) {
	t.Parallel()
	for _, connections := range []string{"http/1.1", "h2"} {
		beats := make(chan struct{})
		f := newHurriedFront(t, &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
			<-beats
			return agent.Outcome{Err: errors.New("failed")}, nil
		}}, time.Second, 100*time.Millisecond)
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: connections == "h2"}
		defer transport.CloseIdleConnections()
		answer, err := f.hurriedPush(transport, "text/event-stream")
		must(t, err)
		defer answer.Body.Close()
		read := bufio.NewReader(answer.Body)
		for range 25 { // until every bound of a request is over
			if line, err := read.ReadString('\n'); err != nil || !strings.HasPrefix(line, ":") {
				t.Fatalf("%q, %v", line, err)
			}
			_, err := read.ReadString('\n')
			must(t, err)
		}
		close(beats)
		rest, err := io.ReadAll(read)
		must(t, err)
		text := string(rest)
		if at := strings.Index(text, "event: result\ndata: "); at < 0 || decode(t, text[at+len("event: result\ndata: "):]).Status != 500 {
			t.Errorf("%s: %q", connections, text)
		}
	}
}

// TestLongRun: an answer that is not streamed may also take longer than a request.
func TestLongRun(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	r := &receiver{run: func(context.Context, agent.Push) (agent.Outcome, error) {
		<-over
		return changed("a", "b"), nil
	}}
	f := newHurriedFront(t, r, time.Second, time.Minute)
	var pushes sync.WaitGroup
	for _, http2 := range []bool{true, false} {
		pushes.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: http2}
			defer transport.CloseIdleConnections()
			answer, err := f.hurriedPush(transport, "")
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || !strings.Contains(string(text), `"changedIDs":["a"]`) {
				t.Errorf("%s %s, %v", answer.Status, text, err)
			}
		})
	}
	must(t, program.Eventually(t.Context(), func() error {
		if n := len(r.pushes()); n < 2 {
			return fmt.Errorf("%d pushes", n)
		}
		return nil
	}))
	for range 3 { // each is hung up on when a bound is over
		ended(t, f.dial())
	}
	close(over)
	pushes.Wait()
}
