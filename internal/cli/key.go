package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/atrest"
)

// maxKeyFile bounds what is read as a key: 1 MiB holds a key set of a thousand keys.
const maxKeyFile = 1 << 20

func (a *app) keyVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Make and convert keys; list, rotate and withdraw the issuer's own", Example: "  writ key generate --out signing.jwk"}
	cmd.AddCommand(a.keyGenerateVerb(), a.keyConvertVerb(), a.keyListVerb(), a.keyRotateVerb(), a.keyWithdrawVerb())
	return cmd
}

func (a *app) keyGenerateVerb() *cobra.Command {
	var algorithm, id, out, public, format string
	var sealed, force bool
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Generate a private key",
		Long: `Generate a private key, RS256 with 2048 bits unless --algorithm says otherwise. With --out it goes to
a file that only you can read, and the public key is printed; without, the private key itself is printed.
With --seal the file is encrypted with age to the identity file of the configuration (issuer.identityFile).`,
		Example: `  writ key generate --out signing.jwk
  writ key generate --algorithm EdDSA --format pem --out signing.pem --public signing.pub.pem
  writ key generate --seal --out signing.jwk.age`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			alg, err := key.ParseAlgorithm(algorithm)
			if err != nil {
				return hinted{fmt.Errorf("--algorithm: %w", err), ""}
			}
			if sealed && out == "" {
				return usage(cmd, "--seal needs --out: an encrypted key is for a file")
			}
			private, err := key.Generate(alg, id)
			if err != nil {
				return err
			}
			text, err := privateText(private, format)
			if err != nil {
				return usage(cmd, "%v", err)
			}
			publicText, err := publicText(private.Public(), format)
			if err != nil {
				return err
			}
			if out == "" {
				_, err := a.stdout.Write(text)
				return err
			}
			if sealed {
				if text, err = a.seal(cmd, text); err != nil {
					return err
				}
			}
			if err := writeNew(out, text, force); err != nil {
				return err
			}
			if public != "" {
				return writeNew(public, publicText, force)
			}
			_, err = a.stdout.Write(publicText)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&algorithm, "algorithm", "RS256", "RS256, ES256 or EdDSA")
	flags.StringVar(&id, "kid", "", "key id (default: the RFC 7638 thumbprint)")
	flags.StringVar(&format, "format", "jwk", "jwk or pem")
	flags.StringVar(&out, "out", "", "file for the private key, 0600")
	flags.StringVar(&public, "public", "", "file for the public key (default: standard output)")
	flags.BoolVar(&sealed, "seal", false, "encrypt the private key file with age")
	flags.BoolVar(&force, "force", false, "replace existing files")
	return cmd
}

func (a *app) keyConvertVerb() *cobra.Command {
	var to, out string
	var private, force bool
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert a key between JWK, PEM and JWKS",
		Long: `Convert a key; FILE is a JWK, a PEM, a JWKS, or one of them encrypted with age (-: standard input).
A private key gives its public key, unless --private asks for the private one.`,
		Example: `  writ key convert signing.jwk                   # the public key, as a JWK
  writ key convert signing.pem --to jwks         # a key set to publish
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
	flags.StringVar(&to, "to", "jwk", "jwk, pem or jwks")
	flags.BoolVar(&private, "private", false, "convert the private key")
	flags.StringVar(&out, "out", "", "file, 0600 (default: standard output)")
	flags.BoolVar(&force, "force", false, "replace an existing file")
	return cmd
}

// convertKey reads a key in any form and writes it in another.
func convertKey(name string, data []byte, to string, private bool) ([]byte, error) {
	secret, privateErr := key.ParsePrivate(data)
	if private {
		if privateErr != nil {
			return nil, fmt.Errorf("%s: %w", name, privateErr)
		}
		return privateText(secret, to)
	}
	if privateErr == nil {
		return publicText(secret.Public(), to)
	}
	set, err := key.ParseSet(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	keys := set.Keys()
	if len(keys) != 1 && to != "jwks" {
		return nil, hinted{fmt.Errorf("%s holds %d keys; %s holds one", name, len(keys), to), "use --to jwks"}
	}
	if to == "jwks" {
		return indentJSON(set)
	}
	return publicText(keys[0], to)
}

func privateText(private key.Private, format string) ([]byte, error) {
	switch format {
	case "jwk":
		text, err := private.JWK()
		return append(text, '\n'), err
	case "pem":
		return private.PEM()
	}
	return nil, fmt.Errorf("format %q: a private key is written as jwk or pem", format)
}

func publicText(public key.Public, format string) ([]byte, error) {
	switch format {
	case "jwk":
		return indentJSON(public)
	case "jwks":
		set, err := key.NewSet(public)
		if err != nil {
			return nil, err
		}
		return indentJSON(set)
	case "pem":
		return public.PEM()
	}
	return nil, fmt.Errorf("format %q: a public key is written as jwk, pem or jwks", format)
}

func indentJSON(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	return append(text, '\n'), err
}

// readKeyFile reads a key file, or standard input for "-", and opens it where it is encrypted.
func (a *app) readKeyFile(cmd *cobra.Command, name string) ([]byte, error) {
	data, err := a.readFile(name, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if !atrest.Sealed(data) {
		return data, nil
	}
	sealer, err := a.sealer(cmd)
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plain, nil
}

func (a *app) sealer(cmd *cobra.Command) (*atrest.Sealer, error) {
	config, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	return atrest.OpenSealer(config.Issuer.IdentityFile)
}

func (a *app) seal(cmd *cobra.Command, plain []byte) ([]byte, error) {
	sealer, err := a.sealer(cmd)
	if err != nil {
		return nil, err
	}
	return sealer.Seal(plain)
}

// readFile reads a bounded file, or standard input for "-".
func (a *app) readFile(name string, limit int64) ([]byte, error) {
	reader := a.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		reader = file
	}
	data, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, nil
}

// writeNew writes a private file; an existing one is replaced only with force, since it may be the only copy of a key.
func writeNew(path string, data []byte, force bool) error {
	if !force {
		_, err := os.Lstat(path)
		if err == nil {
			return hinted{fmt.Errorf("%s exists already", path), "use --force to replace it"}
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return atrest.WriteFile(path, data)
}
