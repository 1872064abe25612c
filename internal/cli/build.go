package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/jsonnet"
	"github.com/writ-run/writ/machine"
	"github.com/writ-run/writ/pattern"
	"github.com/writ-run/writ/token"
)

// defaultOutput is where a built token goes when neither the command line nor the Pattern says so, as with Etcha.
const defaultOutput = "etcha.jwt"

type buildFlags struct {
	source, root string
	libraries    []string
	verbose      bool
	asJSON       bool
}

func (a *app) buildVerb() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build PATTERN [OUT]",
		Short: "Pack a Pattern into a signed token",
		Long: `Run a Pattern's build Commands, pack its file with all that it imports, and sign: build.signingKey, build.signingKeyPath or
build.signingCommands. PATTERN is a file, or - for standard input; OUT is a file, or - for standard output (default: the
Pattern's buildOutput, or etcha.jwt). It is written whole or not at all: where a build Command fails, an older token stays.
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
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if f.asJSON && len(arguments) == 2 && arguments[1] == "-" {
				return usage(cmd, "--json and - exclude one another: both are for standard output")
			}
			return a.build(cmd, arguments, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.source, "source", "build", "the source whose exec and vars count")
	flags.StringVar(&f.root, "root", "", "the directory that imports must not leave")
	flags.StringArrayVarP(&f.libraries, "library", "J", nil, "directory that imports are looked for in, too (repeatable)")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "show what checks print, too")
	flags.BoolVar(&f.asJSON, "json", false, "print what was built as JSON")
	return cmd
}

func (a *app) build(cmd *cobra.Command, arguments []string, f buildFlags) error {
	out := ""
	if len(arguments) == 2 {
		out = arguments[1]
	}
	if err := replaceable(out); err != nil {
		return err
	}
	// Ed25519 signs with a table that takes a millisecond to make, once in a process: it is made while the Pattern is rendered, which
	// takes less than that, and the configuration is read.
	go ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return a.withOrders(cmd, f.source, f.verbose, func(ctx context.Context, o *orders) error {
		raw, is, err := a.tokenFile(arguments[0])
		switch {
		case err != nil:
			return err
		case is:
			return errNoPattern(arguments[0])
		}
		text, err := o.packable(arguments[0], raw, f)
		if err != nil {
			return err
		}
		var sign orderSigner
		built, order, err := o.buildOrder(ctx, text, nil, func() (err error) {
			sign, err = a.signer(cmd, o)
			return err
		})
		if err != nil {
			return err
		}
		signed, err := signOrder(ctx, order, sign)
		if err != nil {
			return err
		}
		out = cmp.Or(out, built.BuildOutput, defaultOutput)
		if out == "-" {
			_, err := fmt.Fprintln(a.stdout, signed)
			return err
		}
		if err := replaceable(out); err != nil {
			return err
		}
		if _, err := (machine.File{Path: out, Contents: &signed}).Change(ctx); err != nil {
			return err
		}
		return a.built(out, order, len(signed), f)
	})
}

// built says what was built.
func (a *app) built(out string, order pattern.Order, size int, f buildFlags) error {
	digest, files := order.Bundle.Digest(), len(order.Bundle.Files)
	if !f.asJSON {
		_, err := fmt.Fprintf(a.stdout, "%s: %d file(s), %d bytes, order %s\n", out, files, size, digest[:12])
		return err
	}
	times := []string{utc(order.IssuedAt.Time()), ""}
	if order.Expiry != 0 {
		times[1] = utc(order.Expiry.Time())
	}
	return printJSON(a.stdout, struct {
		Out       string `json:"out"`
		Bytes     int    `json:"bytes"`
		Files     int    `json:"files"`
		Order     string `json:"order"` // digest of the files
		IssuedAt  string `json:"issued_at"`
		ExpiresAt string `json:"expires_at,omitempty"`
	}{out, size, files, digest, times[0], times[1]})
}

// replaceable refuses to put a token in the place of what is none: a Pattern that was named twice, a key.
func replaceable(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil // it is written, or that fails, in its time
	}
	defer file.Close()
	start := make([]byte, 1<<10)
	n, err := io.ReadFull(file, start)
	if n == 0 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	start = start[:n]
	if bytes.IndexByte(start, '.') < 0 || bytes.ContainsFunc(start, notOfToken) {
		return hinted{fmt.Errorf("%s is there, and is no token", path), "name another file, or remove it first"}
	}
	return nil
}

// signOrder signs an order's claims.
func signOrder(ctx context.Context, order pattern.Order, sign orderSigner) (string, error) {
	payload, err := order.Payload()
	if err != nil {
		return "", err
	}
	raw, err := sign(ctx, payload)
	if err != nil {
		return "", err
	}
	if len(raw) > token.MaxOrderBytes {
		return "", fmt.Errorf("the token has %d bytes; at most %d are taken", len(raw), token.MaxOrderBytes)
	}
	return raw, nil
}

// buildOrder runs the build Commands of a Pattern and packs it. vars win over those of the configuration: a target's, say.
// What is packed is what was rendered, and what is on disk still when the Commands are done. ready is called before the first
// Command: its error ends the build.
func (o *orders) buildOrder(ctx context.Context, text patternText, vars map[string]any, ready func() error) (pattern.Pattern, pattern.Order, error) {
	kept, files := pattern.NewKept(), pattern.NewSnapshot(sparingFiles(text.Import))
	text.Import = files.Import
	environment := o.environment(text.directory, nil, text.buildVars(), vars)
	environment.Access.Cache = kept
	built, err := pattern.Render(ctx, text.Program, environment)
	if err != nil {
		return built, pattern.Order{}, err
	}
	o.warnings(text.name, built.Warnings)
	o.unheard(text.name, built.Build, nil) // its run Commands are for an agent that is not here
	bundle, err := pattern.Pack(ctx, text.Program, jsonnet.Limits{})
	if err != nil {
		return built, pattern.Order{}, err
	}
	if err := ready(); err != nil {
		return built, pattern.Order{}, err
	}
	output, err := o.build(ctx, built)
	if err != nil {
		return built, pattern.Order{}, err
	}
	if err := files.Unchanged(); err != nil {
		return built, pattern.Order{}, hinted{fmt.Errorf("build: %w", err), "what build Commands find out reaches the runs by the event etcha:runVar_NAME"}
	}
	order := pattern.NewOrder(built, bundle, output.manifest, pattern.Vars(kept.Vars(), output.vars), "writ-"+version, time.Now())
	o.warnings(text.name, order.Warnings())
	return built, order, nil
}

// packable is a Pattern whose imports stay within its root; raw is what was read of standard input, for "-".
func (o *orders) packable(argument string, raw []byte, f buildFlags) (patternText, error) {
	text, err := readProgram(argument, raw)
	if err != nil {
		return text, err
	}
	if text.path == "" { // Jsonnet out of the command line, or of standard input
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
