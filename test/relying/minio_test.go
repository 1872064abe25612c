package relying

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/miniotest"
)

const awsAudience = "sts.amazonaws.com"

// roleOf is the role that MinIO makes of a client id (its documentation prints no rule, its answers hold the name).
func roleOf(client string) string {
	sum := sha1.Sum([]byte(client))
	return "arn:minio:iam:::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// TestMinIO: AssumeRoleWithWebIdentity gives credentials, and what they may do is a policy's to say.
func TestMinIO(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	made := mint(t, issuer, awsAudience)
	minio := miniotest.Start(t,
		"MINIO_IDENTITY_OPENID_CONFIG_URL="+issuer.URL+"/.well-known/openid-configuration",
		"MINIO_IDENTITY_OPENID_CLIENT_ID="+awsAudience, "MINIO_IDENTITY_OPENID_ROLE_POLICY=release")
	minio.Do(t, "PUT", "minio/admin/v3/add-canned-policy?name=release", fmt.Sprintf(`{
		"Version": "2012-10-17",
		"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::releases/*"],
			"Condition": {"StringEquals": {"jwt:iss": %q, "jwt:sub": "infra/deploy"}}}]}`, issuer.URL))
	minio.Do(t, "PUT", "releases", "")
	minio.Do(t, "PUT", "releases/one", "hello")
	assume := func(raw string) (bool, any) {
		_, assumed, answer := minio.AssumeRole(t, roleOf(awsAudience), raw)
		return assumed, answer
	}
	made.judge(t, assume, algorithms, "unknown critical header", "another issuer", "another job")
	// With credentials for nothing: the policy holds against what its conditions name.
	read := func(raw string) (bool, any) {
		credentials, assumed, answer := minio.AssumeRole(t, roleOf(awsAudience), raw)
		if !assumed {
			return false, answer
		}
		status, got := minio.As(t, credentials, "GET", "releases/one", "")
		return status == 200 && got == "hello", got
	}
	made.judge(t, read, algorithms, "unknown critical header")
}
