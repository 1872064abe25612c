package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/policy"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// A relying party verifies a job's token, and lets in whom its rule allows. What it hands on is an Allowed: code that
// takes one cannot be given a token that nobody checked.
func Example() {
	ctx := context.Background()
	signingKey, err := key.Generate(key.EdDSA, "")
	if err != nil {
		panic(err)
	}
	raw := mint(ctx, signingKey)

	keys, err := key.NewSet(signingKey.Public()) // over the network: key/remote
	if err != nil {
		panic(err)
	}
	profile := token.Profile{
		Issuer:   "https://ci.example.com",
		Audience: []string{"https://vault.example.com"},
		Required: []string{"exp", "sub"},
	}
	verified, report, err := token.Verify[workload.Identity](ctx, raw, keys, profile)
	if err != nil {
		fmt.Println("refused:", err, report.Failed())
		return
	}
	for _, source := range []string{`team == "infra" && job matches "rel.*"`, `environment == "production"`} {
		rule, err := policy.Compile(source)
		if err != nil {
			panic(err)
		}
		allowed, _, err := policy.Allow(verified, rule)
		if err != nil {
			fmt.Println("refused:", err)
			continue
		}
		fmt.Println("allowed:", allowed.Claims().Subject)
	}
	// Output:
	// allowed: infra/deploy
	// refused: rule does not hold: environment == "production": the claim "environment" is missing
}

// mint is what the issuer does.
func mint(ctx context.Context, signingKey key.Private) string {
	now := time.Now().Unix()
	claims := workload.NewIdentity(workload.Subject{Team: "infra", Pipeline: "deploy", Job: "release"}, workload.IDs{TeamID: 1, PipelineID: 1, JobID: 1, BuildID: 1}, "1")
	claims.Registered = token.Registered{
		Issuer: "https://ci.example.com", Subject: "infra/deploy", Audience: token.Audience{"https://vault.example.com"}, ID: "1",
		IssuedAt: token.NumericDate(now), NotBefore: token.NumericDate(now), Expiry: token.NumericDate(now + 600),
	}
	raw, err := token.NewSigner(signingKey).SignToken(ctx, "JWT", claims)
	if err != nil {
		panic(err)
	}
	return raw
}
