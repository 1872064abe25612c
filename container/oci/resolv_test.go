package oci

import "testing"

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
		if got := resolvConf([]byte(host), ""); got != want[0] {
			t.Errorf("%q, the host's network: %q; want %q", host, got, want[0])
		}
		if got := resolvConf([]byte(host), dnsForward); got != want[1] {
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
			r, err := reachIn([]string{url, url}, hermetic)
			if err != nil {
				t.Error(err)
			}
			got := ""
			for _, text := range r.listen {
				got += text
			}
			for _, text := range r.addresses[:min(1, len(r.addresses))] {
				got += " +" + text
			}
			for _, text := range r.hosts[:min(1, len(r.hosts))] {
				got += " " + text
			}
			expected := want.open
			if hermetic {
				expected = want.hermetic
			}
			if got != expected || len(r.listen) != len(r.targets) {
				t.Errorf("%s, hermetic %v: %q; want %q", url, hermetic, got, expected)
			}
		}
	}
	for _, bad := range []string{"x", "http://", "http://[2001:db8::1]:1"} {
		if _, err := reachIn([]string{bad}, true); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
