// Vaultjwt runs the current logic of Vault's jwt auth method (vault-plugin-auth-jwt, MPL-2.0) in process, without the
// server around it: newer servers than test/vaultdev's do not build from the module proxy. It is a module of its own, so
// that its dependencies stay out of Writ's.
//
//	vaultjwt 127.0.0.1:0
//
// It prints its URL when it is ready, and takes what Vault takes at auth/jwt: POST /v1/auth/jwt/config, role/NAME and
// login. An answer has "auth" or "errors", as Vault's. Nobody needs a token: there are no secrets behind it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: vaultjwt ADDRESS")
	}
	if host, _, err := net.SplitHostPort(os.Args[1]); err != nil || !net.ParseIP(host).IsLoopback() {
		log.Fatalf("%s: the address must be a loopback one, with a port", os.Args[1])
	}
	storage := &logical.InmemStorage{}
	backend, err := jwtauth.Factory(context.Background(), &logical.BackendConfig{
		Logger:      hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Warn}),
		System:      &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: 24 * time.Hour},
		StorageView: storage,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := backend.Initialize(context.Background(), &logical.InitializationRequest{Storage: storage}); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	http.Handle("POST /v1/auth/jwt/{path...}", method{backend, storage})
	log.Fatal(http.Serve(listener, nil))
}

// method answers for the auth method.
type method struct {
	backend logical.Backend
	storage logical.Storage
}

func (m method) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := &logical.Request{
		Operation: logical.UpdateOperation, Path: r.PathValue("path"), Storage: m.storage,
		MountPoint: "auth/jwt/", MountType: "jwt", Connection: &logical.Connection{RemoteAddr: r.RemoteAddr},
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&request.Data); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	checked, exists, err := m.backend.HandleExistenceCheck(r.Context(), request)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	if checked && !exists {
		request.Operation = logical.CreateOperation
	}
	response, err := m.backend.HandleRequest(r.Context(), request)
	switch {
	case errors.Is(err, logical.ErrPermissionDenied):
		refuse(w, http.StatusForbidden, err)
	case err != nil:
		refuse(w, http.StatusBadRequest, err)
	case response != nil && response.IsError():
		refuse(w, http.StatusBadRequest, response.Error())
	case response != nil && response.Auth != nil:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"auth": response.Auth})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// refuse answers as Vault does.
func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []string{err.Error()}})
}
