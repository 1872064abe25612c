package cli

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/writ-run/writ/key"
)

// forge OUT KEY HEADER PAYLOAD writes a token: any header over any payload, which is a file. In it @NOW@, @PAST@ and @AHEAD@
// are Unix seconds, an hour apart. KEY is a file with a private key, or hmac:FILE, whose whole text is the secret.
func forge(ts *testscript.TestScript, negated bool, arguments []string) {
	if negated || len(arguments) != 4 {
		ts.Fatalf("usage: forge OUT KEY HEADER PAYLOAD")
	}
	now := time.Now().Unix()
	at := func(seconds int64) string { return strconv.FormatInt(seconds, 10) }
	payload := strings.NewReplacer("@NOW@", at(now), "@PAST@", at(now-3600), "@AHEAD@", at(now+3600)).Replace(ts.ReadFile(arguments[3]))
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(arguments[2])) + "." + encode([]byte(strings.TrimSuffix(payload, "\n")))
	var signature []byte
	if file, shared := strings.CutPrefix(arguments[1], "hmac:"); shared {
		mac := hmac.New(sha256.New, []byte(ts.ReadFile(file)))
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	} else {
		private, err := key.ParsePrivate([]byte(ts.ReadFile(arguments[1])))
		ts.Check(err)
		signature, err = private.Sign(context.Background(), []byte(input))
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(arguments[0]), []byte(input+"."+encode(signature)), 0o600))
}
