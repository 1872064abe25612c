package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/writ-run/writ/api"
)

// execInfo is the variable in which kubectl and other clients say which form they want (Kubernetes, "client-go credential
// plugins").
const execInfo = "KUBERNETES_EXEC_INFO"

// execVersions are the forms of an ExecCredential that are known; the first is the default.
var execVersions = [...]string{"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"}

// execCredential is what a credential plugin of Kubernetes prints.
type execCredential struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Status     execStatus `json:"status"`
}

type execStatus struct {
	Expiry time.Time `json:"expirationTimestamp"` // until then the client does not ask again
	Token  string    `json:"token"`
}

// execVersion is the form that the client asks for.
func (a *app) execVersion() (string, error) {
	text := a.getenv(execInfo)
	if text == "" {
		return execVersions[0], nil
	}
	var info struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal([]byte(text), &info); err != nil || info.Kind != "ExecCredential" {
		return "", fmt.Errorf("$%s is not the JSON of an ExecCredential", execInfo)
	}
	if !slices.Contains(execVersions[:], info.APIVersion) {
		return "", hinted{fmt.Errorf("$%s: apiVersion %.80q; known: %s", execInfo, info.APIVersion, strings.Join(execVersions[:], ", ")),
			"set apiVersion of the exec section in the kubeconfig"}
	}
	return info.APIVersion, nil
}

// newExecCredential is an answer of the run's socket in that form.
func newExecCredential(version string, answer api.IdentityAnswer) execCredential {
	return execCredential{version, "ExecCredential", execStatus{answer.ExpiresAt.UTC(), answer.Token}}
}
