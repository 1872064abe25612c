package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/api"
	"github.com/writ-run/writ/workload"
)

// requestTimeout bounds a request to a socket of this machine.
const requestTimeout = 30 * time.Second

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func (a *app) tokenRequestVerb() *cobra.Command {
	var audiences []string
	var life, socket string
	var asJSON, forKubernetes bool
	cmd := &cobra.Command{
		Use:   "request",
		Short: "In a run: ask for a token with another audience or life",
		Long: `Ask the identity socket of the run that this command is part of for a token: api.sock, beside
$CONCOURSE_CI_JWT_FILE. The socket gives the audiences that the issuer's configuration grants to the run.`,
		Example: `  writ token request --audience https://vault.example.com --expires-in 10m
  writ token request --audience https://vault.example.com | vault write auth/jwt/login role=ci jwt=-
  kubectl config set-credentials job --exec-api-version client.authentication.k8s.io/v1 --exec-interactive-mode Never \
    --exec-command writ --exec-arg token,request,--exec-credential,--audience,https://kube.example.com`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON && forKubernetes {
				return usage(cmd, "--json and --exec-credential exclude one another")
			}
			version := ""
			if forKubernetes {
				var err error
				if version, err = a.execVersion(); err != nil {
					return err
				}
			}
			if life != "" {
				if _, err := workload.ParseLife(life); err != nil {
					return fmt.Errorf("--expires-in: %w", err)
				}
			}
			path, err := a.ownSocket(socket)
			if err != nil {
				return err
			}
			answer, err := requestToken(cmd.Context(), path, api.IdentityRequest{Audience: audiences, ExpiresIn: life})
			if err != nil {
				return err
			}
			if forKubernetes {
				return json.NewEncoder(a.stdout).Encode(newExecCredential(version, answer))
			}
			if asJSON {
				return json.NewEncoder(a.stdout).Encode(answer)
			}
			_, err = fmt.Fprintln(a.stdout, answer.Token)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&audiences, "audience", nil, "who may accept the token (repeatable; default: what the run is granted first)")
	flags.StringVar(&life, "expires-in", "", `life, "10m"; at most 24h (default: the issuer's, 1h)`)
	flags.StringVar(&socket, "socket", "", "the run's api.sock (default: beside $CONCOURSE_CI_JWT_FILE)")
	flags.BoolVar(&asJSON, "json", false, "print JSON with the token and expires_at")
	flags.BoolVar(&forKubernetes, "exec-credential", false, "print an ExecCredential, as kubectl takes it of a credential plugin (in the form that $KUBERNETES_EXEC_INFO asks for)")
	return cmd
}

// requestToken posts to a run's api.sock.
func requestToken(ctx context.Context, socket string, q api.IdentityRequest) (api.IdentityAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return api.IdentityAnswer{}, err
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://writ/identity", bytes.NewReader(body))
	if err != nil {
		return api.IdentityAnswer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return api.IdentityAnswer{}, hinted{fmt.Errorf("identity socket %s: %w", socket, errors.Unwrap(err)), "the socket goes when its run ends"}
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return api.IdentityAnswer{}, fmt.Errorf("identity socket %s: %w", socket, err)
	}
	if response.StatusCode != http.StatusOK {
		var problem api.Error
		if json.Unmarshal(data, &problem) != nil || problem.Code == "" {
			return api.IdentityAnswer{}, fmt.Errorf("identity socket %s: %s", socket, response.Status)
		}
		return api.IdentityAnswer{}, fmt.Errorf("refused: %s", problem.Description)
	}
	var answer api.IdentityAnswer
	if err := json.Unmarshal(data, &answer); err != nil || answer.Token == "" {
		return api.IdentityAnswer{}, fmt.Errorf("identity socket %s: the answer is not a token", socket)
	}
	return answer, nil
}
