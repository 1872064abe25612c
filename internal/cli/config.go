package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/internal/config"
)

// configFlags are the flags that every verb has.
type configFlags struct {
	path  string
	sets  []string
	level string

	configured string // level that the configuration names
	noColor    bool   // so does the configuration
}

func (c *configFlags) register(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&c.path, "config", "", "configuration file (default: writ.jsonnet or writ.json, looked for upwards)")
	flags.StringArrayVarP(&c.sets, "set", "x", nil, "set a configuration key, KEY=VALUE (repeatable)")
	flags.StringVar(&c.level, "log-level", "", "debug, info, warn or error (default: info for serve and agent, else warn)")
}

// settings are the flags of verbs that stand for a configuration key.
func settings() []config.Flag {
	return []config.Flag{
		{Name: "listen", Key: "server.listen"}, {Name: "data", Key: "server.data"},
		{Name: "socket", Key: "server.socket"}, {Name: "issuer-url", Key: "issuer.url"},
		{Name: "tls-cert", Key: "server.tlsCert"}, {Name: "tls-key", Key: "server.tlsKey"},
	}
}

// dataFlag gives a verb the flag for the data directory.
func dataFlag(cmd *cobra.Command) {
	cmd.Flags().String("data", "", "data directory (default: ~/.local/share/writ)")
}

// loadConfig reads the configuration, with the flags of the verb over it. What the configuration says of printing counts
// from here on.
func (a *app) loadConfig(cmd *cobra.Command) (config.Config, error) {
	directory, err := os.Getwd()
	if err != nil {
		return config.Config{}, err
	}
	options := config.Options{Path: a.config.path, Dir: directory, Environ: a.environ, Sets: a.config.sets}
	for _, setting := range settings() {
		if flag := cmd.Flags().Lookup(setting.Name); flag != nil && flag.Changed {
			setting.Value = flag.Value.String()
			options.Flags = append(options.Flags, setting)
		}
	}
	loaded, err := config.Load(cmd.Context(), options)
	if err != nil {
		return config.Config{}, err
	}
	for _, warning := range loaded.Warnings() {
		fmt.Fprintf(a.stderr, "writ: warning: %s\n", safe(warning))
	}
	a.config.configured, a.config.noColor = loaded.CLI.LogLevel, loaded.CLI.NoColor
	return loaded, nil
}

// logger logs to standard error, from a level on that the configuration overrides, and --log-level both.
func (a *app) logger(from slog.Level) (*slog.Logger, error) {
	switch {
	case a.config.level != "":
		if err := from.UnmarshalText([]byte(a.config.level)); err != nil {
			return nil, hinted{fmt.Errorf("--log-level %q: not a level", a.config.level), "use debug, info, warn or error"}
		}
	case a.config.configured == "none":
		return slog.New(slog.DiscardHandler), nil
	case a.config.configured != "":
		if err := from.UnmarshalText([]byte(a.config.configured)); err != nil {
			return nil, fmt.Errorf("cli.logLevel: %w", err)
		}
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: from})), nil
}

func (a *app) configVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show each value of the configuration and where it came from",
		Long: `Show each value of the configuration and where it came from: default, writ.jsonnet with its line, a WRIT_ variable,
-x or a flag, each winning over the one before. A variable is named after its key: WRIT_ISSUER_URL is issuer.url. In the
name of a key _ is as good as a dot. Secrets are shown as (secret).`,
		Example: `  writ config
  writ config -x issuer.url=https://ci.example.com --json
  writ config -x sources_web_allowPush=true`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			values := loaded.Values()
			if asJSON {
				encoder := json.NewEncoder(a.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(values)
			}
			table := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "KEY\tVALUE\tFROM")
			for _, v := range values {
				text, err := json.Marshal(v.Value)
				if err != nil {
					return err
				}
				if plain, isText := v.Value.(string); isText && plain != "" {
					text = []byte(safe(plain))
				}
				fmt.Fprintf(table, "%s\t%s\t%s\n", safe(v.Key), text, v.Origin)
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
