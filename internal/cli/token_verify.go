package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

type verifyFlags struct {
	issuer     string
	keys       []string
	audiences  []string
	rules      []string
	introspect bool
	asJSON     bool
}

func (a *app) tokenVerifyVerb() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check a token as a relying party does, and name every failed check",
		Long: `Check a token against an issuer (its discovery document and key set are fetched), or against keys in
files. Every check is printed with what was wanted and what was found. FILE is a file, or - for standard input;
without it, the token of the run that this command is part of.
Exits 0 where all checks pass, 1 where one fails, 2 where they could not be made (the issuer is away).`,
		Example: `  writ token verify --issuer https://ci.example.com --audience https://vault.example.com token.jwt
  writ token verify --key issuer.pub.pem --rule 'team == "infra" && runtime == "oci"' token.jwt
  writ token verify --issuer https://ci.example.com --introspect - <token.jwt`,
		Args: atMost("FILE"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if (f.issuer == "") == (len(f.keys) == 0) {
				return usage(cmd, "give either --issuer or --key: nothing to verify with means refused")
			}
			if f.introspect && f.issuer == "" {
				return usage(cmd, "--introspect needs --issuer: only the issuer knows whether the run still lives")
			}
			rules, err := compileRules(f.rules)
			if err != nil {
				return err
			}
			raw, name, err := a.readToken(arguments)
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), raw, name, rules, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.issuer, "issuer", "", "issuer URL, exactly as in its tokens")
	flags.StringArrayVar(&f.keys, "key", nil, "file with a public key or key set: JWK, JWKS, PEM, text (repeatable)")
	flags.StringArrayVar(&f.audiences, "audience", nil, "the token must name one of these (repeatable; default: not checked)")
	flags.StringArrayVar(&f.rules, "rule", nil, `condition over the claims, 'team == "infra"' (repeatable, all must hold)`)
	flags.BoolVar(&f.introspect, "introspect", false, "also ask the issuer whether the run still lives")
	flags.BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

func compileRules(sources []string) ([]policy.Rule, error) {
	var rules []policy.Rule
	for _, source := range sources {
		rule, err := policy.Compile(source)
		if err != nil {
			return nil, fmt.Errorf("--rule %q: %w", source, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// verify prints every check, and fails where one did.
func (a *app) verify(ctx context.Context, raw, name string, rules []policy.Rule, f verifyFlags) error {
	keys, issuer, err := a.verificationKeys(f)
	if err != nil {
		return err
	}
	profile := token.Profile{
		Issuer: f.issuer, AnyIssuer: f.issuer == "", Audience: f.audiences, AnyAudience: len(f.audiences) == 0,
		Required: []string{"iss", "sub", "aud", "exp"},
	}
	verified, report, err := token.Verify[workload.Identity](ctx, raw, keys, profile)
	if errors.Is(err, remote.ErrUnreachable) || errors.Is(err, token.ErrProfile) {
		return err
	}
	signed := verified.Claims()
	if err == nil && len(rules) > 0 {
		var ruled token.Report
		_, ruled, err = policy.Allow(verified, rules...)
		report = append(report, ruled...)
	}
	if err == nil && f.introspect {
		check, unreachable := introspect(ctx, issuer, raw)
		if unreachable != nil {
			return unreachable
		}
		report = append(report, check)
		if check.Outcome == token.Failed {
			err = errInactive
		}
	}
	if printErr := a.printReport(report, err, signed, f.asJSON); printErr != nil {
		return printErr
	}
	if err != nil {
		return exit{statusFailed, fmt.Errorf("%s is refused: %w", name, err)}
	}
	return nil
}

var errInactive = errors.New("the issuer calls it inactive")

// verificationKeys are the keys to verify with: the issuer's, or those in files.
func (a *app) verificationKeys(f verifyFlags) (token.KeySet, *remote.Set, error) {
	if f.issuer != "" {
		set, err := remote.New(remote.Config{Issuer: f.issuer})
		if err != nil {
			return nil, nil, fmt.Errorf("--issuer: %w", err)
		}
		return set, set, nil
	}
	var keys []key.Public
	for _, name := range f.keys {
		data, err := a.readFile(name, maxKeyFile)
		if err != nil {
			return nil, nil, fmt.Errorf("--key: %w", err)
		}
		set, err := key.ParseSet(data)
		if err != nil {
			return nil, nil, fmt.Errorf("--key %s: %w", name, err)
		}
		keys = append(keys, set.Keys()...)
	}
	set, err := key.NewSet(keys...)
	if err != nil {
		return nil, nil, fmt.Errorf("--key: %w", err)
	}
	return set, nil, nil
}

// introspect asks the issuer whether the token is active.
func introspect(ctx context.Context, issuer *remote.Set, raw string) (token.Check, error) {
	document, err := issuer.Discovery(ctx)
	if err != nil {
		return token.Check{}, err
	}
	if document.IntrospectionEndpoint == "" {
		return token.Check{}, errors.New("the issuer's discovery document names no introspection endpoint")
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	form := url.Values{"token": {raw}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, document.IntrospectionEndpoint, strings.NewReader(form))
	if err != nil {
		return token.Check{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// The token must not follow a redirect to somebody else.
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return token.Check{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return token.Check{}, fmt.Errorf("introspection endpoint %s: %s", document.IntrospectionEndpoint, response.Status)
	}
	var answer struct {
		Active bool   `json:"active"`
		Reason string `json:"reason"`
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, response.Body, maxAnswer)).Decode(&answer); err != nil {
		return token.Check{}, fmt.Errorf("introspection endpoint %s: %w", document.IntrospectionEndpoint, err)
	}
	check := token.Check{Name: "introspection", Want: "active", Got: "active", Outcome: token.Passed}
	if !answer.Active {
		check.Outcome = token.Failed
		check.Got = "inactive"
		if answer.Reason != "" {
			check.Got += " (" + answer.Reason + ")"
		}
		if answer.Detail != "" {
			check.Got += ": " + answer.Detail
		}
	}
	return check, nil
}

// printReport prints the checks as a table, or as JSON.
func (a *app) printReport(report token.Report, refusal error, claims workload.Identity, asJSON bool) error {
	if asJSON {
		result := struct {
			Verified bool               `json:"verified"`
			Checks   token.Report       `json:"checks"`
			Claims   *workload.Identity `json:"claims,omitempty"`
		}{Verified: refusal == nil, Checks: report}
		if refusal == nil {
			result.Claims = &claims
		}
		encoder := json.NewEncoder(jsonWriter{a.stdout})
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	if err := printChecks(a.stdout, report); err != nil {
		return err
	}
	if refusal != nil {
		return nil
	}
	_, err := fmt.Fprintf(a.stdout, "verified: %s\n", safe(claims.Subject))
	return err
}

// printChecks prints the checks as a table.
func printChecks(w io.Writer, report token.Report) error {
	var lines strings.Builder
	table := tabwriter.NewWriter(&lines, 0, 4, 2, ' ', 0)
	for _, check := range report {
		mark := map[token.Outcome]string{token.Passed: "ok", token.Failed: "FAIL", token.Skipped: "-"}[check.Outcome]
		if check.Outcome == token.Skipped {
			fmt.Fprintf(table, "%s\t%s\tnot checked\t\n", mark, check.Name)
			continue
		}
		fmt.Fprintf(table, "%s\t%s\twant %s\tgot %s\n", mark, check.Name, safe(orDash(check.Want)), safe(orDash(check.Got)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(lines.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
