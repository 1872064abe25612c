package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/token"
)

func (a *app) tokenVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Mint, show, verify and request identity tokens", Example: "  writ token show token.jwt"}
	cmd.AddCommand(a.tokenMintVerb(), a.tokenShowVerb(), a.tokenVerifyVerb(), a.tokenRequestVerb())
	return cmd
}

// readToken reads a token: from a file, from standard input ("-"), or, without a name, the run's own.
func (a *app) readToken(arguments []string) (raw, name string, err error) {
	if len(arguments) == 0 {
		if path := a.getenv("CONCOURSE_CI_JWT_FILE"); path != "" {
			arguments = []string{path}
		} else if value := a.getenv("CONCOURSE_CI_JWT"); value != "" {
			return strings.TrimRight(value, "\r\n"), "$CONCOURSE_CI_JWT", nil
		} else {
			return "", "", hinted{fmt.Errorf("no token: neither a file was named nor is $CONCOURSE_CI_JWT_FILE set"), "name a file, or - for standard input"}
		}
	}
	name = arguments[0]
	if strings.HasPrefix(name, "eyJ") && strings.Count(name, ".") == 2 {
		// The name is not printed: it is the token.
		return "", "", hinted{fmt.Errorf("a token was given as an argument, where every user of this machine can read it"), "name a file, or pass it on standard input: writ token ... -"}
	}
	data, err := a.readFile(name, token.DefaultMaxBytes+2)
	if err != nil {
		return "", "", err
	}
	if name == "-" {
		name = "standard input"
	}
	raw = strings.TrimRight(string(data), "\r\n")
	if raw == "" {
		return "", "", fmt.Errorf("%s is empty: no token", name)
	}
	return raw, name, nil
}

// ownSocket is the api.sock of the run that this process is part of.
func (a *app) ownSocket(named string) (string, error) {
	if named != "" {
		return strings.TrimPrefix(named, "unix://"), nil
	}
	directory := "/run/writ"
	if path := a.getenv("CONCOURSE_CI_JWT_FILE"); path != "" {
		directory = filepath.Dir(path)
	}
	socket := filepath.Join(directory, "api.sock")
	if _, err := os.Lstat(socket); err != nil {
		return "", hinted{fmt.Errorf("no identity socket: %w", err), "run this inside a run of writ, or name the socket with --socket"}
	}
	return socket, nil
}
