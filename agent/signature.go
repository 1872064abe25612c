package agent

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhooks say how a source knows who calls it.
type Webhooks struct {
	Verify  string   // github, gitlab or standard; empty: whoever calls is heard
	Secrets []Secret // that are shared with the caller: any of them
}

// The ways in which webhooks are signed.
const (
	signedGitHub   = "github"   // X-Hub-Signature-256: HMAC-SHA256 of the body (GitHub, Validating webhook deliveries)
	signedGitLab   = "gitlab"   // X-Gitlab-Token: the secret itself (GitLab, Webhooks)
	signedStandard = "standard" // webhook-id, -timestamp and -signature (Standard Webhooks 1.0)
)

const (
	gitlabHeader      = "X-Gitlab-Token"
	standardPrefix    = "whsec_"
	standardTolerance = 5 * time.Minute
	maxSignatures     = 16 // in one header
	minWebhookSecret  = 8  // bytes
)

func (w Webhooks) validate() error {
	var problems []error
	switch w.Verify {
	case signedGitHub, signedGitLab, signedStandard:
		if len(w.Secrets) == 0 {
			problems = append(problems, errors.New("webhookVerify has no webhookSecrets beside it"))
		}
	case "":
		if len(w.Secrets) > 0 {
			problems = append(problems, errors.New("webhookSecrets has no webhookVerify beside it: github, gitlab or standard"))
		}
	default:
		problems = append(problems, fmt.Errorf("webhookVerify %q: want github, gitlab or standard", w.Verify))
	}
	for i, secret := range w.Secrets {
		if len(secret) < minWebhookSecret {
			problems = append(problems, fmt.Errorf("webhookSecrets[%d] has %d bytes; at least %d are needed", i, len(secret), minWebhookSecret))
		}
		if w.Verify == signedStandard {
			if _, err := standardKey(secret); err != nil {
				problems = append(problems, fmt.Errorf("webhookSecrets[%d] %w", i, err))
			}
		}
	}
	return errors.Join(problems...)
}

// secret says whether a header holds the secret itself.
func (w Webhooks) secret(header string) bool {
	return w.Verify == signedGitLab && http.CanonicalHeaderKey(header) == gitlabHeader
}

// verify checks who calls.
func (w Webhooks) verify(hook Webhook, now time.Time) error {
	switch w.Verify {
	case "":
		return nil
	case signedGitHub:
		return w.verifyGitHub(hook)
	case signedGitLab:
		return w.verifyGitLab(hook)
	}
	return w.verifyStandard(hook, now)
}

func (w Webhooks) verifyGitHub(hook Webhook) error {
	text, is := strings.CutPrefix(hook.Header.Get("X-Hub-Signature-256"), "sha256=")
	given, err := hex.DecodeString(text)
	if !is || err != nil {
		return errUnsigned
	}
	for _, secret := range w.Secrets {
		if hmac.Equal(given, digest([]byte(secret), hook.Body)) {
			return nil
		}
	}
	return errUnsigned
}

func (w Webhooks) verifyGitLab(hook Webhook) error {
	given := sha256.Sum256([]byte(hook.Header.Get(gitlabHeader)))
	for _, secret := range w.Secrets {
		if want := sha256.Sum256([]byte(secret)); hmac.Equal(given[:], want[:]) {
			return nil
		}
	}
	return errUnsigned
}

func (w Webhooks) verifyStandard(hook Webhook, now time.Time) error {
	id, stamp := hook.Header.Get("Webhook-Id"), hook.Header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return errUnsigned
	}
	if at := time.Unix(seconds, 0); now.Sub(at).Abs() > standardTolerance {
		return fmt.Errorf("the webhook is of %s, and it is %s here: more than %s apart", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339), standardTolerance)
	}
	signed := append([]byte(id+"."+stamp+"."), hook.Body...)
	given := strings.Fields(hook.Header.Get("Webhook-Signature"))
	for _, text := range given[:min(len(given), maxSignatures)] {
		text, is := strings.CutPrefix(text, "v1,")
		signature, err := base64.StdEncoding.DecodeString(text)
		if !is || err != nil {
			continue
		}
		for _, secret := range w.Secrets {
			if key, err := standardKey(secret); err == nil && hmac.Equal(signature, digest(key, signed)) {
				return nil
			}
		}
	}
	return errUnsigned
}

// standardKey is the key of a secret: what follows whsec_, in base64.
func standardKey(secret Secret) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(secret), standardPrefix))
	if err != nil || len(key) == 0 {
		return nil, errors.New("is not base64, with or without whsec_ before it")
	}
	return key, nil
}

func digest(key, text []byte) []byte {
	sum := hmac.New(sha256.New, key)
	sum.Write(text)
	return sum.Sum(nil)
}
