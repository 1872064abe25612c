package address_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/internal/address"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]address.Options{
		"":                             {},
		"#":                            {},
		"#\n":                          {},
		"#A:b\r\nc : d:e \n\n\r\n A:f": {Header: http.Header{"A": {"b", "f"}, "C": {"d:e"}}},
		"#a:":                          {Header: http.Header{"A": {""}}},
		"#a:b#c":                       {Header: http.Header{"A": {"b#c"}}},
		"#skipVerify":                  {SkipVerify: true},
		"#clientSkipVerify:\nx:y":      {SkipVerify: true, Header: http.Header{"X": {"y"}}},
		"#CLIENTSKIPVERIFY: true":      {SkipVerify: true},
		"#skipVerify: false":           {},
		"#clientTimeout: 90":           {Timeout: 90 * time.Second},
		"#clienttimeout:3600":          {Timeout: time.Hour},
	} {
		if want.Header == nil {
			want.Header = http.Header{}
		}
		plain, got, err := address.Split("https://h/p?q=1"+text, time.Hour)
		if plain != "https://h/p?q=1" || err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %+v, %v; want %+v", text, plain, got, err, want)
		}
	}
}

// TestSplitRefused: each is named by its place, and nothing of it is shown.
func TestSplitRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"s3cret":                "header 1 after # is not NAME:VALUE",
		"a:b\r\n\r\ns3cret":     "header 2 after # is not NAME:VALUE",
		":s3cret":               "header 1 after # is not NAME:VALUE",
		"s3 cret:b":             "header 1 after # is not NAME:VALUE",
		"s3cret\u00e4:b":        "header 1 after # is not NAME:VALUE",
		"a:s3\rcret:c":          "header 1 after # is not NAME:VALUE",
		"a:s3\x00cret":          "header 1 after # is not NAME:VALUE",
		"a:s3\x7fcret":          "header 1 after # is not NAME:VALUE",
		"skipVerify:s3cret":     "skipVerify after # is neither alone, nor true or false",
		"clientTimeout":         "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"clientTimeout:s3cret":  "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"clientTimeout:0":       "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"clientTimeout:-1":      "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"clientTimeout:3601":    "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"clientTimeout:1e3":     "clientTimeout after # is no whole number of seconds from 1 to 3600",
		"a:b\nclientTimeout:1s": "clientTimeout after # is no whole number of seconds from 1 to 3600",
	} {
		plain, got, err := address.Split("https://h/p#"+text, time.Hour)
		if err == nil || err.Error() != want || plain != "" || !reflect.DeepEqual(got, address.Options{}) {
			t.Errorf("%q: %q, %+v, %v; want %s", text, plain, got, err, want)
		}
	}
}

