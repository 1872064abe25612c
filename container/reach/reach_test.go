package reach_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/writ-run/writ/container/reach"
	"github.com/writ-run/writ/test/program"
)

func TestResolvConf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string][2]string{
		"":                      {"", "nameserver 169.254.1.1\n"},
		"nameserver 127.0.0.53": {"nameserver 127.0.0.53\n", "nameserver 169.254.1.1\n"},
		"# mine\nnameserver 192.0.2.1\nnameserver ::1\nnameserver x\nsearch a b\noptions edns0\n": {
			"# mine\nnameserver 192.0.2.1\nnameserver ::1\nnameserver x\nsearch a b\noptions edns0\n",
			"nameserver 169.254.1.1\n# mine\nnameserver 192.0.2.1\nsearch a b\noptions edns0\n",
		},
	} {
		if got := reach.Resolv([]byte(host), ""); got != want[0] {
			t.Errorf("%q, the host's network: %q; want %q", host, got, want[0])
		}
		if got := reach.Resolv([]byte(host), "169.254.1.1"); got != want[1] {
			t.Errorf("%q, its own network: %q; want %q", host, got, want[1])
		}
	}
}

func TestReachIn(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]struct {
		hermetic, open string // listener, and what /etc/hosts says
	}{
		"http://127.0.0.1:8080":       {"127.0.0.1:8080", "127.0.0.1:8080"},
		"http://[::1]:8080/x":         {"[::1]:8080", "[::1]:8080"},
		"http://localhost:8080":       {"127.0.0.1:8080 127.0.0.1 localhost", "127.0.0.1:8080 127.0.0.1 localhost"},
		"https://issuer.example.com":  {"127.0.0.1:443 127.0.0.1 issuer.example.com", ""},
		"http://issuer.example.com/a": {"127.0.0.1:80 127.0.0.1 issuer.example.com", ""},
		"https://192.0.2.1:8443":      {"192.0.2.1:8443 +192.0.2.1", ""},
	} {
		for _, hermetic := range []bool{true, false} {
			r, err := reach.Of([]string{url, url}, hermetic)
			if err != nil {
				t.Error(err)
			}
			got := ""
			for _, text := range r.Listen {
				got += text
			}
			for _, text := range r.Addresses[:min(1, len(r.Addresses))] {
				got += " +" + text
			}
			for _, text := range r.Hosts[:min(1, len(r.Hosts))] {
				got += " " + text
			}
			expected := want.open
			if hermetic {
				expected = want.hermetic
			}
			if got != expected || len(r.Listen) != len(r.Targets) {
				t.Errorf("%s, hermetic %v: %q; want %q", url, hermetic, got, expected)
			}
		}
	}
	for _, bad := range []string{"x", "http://", "http://[2001:db8::1]:1"} {
		if _, err := reach.Of([]string{bad}, true); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestForward: bytes go both ways until both ends have said all, what has no target is closed, and stop ends what is open.
func TestForward(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	dial := func(l net.Listener) *net.TCPConn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c.(*net.TCPConn)
	}
	server, gone := listen(), program.Unused(t)
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				line, err := bufio.NewReader(c).ReadString('\n')
				if err == nil { // then it waits for the end
					_, _ = io.WriteString(c, "heard "+line)
					_, _ = io.Copy(io.Discard, c)
				}
				_, _ = io.WriteString(c, "end")
			}()
		}
	}()
	in, nowhere := listen(), listen()
	stop := reach.Forward([]net.Listener{in, nowhere}, []string{server.Addr().String(), gone})
	c := dial(in)
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if said, err := io.ReadAll(c); string(said) != "heard hello\nend" || err != nil {
		t.Errorf("%q, %v", said, err)
	}
	if said, err := io.ReadAll(dial(nowhere)); len(said) != 0 || err != nil {
		t.Errorf("from nowhere: %q, %v", said, err)
	}
	open := dial(in)
	if _, err := io.WriteString(open, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(open, make([]byte, len("heard hello\n"))); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := open.Read(make([]byte, 1)); err == nil {
		t.Error("a connection is open after the end")
	}
	if _, err := in.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a listener after the end: %v", err)
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	want := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.0.1 me\n127.0.0.1 issuer\n"
	if got := reach.Hosts("me", []string{"127.0.0.1 issuer"}); got != want {
		t.Errorf("%q; want %q", got, want)
	}
}
