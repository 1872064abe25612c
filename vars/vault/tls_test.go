package vault

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload/workloadtest"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/auth/cert/login" && len(r.TLS.PeerCertificates) == 1:
			fmt.Fprint(w, `{"auth":{"client_token":"hvs.for-the-certificate-of-the-job","lease_duration":3600}}`)
		case strings.HasPrefix(r.URL.Path, "/v1/sys/"):
			fmt.Fprint(w, `{"data":{"path":"concourse/"}}`)
		case r.URL.Path == "/v1/auth/token/revoke-self":
			w.WriteHeader(http.StatusNoContent)
		default:
			fmt.Fprintf(w, `{"data":{"value":%q}}`, r.TLS.ServerName)
		}
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	cert, key := certificate(t)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	config := func(more map[string]any) map[string]any {
		c := map[string]any{"url": server.URL, "auth_backend": "cert", "client_cert": cert, "client_key": key, "auth_retry_max": "0s"}
		for name, value := range more {
			c[name] = value
		}
		return c
	}
	for _, test := range []struct {
		name string
		more map[string]any
		want any // the value, or nil for an error
	}{
		{"its own authority and name", map[string]any{"ca_cert": ca, "server_name": "example.com"}, "example.com"},
		{"not verified", map[string]any{"insecure_skip_verify": true}, ""},
		{"an unknown authority", nil, nil},
		{"another name", map[string]any{"ca_cert": ca, "server_name": "vault.example.org"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := open(t, Kind{}, workloadtest.New(t), config(test.more))
			value, err := o.get(t, "x")
			if test.want != nil {
				if err != nil || value != test.want {
					t.Errorf("got %v, %v; want %v", value, err, test.want)
				}
				return
			}
			checkKind(t, err, new(*vars.UnreachableError))
			var unreachable *vars.UnreachableError
			if errors.As(err, &unreachable); !strings.Contains(unreachable.Hint(), "ca_cert") {
				t.Errorf("%v, hint %q", err, unreachable.Hint())
			}
		})
	}
}
