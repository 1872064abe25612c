package cli

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/internal/server"
	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/workload"
)

// googleSubject is how many bytes of sub Google's workload identity federation takes.
const googleSubject = 127

type mintFlags struct {
	team, pipeline, job, task string
	instanceVars              []string
	audiences                 []string
	life, scope, algorithm    string
	server                    string
	hold, asJSON              bool
}

func (a *app) tokenMintVerb() *cobra.Command {
	var f mintFlags
	cmd := &cobra.Command{
		Use:   "mint",
		Short: "Mint an identity token by hand",
		Long: `Mint a token for a run that this command registers, with the issuer of the data directory or, with --server,
a running one. The run ends when the command does, and the issuer then calls its token inactive at /introspect
(its signature holds until it expires); with --server, --hold keeps the run open until the command is interrupted.`,
		Example: `  writ token mint --team infra --pipeline deploy --job release --audience https://vault.example.com
  writ token mint --server unix:///run/writ.sock --team infra --expires-in 10m --hold`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.mint(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.team, "team", "main", "team")
	flags.StringVar(&f.pipeline, "pipeline", "", "pipeline")
	flags.StringVar(&f.job, "job", "", "job")
	flags.StringVar(&f.task, "task", "", "task")
	flags.StringArrayVar(&f.instanceVars, "instance-var", nil, "instance var of the pipeline, NAME=VALUE (repeatable)")
	flags.StringArrayVar(&f.audiences, "audience", nil, "who may accept the token (repeatable; default: the issuer's URL)")
	flags.StringVar(&f.life, "expires-in", "", `life, "10m"; at most 24h (default: the issuer's, 1h)`)
	flags.StringVar(&f.scope, "subject-scope", "", "team, pipeline, instance, job or task (default: pipeline, or team without one)")
	flags.StringVar(&f.algorithm, "algorithm", "", "RS256, ES256 or EdDSA (default: the issuer's)")
	flags.StringVar(&f.server, "server", "", "a running issuer, unix:///path")
	flags.BoolVar(&f.hold, "hold", false, "keep the run open until interrupted (with --server)")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON with the token and its claims")
	dataFlag(cmd)
	return cmd
}

func (a *app) mint(cmd *cobra.Command, f mintFlags) error {
	request, subject, err := f.parse(cmd)
	if err != nil {
		return err
	}
	if f.hold && f.server == "" {
		return usage(cmd, "--hold needs --server: without one nobody answers for the run while it is open")
	}
	var ended <-chan os.Signal
	if f.hold {
		ended = a.interrupts()
	}
	minter, stop, err := a.minter(cmd, f.server)
	if err != nil {
		return err
	}
	defer stop()
	ctx := cmd.Context()
	session, err := workload.Open(ctx, minter, subject, workload.Limits{})
	if err != nil {
		return err
	}
	defer session.Close(ctx)
	minting := session
	if f.task != "" {
		if minting, err = session.Task(ctx, workload.Task{Name: f.task, Step: f.task, Attempt: 1}, workload.Limits{}); err != nil {
			return err
		}
	}
	minted, err := minting.Mint(ctx, request)
	if err != nil {
		return err
	}
	if n := len(minted.Claims.Subject); n > googleSubject {
		fmt.Fprintf(a.stderr, "writ: warning: sub has %d bytes; Google takes at most %d\n", n, googleSubject)
	}
	if f.asJSON {
		err = json.NewEncoder(a.stdout).Encode(struct {
			Token     string            `json:"token"`
			ExpiresAt time.Time         `json:"expires_at"`
			Claims    workload.Identity `json:"claims"`
		}{minted.Token, minted.Claims.Expiry.Time().UTC(), minted.Claims})
	} else {
		_, err = fmt.Fprintln(a.stdout, minted.Token)
	}
	if err != nil || !f.hold {
		return err
	}
	fmt.Fprintln(a.stderr, "writ: the run is open; interrupt to end it")
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// parse checks the flags.
func (f mintFlags) parse(cmd *cobra.Command) (workload.Request, workload.Subject, error) {
	subject := workload.Subject{Team: f.team, Pipeline: f.pipeline, Job: f.job}
	request := workload.Request{Audience: f.audiences, Scope: workload.Scope(f.scope)}
	if f.life != "" {
		life, err := workload.ParseLife(f.life)
		if err != nil {
			return request, subject, fmt.Errorf("--expires-in: %w", err)
		}
		request.Life = life
	}
	if f.algorithm != "" {
		algorithm, err := key.ParseAlgorithm(f.algorithm)
		if err != nil {
			return request, subject, fmt.Errorf("--algorithm: %w", err)
		}
		request.Algorithm = algorithm
	}
	if f.scope == "" && f.pipeline == "" {
		request.Scope = workload.ScopeTeam
	}
	for _, pair := range f.instanceVars {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return request, subject, usage(cmd, "--instance-var %q: give NAME=VALUE", pair)
		}
		if subject.InstanceVars == nil {
			subject.InstanceVars = map[string]any{}
		}
		subject.InstanceVars[name] = value
	}
	return request, subject, nil
}

// minter is the issuer of the data directory, or the running one that server names.
func (a *app) minter(cmd *cobra.Command, name string) (workload.Minter, func(), error) {
	if name != "" {
		if cmd.Flags().Changed("data") {
			return nil, nil, usage(cmd, "--data and --server exclude one another: the server has its own data directory")
		}
		return dial(cmd.Context(), name)
	}
	config, err := a.loadConfig(cmd)
	if err != nil {
		return nil, nil, err
	}
	log, err := a.logger(slog.LevelWarn)
	if err != nil {
		return nil, nil, err
	}
	standing, err := server.OpenStanding(config, log)
	if err != nil {
		return nil, nil, err
	}
	return standing.Minter(), func() { standing.Close() }, nil
}
