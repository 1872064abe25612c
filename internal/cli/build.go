package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/machine"
	"github.com/writ-run/writ/pattern"
)

// defaultOutput is where a built token goes when neither the command line nor the Pattern says so, as with Etcha.
const defaultOutput = "etcha.jwt"

type buildFlags struct {
	source, root string
	libraries    []string
	verbose      bool
}

func (a *app) buildVerb() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build PATTERN [OUT]",
		Short: "Pack a Pattern into a signed token",
		Long: `Run a Pattern's build Commands, pack its file with all that it imports, and sign: build.signingKey, build.signingKeyPath or
build.signingCommands. OUT is a file, or - for standard output (default: the Pattern's buildOutput, or etcha.jwt). It is
written whole or not at all: where a build Command fails, an older token stays.
Only what is imported is packed, and nothing from outside --root (default: the directory of writ.jsonnet, or the working
directory, where the Pattern is below it; else the Pattern's own) or a --library.`,
		Example: `  writ build patterns/web.jsonnet web.jwt
  writ build patterns/web.jsonnet -x build.signingKeyPath=signing.key`,
		Args: func(cmd *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return usage(cmd, "%s takes PATTERN and at most OUT; got no argument", cmd.CommandPath())
			}
			return atMost("PATTERN", "OUT")(cmd, arguments)
		},
		RunE: func(cmd *cobra.Command, arguments []string) error { return a.build(cmd, arguments, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.source, "source", "build", "the source whose exec and vars count")
	flags.StringVar(&f.root, "root", "", "the directory that imports must not leave")
	flags.StringArrayVarP(&f.libraries, "library", "J", nil, "directory that imports are looked for in, too (repeatable)")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what checks print, too")
	return cmd
}

func (a *app) build(cmd *cobra.Command, arguments []string, f buildFlags) (err error) {
	sink, closeSink := a.stderrSink(f.verbose)
	defer closeSink()
	o, err := a.openOrders(cmd, f.source, sink)
	if err != nil {
		return err
	}
	defer func() { err = o.close(err) }()
	sign, err := a.signer(cmd, o)
	if err != nil {
		return err
	}
	ctx, stop := a.interruptible(cmd.Context())
	defer stop()
	text, err := o.packable(arguments[0], f)
	if err != nil {
		return err
	}
	built, order, err := o.buildOrder(ctx, text, nil)
	if err != nil {
		return ended(ctx, err)
	}
	raw, err := signOrder(ctx, order, sign)
	if err != nil {
		return ended(ctx, err)
	}
	out := defaultOutput
	switch {
	case len(arguments) == 2:
		out = arguments[1]
	case built.BuildOutput != "":
		out = built.BuildOutput
	}
	if out == "-" {
		_, err := fmt.Fprintln(a.stdout, raw)
		return err
	}
	if _, err := (machine.File{Path: out, Contents: &raw}).Change(ctx); err != nil {
		return err
	}
	closeSink()
	fmt.Fprintf(a.stdout, "%s: %d file(s), %d bytes, order %s\n", out, len(order.Bundle.Files), len(raw), order.Bundle.Digest()[:12])
	return nil
}

// signOrder signs an order's claims.
func signOrder(ctx context.Context, order pattern.Order, sign orderSigner) (string, error) {
	payload, err := order.Payload()
	if err != nil {
		return "", err
	}
	return sign(ctx, payload)
}

// buildOrder runs the build Commands of a Pattern and packs it. vars win over those of the configuration: a target's, say.
func (o *orders) buildOrder(ctx context.Context, text patternText, vars map[string]any) (pattern.Pattern, pattern.Order, error) {
	kept := pattern.NewKept()
	environment := o.environment(text.directory, nil, text.buildVars(), vars)
	environment.Access.Cache = kept
	built, err := pattern.Render(ctx, text.Program, environment)
	if err != nil {
		return built, pattern.Order{}, err
	}
	for _, warning := range built.Warnings {
		o.warn("%s: %s", text.name, warning)
	}
	output, err := o.build(ctx, built)
	if err != nil {
		return built, pattern.Order{}, err
	}
	bundle, err := pattern.Pack(ctx, text.Program, jsonnet.Limits{})
	if err != nil {
		return built, pattern.Order{}, err
	}
	order := pattern.NewOrder(built, bundle, output.manifest, pattern.Vars(kept.Vars(), output.vars), "writ-"+version, time.Now())
	return built, order, nil
}

// packable is a Pattern whose imports stay within its root.
func (o *orders) packable(argument string, f buildFlags) (patternText, error) {
	text, err := readProgram(argument)
	if err != nil {
		return text, err
	}
	if text.path == "" { // Jsonnet out of the command line
		inlined := text.Import
		disk := jsonnet.Disk(text.directory, f.libraries...)
		text.Import = func(from, path string) (string, []byte, error) {
			if from == "" {
				return inlined(from, path)
			}
			return disk(from, path)
		}
		return text, nil
	}
	root := f.root
	if root == "" {
		root = o.rootOf(text)
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		return text, err
	}
	if !below(absolute, text.path) {
		return text, fmt.Errorf("--root %s: %s is not below it", root, argument)
	}
	text.Import = jsonnet.Disk(absolute, f.libraries...)
	text.Entrypoint = text.path // so that all names are absolute, whatever the libraries' are
	return text, nil
}

// rootOf is the directory that a Pattern's imports must not leave: the project's, where it is in one.
func (o *orders) rootOf(text patternText) string {
	var candidates []string
	if file := o.config.File(); file != "" {
		candidates = append(candidates, filepath.Dir(file))
	}
	if here, err := os.Getwd(); err == nil {
		candidates = append(candidates, here)
	}
	for _, candidate := range candidates {
		if candidate != "/" && below(candidate, text.path) {
			return candidate
		}
	}
	return text.directory
}

func below(directory, path string) bool {
	return strings.HasPrefix(path, strings.TrimSuffix(directory, "/")+"/")
}
