// The verifier go-oidc. Usage: go-oidc ISSUER AUDIENCE SUBJECT default|strict, tokens on standard input, one a line.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: go-oidc ISSUER AUDIENCE SUBJECT default|strict")
	}
	issuer, audience, wanted, mode := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		log.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: audience})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		subject, err := verify(verifier, lines.Text(), wanted, mode == "strict")
		if err != nil {
			fmt.Println("refused", strings.Join(strings.Fields(err.Error()), " "))
			continue
		}
		fmt.Println("accepted", subject)
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func verify(verifier *oidc.IDTokenVerifier, raw, wanted string, strict bool) (subject string, err error) {
	token, err := verifier.Verify(context.Background(), raw)
	if err != nil {
		return "", err
	}
	if strict {
		if err := checkHeader(raw); err != nil {
			return "", err
		}
		if token.Subject != wanted {
			return "", fmt.Errorf("subject %q", token.Subject)
		}
	}
	return token.Subject, nil
}

// checkHeader looks at what the library does not.
func checkHeader(raw string) error {
	text, _, _ := strings.Cut(raw, ".")
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	var header struct {
		Type string          `json:"typ"`
		Crit json.RawMessage `json:"crit"`
	}
	if err := json.Unmarshal(data, &header); err != nil {
		return err
	}
	if header.Type != "" && header.Type != "JWT" || header.Crit != nil {
		return errors.New("the header has another typ, or crit")
	}
	return nil
}
