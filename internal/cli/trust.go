package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

// trustFlags are those of every relying party.
type trustFlags struct {
	wish                 trust.Wish
	scope                string
	instanceVars, claims []string
	algorithm, token     string
	caFile, keysFile     string
	server, format       string
	party                trust.Party
}

func (a *app) trustVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Print what makes Vault, AWS, ... trust the issuer, and simulate its match",
		Long: `Print the exact commands and the Terraform that make a relying party trust tokens of an issuer, with the checks
that it leaves out by default; then make a sample token, tell what the party would check of it, and who else
would get in. Nothing is configured and nobody is asked: what is printed is for you to run.`,
		Example: `  writ trust vault --issuer https://ci.example.com --team main --pipeline web --audience https://vault.example.com --role web --policy web
  writ trust aws --issuer https://ci.example.com --team main --pipeline web --account 123456789012 --role web`,
	}
	for _, party := range trust.Parties() {
		cmd.AddCommand(a.trustPartyVerb(party))
	}
	return cmd
}

// trustExamples has one for each party.
var trustExamples = map[string]string{
	"vault": `  writ trust vault --issuer https://ci.example.com --team main --pipeline web --job release \
    --audience https://vault.example.com --role web-release --policy web
  writ trust vault --issuer https://ci.example.com --rule 'team == "main" && pipeline in ["web", "api"] && runtime == "oci"' \
    --audience https://vault.example.com --role main --policy main --format commands | sh -e`,
	"aws": `  writ trust aws --issuer https://ci.example.com --team main --pipeline web --account 123456789012 --role web
  writ trust aws --issuer https://ci.example.com --rule 'sub startsWith "main/"' --account 123456789012 --role main --format terraform`,
	"gcp": `  writ trust gcp --issuer https://ci.example.com --team main --pipeline web --project 123456789012 --pool writ-web --role roles/storage.objectViewer
  writ trust gcp --issuer https://ci.corp.internal --keys jwks.json --team main --project 123456789012 --pool writ-main \
    --service-account deploy@my-project.iam.gserviceaccount.com`,
	"azure":      `  writ trust azure --issuer https://ci.example.com --team main --pipeline web --application 11111111-2222-3333-4444-555555555555 --name web`,
	"kubernetes": `  writ trust kubernetes --issuer https://ci.example.com --team main --pipeline web --role edit --namespace web`,
	"apache":     `  writ trust apache --issuer https://ci.example.com --team main --pipeline web --audience https://www.example.com --location /deploy`,
}

