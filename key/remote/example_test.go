package remote_test

import (
	"context"
	"fmt"

	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
	"github.com/writ-run/writ/workload"
)

// A relying party keeps one Set for each issuer that it trusts: keys are fetched when they are first needed, cached,
// fetched once more for a kid that is not known, and served stale while the issuer is away.
func ExampleNew() {
	keys, err := remote.New(remote.Config{Issuer: "https://ci.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	verify := func(ctx context.Context, raw string) (workload.Identity, error) {
		profile := token.Profile{Issuer: "https://ci.example.com", Audience: []string{"https://registry.example.com"}, Required: []string{"exp"}}
		verified, _, err := token.Verify[workload.Identity](ctx, raw, keys, profile)
		return verified.Claims(), err
	}
	_, err = verify(context.Background(), "not a token")
	fmt.Println(err)
	// Output: format: want a signed token of three parts (compact JWS), got 1 part(s)
}