// FuzzSplit: what is accepted can be sent, and written again means the same.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"https://h/p", "h#A:b\r\nc : d:e\n", "h#skipVerify\nclientTimeout:90", "h#skipVerify:0", "h#a:\x01", "#:", "h#a:b#c", "h#a:\u0085"} {
		f.Add(seed)
	}
	nobody := errors.New("nobody there")
	sender := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, nobody }}
	f.Fuzz(func(t *testing.T, text string) {
		plain, got, err := address.Split(text, time.Hour)
		if err != nil {
			return
		}
		again := plain + "#"
		for name, values := range got.Header {
			for _, value := range values {
				again += name + ":" + value + "\r\n"
			}
		}
		if got.SkipVerify {
			again += "skipVerify\r\n"
		}
		if got.Timeout != 0 {
			again += fmt.Sprintf("clientTimeout:%d\r\n", got.Timeout/time.Second)
		}
		if to, same, err := address.Split(again, time.Hour); to != plain || err != nil || !reflect.DeepEqual(same, got) {
			t.Errorf("%q: %q, %+v, %v; want %q, %+v", again, to, same, err, plain, got)
		}
		request := httptest.NewRequest(http.MethodGet, "http://h/", nil)
		if err := address.Set(request, got.Header); err != nil || len(request.Header) != len(got.Header) {
			t.Errorf("%+v: %v, %v", got, request.Header, err)
		}
		if _, err := sender.RoundTrip(request); !errors.Is(err, nobody) { // it looks at headers before it dials
			t.Errorf("%+v: %v", got, err)
		}
	})
}

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"http://h", "HTTPS://h:1/p?q", "https://u:pw@[::1]/"} {
		if _, err := address.ParseURL(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "h/s3cret", "/s3cret", "http:s3cret", "http://", "https:///s3cret", "ftp://s3cret/", "file:///s3cret", "https://u:s3cret@\x01/", "http://s3cret:x/", "http://[s3cret"} {
		if u, err := address.ParseURL(bad); err == nil || err.Error() != "is not an http or https URL with a host" || u != nil {
			t.Errorf("%s: %v, %v", bad, u, err)
		}
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for plain, want := range map[string]string{
		"https://h/p?q":      "https://h/p?q",
		"https://u:pw@h/p":   "https://u:xxxxx@h/p",
		"https://u:pw@\x01/": "(a URL that cannot be read)",
	} {
		if got := address.Shown(plain); got != want {
			t.Errorf("%q: %s; want %s", plain, got, want)
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	request := httptest.NewRequest(http.MethodGet, "http://h/", nil)
	request.Header.Set("Accept", "ours")
	header := http.Header{"accept": {"theirs", "others"}, "Host": {"elsewhere"}}
	if err := address.Set(request, header); err != nil || request.Host != "elsewhere" || !reflect.DeepEqual(request.Header["Accept"], []string{"theirs", "others"}) {
		t.Errorf("%s, %v, %v", request.Host, request.Header, err)
	}
	for _, bad := range []http.Header{{"A b": {"s3cret"}}, {"A": {"b", "s3cret\n"}}, {"": {""}}} {
		if err := address.Set(request, bad); err == nil || err.Error() != "a header is not valid" {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// TestFollow: which redirects are followed, and with what.
func TestFollow(t *testing.T) {
	t.Parallel()
	const kept, taken = "kept", "taken"
	for way, want := range map[string]string{
		"http://h/a http://h/b":                        kept,
		"http://h/a http://H/b":                        kept,
		"http://h/a https://h/b":                       kept,
		"https://h:1/a https://h:1/b":                  kept,
		"http://h/a http://g/b http://h/c":             kept,
		"http://h/a http://g/b":                        taken,
		"http://h/a http://h:81/b":                     taken,
		"http://h:80/a https://h:443/b":                taken, // two servers, for all that is known
		"https://h/a https://h:444/b":                  taken,
		"https://h/a https://h.example/b":              taken,
		"http://h/a https://g/b":                       taken,
		"https://h/a http://h/b":                       "a redirect leads from https to http",
		"http://h/a https://h/b http://h/c":            "a redirect leads from https to http",
		"https://h/a https://g/b http://g/":            "a redirect leads from https to http",
		"http://h/a file:///etc/passwd":                "a redirect leads to what is no http or https URL",
		"https://h/a file://g/etc/passwd":              "a redirect leads to what is no http or https URL",
		"http://h/a ftp://h/b":                         "a redirect leads to what is no http or https URL",
		"http://h/a http:///b":                         "a redirect leads to what is no http or https URL",
		"http://h/" + strings.Repeat(" http://h/", 10): kept,
		"http://h/" + strings.Repeat(" http://h/", 11): "more than 10 redirects",
	} {
		var asked []*http.Request
		for text := range strings.FieldsSeq(way) {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			asked = append(asked, &http.Request{URL: u})
		}
		next, before := asked[len(asked)-1], asked[:len(asked)-1]
		next.Host = "s3cret" // net/http keeps that of a request where a redirect leads to //g/b
		next.Header = http.Header{"X-Token": {"s3cret"}, "Referer": {"s3cret"}, "Authorization": {"s3cret"}, "Accept": {"any"}}
		got := kept
		switch err := address.Follow(http.Header{"x-token": {"s3cret"}})(next, before); {
		case err != nil:
			got = err.Error()
		case next.Header.Get("Referer") != "" || next.Header.Get("Accept") != "any":
			got = fmt.Sprint(next.Header)
		case next.Header.Get("X-Token") == "" && next.Header.Get("Authorization") == "" && next.Host == "":
			got = taken
		case next.Header.Get("X-Token") == "" || next.Header.Get("Authorization") == "" || next.Host == "":
			got = fmt.Sprint(next.Host, next.Header)
		}
		if got != want {
			t.Errorf("%s: %s; want %s", way, got, want)
		}
	}
}

// TestReason: an error of the standard library's says what went wrong without its URL and without the server's words.
func TestReason(t *testing.T) {
	t.Parallel()
	late := http.DefaultTransport.(*http.Transport).Clone()
	late.TLSHandshakeTimeout = time.Nanosecond
	for _, c := range []struct {
		answer string // "": none
		scheme string // "": http
		client *http.Client
		ended  error
		want   string
	}{
		{answer: "s3cret\r\n\r\n", want: "what the server answers is not understood"},
		{answer: "HTTP/1.1 302 Found\r\nLocation: ://s3cret %zz\r\n\r\n", want: "what the server answers is not understood"},
		{answer: "HTTP/1.1 302 Found\r\nLocation: file:///s3cret\r\nContent-Length: 0\r\n\r\n", want: "a redirect leads to what is no http or https URL"},
		{answer: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ns3cret", want: "the server closed the connection before its answer was whole"},
		{scheme: "https", client: &http.Client{Transport: late}, want: "the server does not answer in time"},
		{ended: context.Canceled, want: "context canceled"},
		{ended: context.DeadlineExceeded, want: "context deadline exceeded"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			defer connection.Close()
			_, _ = connection.Read(make([]byte, 4096))
			if c.answer == "" {
				<-done
			}
			_, _ = io.WriteString(connection, c.answer)
		}()
		ctx := t.Context()
		if c.ended != nil {
			var cancel context.CancelFunc
			if ctx, cancel = context.WithCancel(ctx); c.ended == context.DeadlineExceeded {
				ctx, cancel = context.WithTimeout(ctx, 0)
			}
			cancel()
		}
		client := http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
		if c.client != nil {
			client = *c.client
		}
		client.CheckRedirect = address.Follow(nil)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, cmp.Or(c.scheme, "http")+"://"+listener.Addr().String()+"/?q=s3cret", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			response.Body.Close()
		}
		if err = address.Reason(err); err.Error() != c.want || c.ended != nil && !errors.Is(err, c.ended) {
			t.Errorf("%q: %v; want %s", c.answer, err, c.want)
		}
		close(done)
		listener.Close()
	}
	if _, err := http.Get("http://127.0.0.1:0/?q=s3cret"); !strings.Contains(address.Reason(err).Error(), "127.0.0.1:0") || strings.Contains(address.Reason(err).Error(), "s3cret") {
		t.Errorf("nobody there: %v", address.Reason(err))
	}
	broken := &url.Error{URL: "https://h/?q=s3cret", Err: &tls.CertificateVerificationError{Err: errors.New("of nobody's")}}
	if got := address.Reason(broken).Error(); !strings.Contains(got, "of nobody's") || strings.Contains(got, "s3cret") {
		t.Errorf("a certificate: %s", got)
	}
}
