package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/issuer"
	"github.com/writ-run/writ/key"
)

func (a *app) keyListVerb() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the issuer's own keys",
		Long: `List the issuer's own keys: next ones are published and do not sign yet, active ones sign, retired ones are
published until the last token that they signed has expired. THEN is what a key becomes, and when.`,
		Example: "  writ key list --data /var/lib/writ",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			keys, err := server.Keys(cmd.Context(), config)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(keys)
			}
			if len(keys) == 0 {
				_, err := fmt.Fprintf(a.stderr, "writ: no keys in %s yet: `writ serve` makes them at its first start\n", config.Server.Data)
				return err
			}
			table := newTable(a.stdout)
			fmt.Fprintln(table, "KID\tALGORITHM\tSTATE\tCREATED\tTHEN")
			for _, k := range keys {
				then := "-"
				if k.Then != "" {
					then = string(k.Then) + " " + moment(k.At)
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", k.ID, k.Algorithm, k.State, moment(k.Created), then)
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	dataFlag(cmd)
	return cmd
}

func (a *app) keyRotateVerb() *cobra.Command {
	var names []string
	var now, dryRun, asJSON bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Have another of the issuer's keys sign",
		Long: `Rotate the issuer's keys before their period is over. The next key is published now, signs as soon as every
relying party can have it (the key set's max-age and issuer.rotation.cache), and the one before it is published until its
last token has expired. A server that has the data directory follows by itself. Without a server, run it again then.

With --now the next key signs at once: relying parties that have cached the key set may refuse its tokens until they look
again. For a key that somebody else may have, see ` + "`writ key withdraw`" + `.`,
		Example: `  writ key rotate --dry-run      # what would happen, and when
  writ key rotate --data /var/lib/writ
  writ key rotate --algorithm RS256 --now`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var algorithms []key.Algorithm
			for _, name := range names {
				algorithm, err := key.ParseAlgorithm(name)
				if err != nil {
					return fmt.Errorf("--algorithm: %w", err)
				}
				if !slices.Contains(algorithms, algorithm) {
					algorithms = append(algorithms, algorithm)
				}
			}
			config, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			rotated, err := server.Rotate(cmd.Context(), config, algorithms, now, dryRun)
			if err != nil {
				return err
			}
			if rotated.Static && !dryRun {
				fmt.Fprintln(a.stderr, "writ: hint: relying parties may read exported files: run `writ issuer export` and publish them now")
			}
			return a.printMoves(rotated.Moves, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&names, "algorithm", nil, "RS256, ES256 or EdDSA (repeatable; default: all)")
	flags.BoolVar(&now, "now", false, "sign with the next key at once, before relying parties can know it")
	flags.BoolVar(&dryRun, "dry-run", false, "print what would happen, and do nothing")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	dataFlag(cmd)
	return cmd
}

func (a *app) keyWithdrawVerb() *cobra.Command {
	var yes, asJSON bool
	cmd := &cobra.Command{
		Use:   "withdraw KID",
		Short: "Take a key away at once, in an emergency",
		Long: `Withdraw one of the issuer's keys, since somebody else may have it. It is no longer published, every token that it
signed is inactive, it is destroyed, and another key signs at once. A server that has the data directory follows within a
second, and running tasks find a new token in their file. What cannot be taken back: a relying party that has cached the
key set takes tokens of the old key, and refuses those of the new one, until it looks again.`,
		Example: `  writ key list
  writ key withdraw --yes Lq0Yv3WzJm4k2N8sC6uB1tD5xR7pA9eH0fGjQwZnVbM`,
		Args: exactly("KID"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if !yes {
				return hinted{
					fmt.Errorf("to withdraw %s makes every token that it signed invalid, and cannot be undone", safe(arguments[0])),
					"add --yes to do it; `writ key rotate` replaces a key without harm",
				}
			}
			config, err := a.loadConfig(cmd)
			if err != nil {
				return err
			}
			rotated, err := server.Withdraw(cmd.Context(), config, arguments[0])
			if errors.Is(err, issuer.ErrUnknownKey) {
				return hinted{err, "`writ key list` lists the keys"}
			}
			if err != nil {
				return err
			}
			if rotated.Static {
				fmt.Fprintln(a.stderr, "writ: hint: relying parties may read exported files: run `writ issuer export` and publish them now")
			}
			return a.printMoves(rotated.Moves, asJSON)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "yes, withdraw it")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	dataFlag(cmd)
	return cmd
}

// printMoves prints what happened to keys, and what will.
func (a *app) printMoves(moves []issuer.Move, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(a.stdout).Encode(moves)
	}
	table := newTable(a.stdout)
	fmt.Fprintln(table, "WHEN\tKID\tALGORITHM\tBECOMES")
	for _, m := range moves {
		id := m.ID
		if id == "" {
			id = "(a new key)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", moment(m.At), id, m.Algorithm, m.State)
	}
	return table.Flush()
}

func newTable(to io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(to, 0, 4, 2, ' ', 0) }

// moment writes a time of a key's calendar.
func moment(t time.Time) string {
	if t.IsZero() {
		return "once exported"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}