func (a *app) trustPartyVerb(party trust.Party) *cobra.Command {
	f := trustFlags{party: party}
	cmd := &cobra.Command{
		Use:   party.Name(),
		Short: party.About(),
		Long: party.About() + `.

Without --format: the commands, the Terraform, how the job comes to its token, and what the party would do with a
sample of it. With --format commands or terraform standard output has that alone, and the rest is on standard error.
The sample is of a key made for it; with --data or --server, of that issuer; with --token, one that you have.
Exits 1 where the party would refuse the sample, admit somebody who was not meant, or cannot check what was asked
(then nothing is printed).`,
		Example: trustExamples[party.Name()],
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.trust(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.wish.Issuer, "issuer", "", "issuer URL, exactly as in its tokens")
	flags.StringVar(&f.wish.Run.Team, "team", "", "team")
	flags.StringVar(&f.wish.Run.Pipeline, "pipeline", "", "pipeline (default: all of the team)")
	flags.StringVar(&f.wish.Run.Job, "job", "", "job (default: all of the pipeline)")
	flags.StringVar(&f.wish.Run.Task, "task", "", "task (default: all of the job)")
	flags.StringArrayVar(&f.instanceVars, "instance-var", nil, "instance var of the pipeline, NAME=VALUE (repeatable)")
	flags.StringVar(&f.wish.Subject, "subject", "", "sub, exactly, in place of names")
	flags.StringVar(&f.wish.Rule, "rule", "", `condition over the claims, 'runtime == "oci"', beside the names or in their place`)
	flags.StringVar(&f.scope, "subject-scope", "", "subject scope of the job's token: team, pipeline, instance, job, task (default: what the party needs)")
	flags.StringVar(&f.algorithm, "algorithm", "RS256", "algorithm of the sample: RS256, ES256 or EdDSA")
	flags.StringArrayVar(&f.claims, "claim", nil, "claim of the sample, NAME=VALUE, the value JSON or text (repeatable)")
	flags.StringVar(&f.token, "token", "", "file with a token to simulate, in place of a sample")
	flags.StringVar(&f.caFile, "ca", "", "file with the CA's certificate (PEM), where the issuer's certificate is not of a public one")
	flags.StringVar(&f.keysFile, "keys", "", "file with the issuer's keys (JWKS or PEM), where the party cannot fetch them")
	flags.StringVar(&f.server, "server", "", "mint the sample with a running issuer, unix:///path")
	flags.StringVar(&f.format, "format", "", "commands, terraform or json (default: all, to read)")
	dataFlag(cmd)
	trustOwnFlags(cmd, &f)
	return cmd
}

// trustOwnFlags are those that only some parties have.
func trustOwnFlags(cmd *cobra.Command, f *trustFlags) {
	flags := cmd.Flags()
	audience := func(fallback string) {
		flags.StringVar(&f.wish.Audience, "audience", "", "what the token must name in aud ("+fallback+")")
	}
	switch f.party.Name() {
	case "vault":
		audience("the Vault's URL, as in the job's var source")
		flags.StringVar(&f.wish.Role, "role", "", "role to write")
		flags.StringArrayVar(&f.wish.Policies, "policy", nil, "policy that the role gives (repeatable)")
		flags.StringVar(&f.wish.Mount, "mount", "jwt", "where the jwt auth method is, or is to be, enabled")
	case "aws":
		audience("default: sts.amazonaws.com")
		flags.StringVar(&f.wish.Account, "account", "", "account number, 12 digits")
		flags.StringVar(&f.wish.Role, "role", "", "role to create")
		flags.StringArrayVar(&f.wish.Policies, "policy", nil, "ARN of a policy to attach (repeatable)")
	case "gcp":
		audience("default: the provider's own URL")
		flags.StringVar(&f.wish.Project, "project", "", "project number")
		flags.StringVar(&f.wish.Pool, "pool", "", "workload identity pool to create, for this alone; its provider has the same name")
		flags.StringVar(&f.wish.Role, "role", "", "role in the project")
		flags.StringVar(&f.wish.ServiceAccount, "service-account", "", "service account to act as, in place of --role")
	case "azure":
		audience("default: api://AzureADTokenExchange")
		flags.StringVar(&f.wish.Application, "application", "", "object id of the app registration")
		flags.StringVar(&f.wish.Role, "name", "", "name of the credential")
	case "kubernetes":
		audience("default: kubernetes")
		flags.StringVar(&f.wish.Role, "role", "", "ClusterRole to bind")
		flags.StringVar(&f.wish.Namespace, "namespace", "", "where it is bound (default: in the whole cluster)")
	case "apache":
		audience("the server's URL")
		flags.StringVar(&f.wish.Location, "location", "/", "path on the server that is protected")
	}
}

func (a *app) trust(cmd *cobra.Command, f trustFlags) error {
	if f.wish.Issuer == "" {
		return usage(cmd, "--issuer is needed: the issuer's URL, exactly as in its tokens")
	}
	if !slices.Contains([]string{"", "commands", "terraform", "json"}, f.format) {
		return usage(cmd, "--format %q is not one of commands, terraform, json", f.format)
	}
	if f.token != "" && (f.server != "" || cmd.Flags().Changed("data") || len(f.claims) > 0) {
		return usage(cmd, "--token excludes --server, --data and --claim: they make a sample")
	}
	if err := a.trustRead(cmd, &f); err != nil {
		return err
	}
	plan, err := f.party.Plan(f.wish)
	if err != nil {
		if _, untranslatable := err.(*trust.UntranslatableError); untranslatable {
			return exit{statusFailed, err}
		}
		return err
	}
	if f.format == "terraform" && plan.Terraform == "" {
		return usage(cmd, "%s has no Terraform; --format commands has all of it", f.party.Name())
	}
	sample, err := a.trustSample(cmd, f, plan)
	if err != nil {
		return err
	}
	report := plan.Judge(sample)
	var others []trust.Other
	if len(report.Failed()) == 0 {
		if others, err = plan.Others(sample); err != nil {
			return err
		}
	}
	if err := a.printTrust(f, plan, sample, report, others); err != nil {
		return err
	}
	if failed := report.Failed(); len(failed) > 0 {
		return exit{statusFailed, fmt.Errorf("%s would refuse the token: %w", f.party.Name(), &token.Error{Failed: failed})}
	}
	for _, other := range others {
		if other.Admitted && !other.Meant {
			return exit{statusFailed, fmt.Errorf("%s would also admit %s, which was not asked for", f.party.Name(), other.Who)}
		}
	}
	return nil
}

// trustRead reads what the flags name.
func (a *app) trustRead(cmd *cobra.Command, f *trustFlags) error {
	f.wish.Scope = workload.Scope(f.scope)
	switch f.wish.Scope {
	case "", workload.ScopeTeam, workload.ScopePipeline, workload.ScopeInstance, workload.ScopeJob, workload.ScopeTask:
	default:
		return usage(cmd, "--subject-scope %q is not one of team, pipeline, instance, job, task", f.scope)
	}
	for _, pair := range f.instanceVars {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return usage(cmd, "--instance-var %q: give NAME=VALUE", pair)
		}
		if f.wish.Run.InstanceVars == nil {
			f.wish.Run.InstanceVars = map[string]any{}
		}
		f.wish.Run.InstanceVars[name] = value
	}
	if f.caFile != "" {
		data, err := a.readFile(f.caFile, maxKeyFile)
		if err != nil {
			return fmt.Errorf("--ca: %w", err)
		}
		f.wish.CA = string(data)
	}
	if f.keysFile != "" {
		data, err := a.readFile(f.keysFile, maxKeyFile)
		if err != nil {
			return fmt.Errorf("--keys: %w", err)
		}
		if f.wish.Keys, err = key.ParseSet(data); err != nil {
			return fmt.Errorf("--keys %s: %w", f.keysFile, err)
		}
	}
	return nil
}

