package token_test

import (
	"context"
	"fmt"
	"time"

	"github.com/writ-run/writ/key"
	"github.com/writ-run/writ/key/remote"
	"github.com/writ-run/writ/token"
)

// Orders are signed with a key in any form, here Etcha's, and verified with the keys that a list names. The kid of the
// token is a hint, and one audience of several is enough.
func ExampleVerifyOrder() {
	ctx := context.Background()
	signing, err := token.ParseSigner([]byte("ed25519private:MC4CAQAwBQYDK2VwBCIEIH0r30uYYQVEFJJ7cG5fPLteuGUPb8qBH+vAOjZnnNGJ:lAASVe7woP")) // published: never use it
	if err != nil {
		panic(err)
	}
	payload := `{"aud":["web","db"],"etchaPattern":{"entrypoint":"/main.jsonnet","files":{"/main.jsonnet":"{}"}},"iat":1800000000}`
	raw, err := signing.SignPayload(ctx, "JWT", []byte(payload))
	if err != nil {
		panic(err)
	}

	keys, err := remote.ResolveKeys(ctx, []string{"ed25519public:MCowBQYDK2VwAyEAwsXVnwaquPnF1J3oqhB1qFrBEAW+2FDkGYv7iqoPVHs=:another-name"}, remote.Options{})
	if err != nil {
		panic(err)
	}
	profile := token.Profile{AnyIssuer: true, Audience: []string{"web"}, NoAudience: true, Required: []string{"iat"}, Now: func() time.Time { return exampleTime }}
	verified, report, err := token.VerifyOrder[token.Registered]([]byte(raw), keys, profile)
	fmt.Println(err, verified.KeyID(), len(report.Failed()))

	_, _, err = token.VerifyOrder[token.Registered]([]byte(raw), key.OrderKeys{}, profile)
	fmt.Println(err)
	// Output:
	// <nil> another-name 0
	// key: want a key to verify with, got none
}
