package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/agent"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/policy"
)

// orderFlags say what orders have to pass, in place of the configuration.
type orderFlags struct{ keys []string }

func (f *orderFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.keys, "verify-key", nil, "a key that orders are verified with, in place of the configuration's: its text, a file, a URL or dns:NAME (repeatable)")
}

// verifier is what an order of this source has to pass. required is false where nothing says that it has to pass anything.
// Keys that cannot be reached are done without, where there are others.
func (a *app) verifier(ctx context.Context, cmd *cobra.Command, o *orders, f orderFlags) (v pattern.Verifier, required bool, err error) {
	v, required, away, err := a.verification(ctx, cmd, o, f)
	switch {
	case err != nil:
		return v, required, err
	case away != nil && v.Keys.Empty():
		return v, required, fmt.Errorf("keys to verify orders with: %w", away)
	case away != nil:
		o.warn("%s", strings.ReplaceAll(away.Error(), "\n", "; "))
	}
	return v, required, nil
}

// verification is verifier, and leaves it to its caller what becomes of keys that are away.
func (a *app) verification(ctx context.Context, cmd *cobra.Command, o *orders, f orderFlags) (v pattern.Verifier, required bool, away, err error) {
	said, allowed := o.of.Within(o.config.Run.Verification)
	if !allowed {
		o.warn("the verifyExec of source %s is not used: run.verifyExec has no allowOverride", o.source)
	}
	values := f.keys
	if len(f.keys) > 0 {
		said.VerifyCommands, said.VerifyKeys = nil, []agent.Secret{}
	}
	for _, k := range said.VerifyKeys {
		if o.config.Doubtful(k) {
			return v, true, nil, hinted{errors.New("verifyKeys: a key came from DNS, plain http or an unverified server, where anybody on the way could have put in another"),
				"name it as dns:NAME#sha256=THUMBPRINT or http://...#sha256=THUMBPRINT; `writ key convert --to thumbprint` prints the thumbprint"}
		}
		values = append(values, string(k))
	}
	if said.JWTRule != "" {
		rule, err := policy.Compile(said.JWTRule)
		if err != nil {
			return v, true, nil, fmt.Errorf("jwtRule: %w", err)
		}
		v.Rules = []policy.Rule{rule}
	}
	required = said.Required()
	if len(said.VerifyCommands) > 0 { // a list of none only asks for verification
		v.Commands = func(ctx context.Context, raw string) (string, error) {
			return o.askCommands(ctx, "verifyCommands", said.VerifyCommands, said.VerifyExec, "ETCHA_JWT", raw)
		}
		return v, required, nil, nil
	}
	client, err := keyClient(o.config)
	if err != nil {
		return v, required, nil, err
	}
	keys, err := remote.ResolveKeys(ctx, values, remote.Options{Client: client, File: func(name string) ([]byte, error) {
		if file := o.config.File(); file != "" && len(f.keys) == 0 && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(file), name) // as every path in the configuration
		}
		return a.readKeyFile(cmd, name)
	}})
	if errors.Is(err, remote.ErrUnreachable) {
		away, err = err, nil
	}
	if err != nil {
		return v, required, nil, fmt.Errorf("keys to verify orders with: %w", err)
	}
	if warning := keys.Warning(); warning != "" {
		o.warn("%s", warning)
	}
	v.Keys = keys
	return v, required, away, nil
}
