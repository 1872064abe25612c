package cli

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/internal/server"
)

func (a *app) serveVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Be a standing issuer: register runs, mint their tokens, publish the keys",
		Long: `Serve the issuer: discovery, key set and introspection over HTTP, and a Unix socket over which
writ run --server registers its runs. Prints its URL when it is ready, and runs until it is interrupted.
Keys and ids are kept in the data directory; private keys are encrypted to the identity file.`,
		Example: `  writ serve
  writ serve --listen 127.0.0.1:8443 --issuer-url https://ci.example.com --data /var/lib/writ
  writ serve --listen 0.0.0.0:443 --issuer-url https://ci.example.com --tls-cert tls.pem --tls-key tls.key`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			interrupts := a.interrupts()
			config, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			log, err := a.logger(slog.LevelInfo)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			go func() {
				select {
				case <-interrupts:
					cancel()
				case <-ctx.Done():
				}
			}()
			return server.Serve(ctx, config, log, func(ready server.Ready) {
				fmt.Fprintln(a.stdout, ready.IssuerURL)
				fmt.Fprintf(a.stderr, "writ: ready: HTTP on %s, runs register at unix://%s\n", ready.Address, ready.Socket)
			})
		},
	}
	flags := cmd.Flags()
	flags.String("listen", "", "HTTP address (default 127.0.0.1:8080; port 0: any free one)")
	flags.String("issuer-url", "", "the issuer's URL in every token (default: the HTTP address, with http:// or with a certificate https://)")
	flags.String("tls-cert", "", "serve https with this certificate and its chain (PEM), read anew when the file changes")
	flags.String("tls-key", "", "private key of --tls-cert (PEM)")
	flags.String("socket", "", "Unix socket at which runs register (default: writ.sock in the data directory)")
	dataFlag(cmd)
	return cmd
}

func (a *app) issuerVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "issuer", Short: "Publish what relying parties read", Example: "  writ issuer export public/ --issuer-url https://ci.example.com"}
	var forget bool
	export := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the discovery document and the key set as static files",
		Long: `Write .well-known/openid-configuration and .well-known/jwks.json below DIR, for an issuer behind a firewall:
any web server can publish them at the issuer's URL. From the first export on, a new key signs only some time after it was
exported (docs/rotation.md): export and publish at least once in every issuer.rotation.period. --forget ends that.`,
		Example: "  writ issuer export public/ --data /var/lib/writ --issuer-url https://ci.example.com",
		Args:    atMost("DIR"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if forget != (len(arguments) == 0) {
				return usage(cmd, "%s takes DIR, or --forget", cmd.CommandPath())
			}
			config, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			if forget {
				return server.ForgetExports(cmd.Context(), config)
			}
			files, err := server.Export(cmd.Context(), config, arguments[0])
			for _, file := range files {
				fmt.Fprintln(a.stdout, file)
			}
			return err
		},
	}
	export.Flags().String("issuer-url", "", "the issuer's URL (default: the configuration's)")
	export.Flags().BoolVar(&forget, "forget", false, "nobody reads exported files any more: keys no longer wait for them")
	dataFlag(export)
	cmd.AddCommand(export)
	return cmd
}
