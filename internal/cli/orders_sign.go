package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/writ-run/writ/command"
	"github.com/writ-run/writ/token"
)

// jwtEvent is the event by which signing commands, and verify commands, hand over a token.
const jwtEvent = "jwt"

// orderSigner signs the payload of an order as it stands.
type orderSigner func(ctx context.Context, payload []byte) (string, error)

// signer is what the configuration says to sign orders with.
func (a *app) signer(cmd *cobra.Command, o *orders) (orderSigner, error) {
	b := o.config.Build
	var said []string
	for _, one := range []struct {
		name string
		set  bool
	}{{"build.signingCommands", b.SigningCommands != nil}, {"build.signingKey", b.SigningKey != ""}, {"build.signingKeyPath", b.SigningKeyPath != ""}} {
		if one.set {
			said = append(said, one.name)
		}
	}
	switch {
	case len(said) == 0:
		return nil, hinted{errors.New("nothing to sign orders with: build.signingKey, build.signingKeyPath and build.signingCommands are not set"),
			"make a key with `writ key generate --algorithm EdDSA --format text --out signing.key` and set build.signingKeyPath to its name"}
	case len(said) > 1:
		return nil, fmt.Errorf("%s are set: one of them signs, not several", strings.Join(said, " and "))
	case b.SigningCommands != nil:
		return o.signByCommands, nil
	}
	text := []byte(string(b.SigningKey))
	where := "build.signingKey"
	if b.SigningKeyPath != "" {
		path, err := upwards(b.SigningKeyPath)
		if err != nil {
			return nil, fmt.Errorf("build.signingKeyPath: %w", err)
		}
		if text, err = a.readKeyFile(cmd, path); err != nil {
			return nil, err
		}
		where = path
	}
	by, err := token.ParseSigner(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	if warning := by.Warning(); warning != "" {
		o.warn("%s: %s", where, warning)
	}
	return func(ctx context.Context, payload []byte) (string, error) { return by.SignPayload(ctx, "JWT", payload) }, nil
}

// upwards finds a file by a name alone in the working directory and above it, as Etcha does; a path is taken as it is.
func upwards(path string) (string, error) {
	if strings.ContainsRune(path, filepath.Separator) {
		return path, nil
	}
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		found := filepath.Join(directory, path)
		if info, err := os.Stat(found); err == nil && info.Mode().IsRegular() {
			return found, nil
		}
		above := filepath.Dir(directory)
		if above == directory {
			return "", fmt.Errorf("%s is neither in the working directory nor above it", path)
		}
		directory = above
	}
}

// signByCommands has the configured commands sign, and sees that what they print is the order that was to be signed.
func (o *orders) signByCommands(ctx context.Context, payload []byte) (string, error) {
	const name = "build.signingCommands"
	printed, err := o.askCommands(ctx, name, o.config.Build.SigningCommands, o.config.Build.SigningExec, "ETCHA_PAYLOAD", base64.RawURLEncoding.EncodeToString(payload))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	decoded, err := token.Parse(printed, token.MaxOrderBytes)
	if err != nil {
		return "", fmt.Errorf("%s: what they printed as the event jwt is no token: %w", name, err)
	}
	if !bytes.Equal(decoded.Payload(), payload) {
		return "", fmt.Errorf("%s: the token that they printed has another payload than the one they were given", name)
	}
	if why := unsigned(printed, decoded.Header()); why != "" {
		return "", fmt.Errorf("%s: the token that they printed is not signed: %s", name, why)
	}
	return printed, nil
}

// unsigned says why a token cannot be signed, whatever the key: nobody would take it, and it would replace one that is.
func unsigned(raw string, header []byte) string {
	var says struct {
		Algorithm string `json:"alg"`
	}
	switch err := json.Unmarshal(header, &says); {
	case err != nil || says.Algorithm == "":
		return "its header has no alg"
	case strings.EqualFold(says.Algorithm, "none"):
		return `its alg is "none"`
	case strings.HasSuffix(raw, "."):
		return "its third part is empty"
	}
	return ""
}

// askCommands runs commands with a value in a variable, and returns what they print as the one event jwt.
func (o *orders) askCommands(ctx context.Context, whose string, list command.List, exec *command.Exec, variable, value string) (string, error) {
	plan, err := command.Diff(nil, list, command.Change)
	if err != nil {
		return "", err
	}
	runner := o.runner(o.override(whose, o.config.Exec, exec), map[string]string{variable: value})
	runner.Source, runner.Sink = whose, nil // they may print a token
	runner.Keep = token.MaxOrderBytes
	result, err := runner.Run(ctx, plan)
	if err != nil {
		return "", lastWords(err, result)
	}
	var printed []string
	for _, e := range result.Events {
		if e.Name == jwtEvent {
			printed = append(printed, strings.TrimSpace(e.Output))
		}
	}
	switch {
	case len(printed) == 0:
		return "", errors.New("no command that ran fired the event etcha:jwt: want one with onChange: ['etcha:jwt']")
	case len(printed) > 1:
		return "", fmt.Errorf("%d events etcha:jwt were fired; want one", len(printed))
	case printed[0] == "":
		return "", errors.New("the event etcha:jwt was fired with nothing printed")
	case strings.ContainsAny(printed[0], " \t\r\n"), strings.Count(printed[0], ".") > 2:
		return "", errors.New("more than one token, or other text beside it, was printed as the event etcha:jwt")
	}
	return printed[0], nil
}

// lastWords adds the last line that a failed command printed to its error, since nothing else of it is shown. What may be a
// token, a signature or a key is left out.
func lastWords(err error, r command.Result) error {
	var failed *command.FailedError
	if !errors.As(err, &failed) {
		return err
	}
	for _, outcome := range slices.Backward(r.Outcomes) {
		if outcome.State != command.Failed {
			continue
		}
		for _, e := range []*command.Execution{outcome.Change, outcome.Check} {
			if e == nil {
				continue
			}
			text := strings.TrimSpace(e.Output.String())
			text = text[strings.LastIndexByte(text, '\n')+1:]
			if text = regexp.MustCompile(secretLike).ReplaceAllString(text, "..."); text != "" {
				return fmt.Errorf("%w: %.200s", err, safe(text))
			}
		}
	}
	return err
}

// secretLike is what keys, tokens and signatures look like.
const secretLike = `[A-Za-z0-9+/=_.-]{32,}`
