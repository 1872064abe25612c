// Vaultdev runs a real HashiCorp Vault (1.13.1, MPL-2.0), in memory and unsealed, on a loopback address: the auth methods
// jwt, userpass and approle, the secrets engines kv (version 1 and 2) and transit. It is a module of its own, so that
// Vault's dependencies stay out of Writ's. It is a test tool: its storage is lost when it ends.
//
//	vaultdev 127.0.0.1:8200
//
// It prints its URL and its root token, a line each, when it is ready. With -until-eof before the address it ends as
// soon as its standard input does, so that it never outlives a test that was killed.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/vault"
	testing "github.com/mitchellh/go-testing-interface"
)

func main() {
	untilEOF := flag.Bool("until-eof", false, "end when standard input ends")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: vaultdev [-until-eof] ADDRESS")
	}
	if host, _, err := net.SplitHostPort(flag.Arg(0)); err != nil || !net.ParseIP(host).IsLoopback() {
		log.Fatalf("%s: the address must be a loopback one, with a port", flag.Arg(0))
	}
	listener, err := net.Listen("tcp", flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	core, _, root := vault.TestCoreUnsealedWithConfig(&testing.RuntimeT{}, &vault.CoreConfig{
		Logger:          hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Warn}),
		LogicalBackends: map[string]logical.Factory{"kv": kv.Factory, "transit": transit.Factory},
		CredentialBackends: map[string]logical.Factory{
			"jwt": jwtauth.Factory, "userpass": userpass.Factory, "approle": approle.Factory,
		},
	})
	if *untilEOF {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	fmt.Printf("http://%s\n%s\n", listener.Addr(), root)
	log.Fatal(http.Serve(listener, vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core})))
}