// trustSample makes, mints or reads the token that is simulated.
func (a *app) trustSample(cmd *cobra.Command, f trustFlags, plan *trust.Plan) (trust.Sample, error) {
	now := time.Now()
	if f.token != "" {
		raw, name, err := a.readToken([]string{f.token})
		if err != nil {
			return trust.Sample{}, err
		}
		sample, err := trust.ReadSample(raw, now)
		if err != nil {
			return trust.Sample{}, fmt.Errorf("%s: %w", name, err)
		}
		return sample, nil
	}
	algorithm, err := key.ParseAlgorithm(f.algorithm)
	if err != nil {
		return trust.Sample{}, fmt.Errorf("--algorithm: %w", err)
	}
	extra, err := sampleClaims(cmd, f.claims)
	if err != nil {
		return trust.Sample{}, err
	}
	claims, err := plan.Claims(now, extra)
	if err != nil {
		return trust.Sample{}, err
	}
	var raw string
	if f.server != "" || cmd.Flags().Changed("data") {
		raw, err = a.trustMint(cmd, f, plan, claims, algorithm)
	} else {
		raw, err = throwAway(cmd.Context(), claims, algorithm)
	}
	if err != nil {
		return trust.Sample{}, err
	}
	return trust.ReadSample(raw, time.Now())
}

// sampleClaims reads NAME=VALUE; a value that is not JSON is text.
func sampleClaims(cmd *cobra.Command, pairs []string) (map[string]any, error) {
	claims := map[string]any{}
	for _, pair := range pairs {
		name, text, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, usage(cmd, "--claim %q: give NAME=VALUE", pair)
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		claims[name] = value
	}
	return claims, nil
}

// throwAway signs the claims with a key that nobody keeps.
func throwAway(ctx context.Context, claims map[string]any, algorithm key.Algorithm) (string, error) {
	signing, err := key.Generate(algorithm, "")
	if err != nil {
		return "", err
	}
	return token.NewSigner(signing).SignToken(ctx, "JWT", claims)
}

// trustMint has an issuer mint the sample, for a run of the same names.
func (a *app) trustMint(cmd *cobra.Command, f trustFlags, plan *trust.Plan, claims map[string]any, algorithm key.Algorithm) (string, error) {
	minter, stop, err := a.minter(cmd, f.server)
	if err != nil {
		return "", err
	}
	defer stop()
	name := func(claim string) string { s, _ := claims[claim].(string); return s }
	vars, _ := claims["instance_vars"].(map[string]any)
	ctx := cmd.Context()
	session, err := workload.Open(ctx, minter, workload.Subject{
		Team: name("team"), Pipeline: name("pipeline"), InstanceVars: vars, Job: name("job"),
	}, workload.Limits{})
	if err != nil {
		return "", err
	}
	defer session.Close(ctx)
	privileged, _ := claims["privileged"].(bool)
	task, err := session.Task(ctx, workload.Task{
		Name: name("task"), Step: name("step"), Attempt: 1, Runtime: name("runtime"), Privileged: privileged,
	}, workload.Limits{})
	if err != nil {
		return "", err
	}
	request := workload.Request{Audience: []string{plan.Audience}, Scope: plan.Scope}
	if cmd.Flags().Changed("algorithm") {
		request.Algorithm = algorithm
	}
	minted, err := task.Mint(ctx, request)
	return minted.Token, err
}
