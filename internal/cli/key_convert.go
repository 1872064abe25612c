package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key"
)

func (a *app) keyConvertVerb() *cobra.Command {
	var to, out string
	var private, force bool
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert a key between JWK, PEM, JWKS and Etcha's text form",
		Long: `Convert a key; FILE is a JWK, a PEM, a JWKS, lines of Etcha's text form (ed25519public:BASE64:KID), what
its generate-keys prints, or one of them encrypted with age (-: standard input).
A private key gives its public key, unless --private asks for the private one.
thumbprint prints the fingerprint (RFC 7638) by which a key is pinned.`,
		Example: `  writ key convert signing.jwk                   # the public key, as a JWK
  writ key convert signing.pem --to jwks         # a key set to publish
  writ key convert signing.pem --to text         # a key to verify orders with
  writ key convert --private --to pem --out signing.pem signing.jwk`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			data, err := a.readKeyFile(cmd, arguments[0])
			if err != nil {
				return err
			}
			text, err := convertKey(arguments[0], data, to, private)
			if err != nil {
				return err
			}
			if out != "" {
				return writeNew(out, text, force)
			}
			_, err = a.stdout.Write(text)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "jwk", "jwk, pem, jwks, text or thumbprint")
	flags.BoolVar(&private, "private", false, "convert the private key")
	flags.StringVar(&out, "out", "", "file, 0600 (default: standard output)")
	flags.BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

// convertKey reads a key in any form and writes it in another.
func convertKey(name string, data []byte, to string, private bool) ([]byte, error) {
	if key.IsHMAC(data) {
		return convertSecret(name, data, to, private)
	}
	secret, privateErr := key.ParsePrivate(data)
	if private {
		if privateErr != nil {
			return nil, fmt.Errorf("%s: %w", name, privateErr)
		}
		return privateText(secret, to)
	}
	if privateErr == nil {
		return publicText([]key.Public{secret.Public()}, to)
	}
	keys, err := key.ParseAll(data)
	if errors.Is(err, key.ErrPrivate) {
		err = privateErr // it is one, and broken
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(keys) != 1 && (to == "jwk" || to == "pem") {
		return nil, hinted{fmt.Errorf("%s holds %d keys; %s holds one", name, len(keys), to), "use --to jwks"}
	}
	return publicText(keys, to)
}

// convertSecret writes a shared secret anew: it has one form.
func convertSecret(name string, data []byte, to string, private bool) ([]byte, error) {
	secret, err := key.ParseHMAC(data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case !private:
		return nil, fmt.Errorf("%s: a shared secret (hmac) has no public key", name)
	case to != "text":
		return nil, hinted{fmt.Errorf("%s: a shared secret (hmac) cannot be written as %s", name, to), "use --to text"}
	}
	return secretText(secret)
}

func privateText(private key.Private, format string) ([]byte, error) {
	switch format {
	case "jwk":
		text, err := private.JWK()
		return append(text, '\n'), err
	case "pem":
		return private.PEM()
	case "text":
		text, err := private.Text()
		return []byte(text + "\n"), err
	}
	return nil, fmt.Errorf("format %q: a private key is written as jwk, pem or text", format)
}

func secretText(secret key.HMAC) ([]byte, error) {
	text, err := secret.Text()
	return []byte(text + "\n"), err
}

// publicText writes keys; jwk and pem hold one.
func publicText(keys []key.Public, format string) ([]byte, error) {
	switch format {
	case "jwk":
		return indentJSON(keys[0])
	case "jwks":
		set, err := key.NewSet(keys...)
		if err != nil {
			return nil, err
		}
		return indentJSON(set)
	case "pem":
		return keys[0].PEM()
	case "text":
		return eachLine(keys, key.Public.Text)
	case "thumbprint":
		return eachLine(keys, func(k key.Public) (string, error) { return k.Thumbprint(), nil })
	}
	return nil, fmt.Errorf("format %q: a public key is written as jwk, pem, jwks, text or thumbprint", format)
}

func eachLine(keys []key.Public, write func(key.Public) (string, error)) ([]byte, error) {
	var out strings.Builder
	for _, k := range keys {
		line, err := write(k)
		if err != nil {
			return nil, err
		}
		out.WriteString(line + "\n")
	}
	return []byte(out.String()), nil
}

func indentJSON(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	return append(text, '\n'), err
}
