package vault

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload/workloadtest"
)

// certificate returns a self-signed certificate for 127.0.0.1 and its key, in PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "job"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}

// syncBuffer is a log that a renewal may write to while a test reads.
type syncBuffer struct {
	lock sync.Mutex
	b    bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.b.String()
}

// opened is a source under test, with what it said about itself.
type opened struct {
	vars.Source
	minter  *workloadtest.Minter
	log     *syncBuffer
	lock    sync.Mutex
	secrets []string
}

func (o *opened) told() []string {
	o.lock.Lock()
	defer o.lock.Unlock()
	return append([]string(nil), o.secrets...)
}

// get is what a pipeline gets for ((v:path)).
func (o *opened) get(t *testing.T, text string) (any, error) {
	t.Helper()
	return vars.Interpolate(t.Context(), "((v:"+text+"))", o.Get)
}

// open opens a source and closes it with the test, which fails if a token is in the log.
func open(t *testing.T, kind Kind, minter *workloadtest.Minter, config map[string]any) *opened {
	t.Helper()
	o := &opened{minter: minter, log: &syncBuffer{}}
	kind.Log = slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	kind.OnSecret = func(secret string) {
		o.lock.Lock()
		defer o.lock.Unlock()
		o.secrets = append(o.secrets, secret)
	}
	if err := kind.Validate(config); err != nil {
		t.Fatal(err)
	}
	source, err := kind.Open(t.Context(), minter.Open(t), config)
	if err != nil {
		t.Fatal(err)
	}
	o.Source = source
	t.Cleanup(func() {
		if err := source.(io.Closer).Close(); err != nil && !t.Failed() {
			t.Logf("close: %v", err)
		}
		for _, secret := range append(o.told(), "eyJ") {
			if strings.Contains(o.log.String(), secret) {
				t.Errorf("the log holds a token: %s", o.log)
			}
		}
	})
	return o
}

// checkKind demands that an error is the one of the four that want points to, and none of the others.
func checkKind(t *testing.T, err error, want any) {
	t.Helper()
	var denied *vars.DeniedError
	var refused *vars.LoginError
	var unreachable *vars.UnreachableError
	var undefined *vars.UndefinedError
	var got []string
	for _, target := range []any{&denied, &refused, &unreachable, &undefined} {
		if errors.As(err, target) {
			got = append(got, fmt.Sprintf("%T", target))
		}
	}
	if len(got) != 1 || got[0] != fmt.Sprintf("%T", want) {
		t.Fatalf("%v is %v, want %T alone", err, got, want)
	}
}
