package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key"
)

type generateFlags struct {
	algorithm, id, out, public, format string
	sealed, force                      bool
}

func (a *app) keyGenerateVerb() *cobra.Command {
	var f generateFlags
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Generate a private key",
		Long: `Generate a private key, RS256 with 2048 bits unless --algorithm says otherwise. With --out it goes to
a file that only you can read, and the public key is printed; without, the private key itself is printed.
With --seal the file is encrypted with age to the identity file of the configuration (issuer.identityFile).
HS256 is a secret that those who sign and those who verify orders share; it has no public half.`,
		Example: `  writ key generate --out signing.jwk
  writ key generate --algorithm EdDSA --format pem --out signing.pem --public signing.pub.pem
  writ key generate --algorithm EdDSA --format text        # as Etcha has it
  writ key generate --seal --out signing.jwk.age`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.sealed && f.out == "" {
				return usage(cmd, "--seal needs --out: an encrypted key is for a file")
			}
			if f.algorithm == string(key.HS256) {
				return a.generateSecret(cmd, f)
			}
			return a.generateKey(cmd, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.algorithm, "algorithm", "RS256", "RS256, ES256, EdDSA, or HS256")
	flags.StringVar(&f.id, "kid", "", "key id (default: the RFC 7638 thumbprint; of HS256 none)")
	flags.StringVar(&f.format, "format", "jwk", "jwk, pem or text (HS256: text)")
	flags.StringVar(&f.out, "out", "", "file for the private key, 0600")
	flags.StringVar(&f.public, "public", "", "file for the public key (default: standard output)")
	flags.BoolVar(&f.sealed, "seal", false, "encrypt the private key file with age")
	flags.BoolVar(&f.force, "force", false, "replace existing files")
	return cmd
}

func (a *app) generateKey(cmd *cobra.Command, f generateFlags) error {
	algorithm, err := key.ParseAlgorithm(f.algorithm)
	if err != nil {
		return fmt.Errorf("--algorithm: %w, HS256", err)
	}
	private, err := key.Generate(algorithm, f.id)
	if err != nil {
		return err
	}
	text, err := privateText(private, f.format)
	if err != nil {
		return usage(cmd, "%v", err)
	}
	public, err := publicText([]key.Public{private.Public()}, f.format)
	if err != nil {
		return err
	}
	if f.out == "" {
		_, err := a.stdout.Write(text)
		return err
	}
	if err := a.writeKey(cmd, f, text); err != nil {
		return err
	}
	if f.public != "" {
		return writeNew(f.public, public, f.force)
	}
	_, err = a.stdout.Write(public)
	return err
}

// generateSecret makes a shared secret, and says what that means.
func (a *app) generateSecret(cmd *cobra.Command, f generateFlags) error {
	if cmd.Flags().Changed("format") && f.format != "text" {
		return usage(cmd, "--format %s: HS256 is written as text", f.format)
	}
	if f.public != "" {
		return usage(cmd, "--public: HS256 is a shared secret, which has no public half")
	}
	secret, err := key.GenerateHMAC(f.id)
	if err != nil {
		return err
	}
	text, err := secretText(secret)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "writ: warning: %s\n", secret.Warning())
	if f.out == "" {
		_, err := a.stdout.Write(text)
		return err
	}
	return a.writeKey(cmd, f, text)
}

// writeKey writes a private key to its file.
func (a *app) writeKey(cmd *cobra.Command, f generateFlags, text []byte) error {
	if f.sealed {
		var err error
		if text, err = a.seal(cmd, text); err != nil {
			return err
		}
	}
	return writeNew(f.out, text, f.force)
}
