package trust_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/apachetest"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

// TestApache gives a real httpd with mod_auth_openidc the printed configuration; it then says of thirty tokens what the
// model says.
func TestApache(t *testing.T) {
	t.Parallel()
	issuer := issuertest.StartTLS(t)
	k := issuerKey(t, issuer, key.RS256)
	for i, wish := range []trust.Wish{
		{Run: workload.Subject{Team: "main", Pipeline: "web"}},
		{Subject: "main/web", Rule: `not privileged && teamid == 1`},
		{Rule: `team matches "x?main" && (job == "release" || job startsWith "some") && runtime in ["oci", "vm"]`},
		{Rule: `team startsWith "main" && sub endsWith "web" && job matches "some.*|rel[.]x|a\\$.*"`},
		{Rule: `(team == "xmain" || team == "main" && privileged == false) && attempt in [1, 2]`},
		{Run: workload.Subject{Team: `m'a"i\n: ~$x $1 ${HOME} 100% %{y}\\`, Pipeline: "日本 web"}, Rule: `pipeline endsWith " web"`},
	} {
		wish.Issuer, wish.CA, wish.Audience, wish.Location = issuer.URL, string(issuer.Authority.PEM), "https://www.example.com", "/protected"
		plan, err := party(t, "apache").Plan(wish)
		if err != nil {
			t.Fatal(err)
		}
		etc := t.TempDir()
		if err := os.Mkdir(filepath.Join(etc, "conf-available"), 0o755); err != nil {
			t.Fatal(err)
		}
		runCommands(t, plan.Commands, "APACHE_CONFDIR="+etc)
		configuration, err := os.ReadFile(filepath.Join(etc, "conf-available", "writ-protected.conf"))
		if err != nil {
			t.Fatal(err)
		}
		// The test's httpd has another ServerRoot.
		apache := apachetest.Start(t, strings.ReplaceAll(string(configuration), " writ-ca.pem", " "+issuer.Authority.File))
		admitted, refused := agree(t, plan, k, wish, func(raw string) (bool, string) {
			status, answer := apache.Get(t, "/protected/hello.txt", raw)
			return status == 200 && answer == "hello", fmt.Sprint(status)
		})
		if admitted == 0 || refused == 0 {
			t.Errorf("wish %d: %d admitted, %d refused", i, admitted, refused)
		}
	}
}
