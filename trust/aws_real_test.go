package trust_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/test/issuertest"
	"github.com/writ-run/writ/test/miniotest"
	"github.com/writ-run/writ/trust"
	"github.com/writ-run/writ/workload"
)

// TestAWS runs the printed commands with a client that keeps what IAM would be told, and has a real MinIO judge tokens by
// the conditions of the trust policy. MinIO has no trust policies: they stand in the role's policy, under the names that
// MinIO gives to claims, so that reading an object says what taking the role would.
func TestAWS(t *testing.T) {
	t.Parallel()
	issuer := issuertest.Start(t)
	k := issuerKey(t, issuer, key.RS256)
	const audience = "sts.amazonaws.com"
	minio := miniotest.Start(t, "MINIO_IDENTITY_OPENID_CONFIG_URL="+issuer.URL+"/.well-known/openid-configuration",
		"MINIO_IDENTITY_OPENID_CLIENT_ID="+audience, "MINIO_IDENTITY_OPENID_ROLE_POLICY=trusted")
	minio.Do(t, "PUT", "bucket", "")
	minio.Do(t, "PUT", "bucket/object", "hello")
	sum := sha1.Sum([]byte(audience))
	role := "arn:minio:iam:::role/" + base64.RawURLEncoding.EncodeToString(sum[:])
	for i, wish := range []trust.Wish{
		{Run: workload.Subject{Team: "main", Pipeline: "web"}},
		{Run: workload.Subject{Team: "main", Pipeline: "web", Job: "release"}},
		{Rule: `sub startsWith "main/"`},
		{Rule: `sub matches "x?main/(web|api.*)"`},
		{Rule: `sub in ["main/web", "main/webx"]`},
	} {
		wish.Issuer, wish.Account, wish.Role = issuer.URL, "123456789012", "web"
		plan, err := party(t, "aws").Plan(wish)
		if err != nil {
			t.Fatal(err)
		}
		directory := runCommands(t, plan.Commands)
		provider := readJSON(t, filepath.Join(directory, "create-open-id-connect-provider.json"))
		if provider["url"] != issuer.URL || provider["client-id-list"] != audience {
			t.Errorf("the provider is %v", provider)
		}
		minio.Do(t, "PUT", "minio/admin/v3/add-canned-policy?name=trusted", roleOfMinIO(t, directory, issuer.URL))
		admitted, refused := 0, 0
		now := time.Now()
		sample, err := plan.Claims(now, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes(now) {
			// Of the times, iss and aud MinIO has rules of its own; what is compared here is sub.
			if _, named := c.set["sub"]; !named && c.set != nil || c.set != nil && c.set["sub"] == nil {
				continue
			}
			claims := c.of(sample)
			raw := sign(t, k, claims)
			credentials, assumed, answer := minio.AssumeRole(t, role, raw)
			if !assumed {
				t.Errorf("wish %d, %s: no credentials: %s", i, c.name, answer)
				continue
			}
			status, got := minio.As(t, credentials, "GET", "bucket/object", "")
			shown, err := trust.ReadSample(raw, now)
			if err != nil {
				t.Fatal(err)
			}
			want := true
			for _, failed := range plan.Judge(shown).Failed() {
				want = want && failed.Name != "sub"
			}
			if (status == 200 && got == "hello") != want {
				t.Errorf("wish %d, %s: MinIO answers %d, the model says %v of sub %v", i, c.name, status, want, claims["sub"])
			}
			if want {
				admitted++
			} else {
				refused++
			}
		}
		if admitted == 0 || refused == 0 {
			t.Errorf("wish %d: %d admitted, %d refused", i, admitted, refused)
		}
	}
}

// roleOfMinIO is a policy with the conditions of the trust policy that IAM would be told.
func roleOfMinIO(t *testing.T, directory, issuer string) string {
	t.Helper()
	document, _ := readJSON(t, filepath.Join(directory, "create-role.json"))["assume-role-policy-document"].(string)
	var policy struct {
		Statement []struct{ Condition map[string]map[string]any }
	}
	if err := json.Unmarshal([]byte(document), &policy); err != nil || len(policy.Statement) != 1 {
		t.Fatalf("%v in %s", err, document)
	}
	conditions := map[string]map[string]any{}
	for operator, keys := range policy.Statement[0].Condition {
		if conditions[operator] == nil {
			conditions[operator] = map[string]any{}
		}
		for name, value := range keys {
			claim, ours := strings.CutPrefix(name, strings.TrimPrefix(issuer, "http://")+":")
			if !ours {
				t.Fatalf("the condition key %q is not the issuer's", name)
			}
			if claim == "aud" {
				continue // a list in our tokens, which MinIO compares as a client id only
			}
			conditions[operator]["jwt:"+claim] = value
		}
	}
	maps.DeleteFunc(conditions, func(_ string, keys map[string]any) bool { return len(keys) == 0 })
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": "Allow", "Action": []string{"s3:GetObject"}, "Resource": []string{"arn:aws:s3:::bucket/*"}, "Condition": conditions,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
