package key_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/writ-run/writ/key"
)

// TestRule3_13HashIterations: a private key under a password (PKCS #8 with PBES2, or OpenSSL's old form) is refused by its
// name and before anything is derived, whatever number of iterations it asks for.
func TestRule3_13HashIterations(t *testing.T) {
	t.Parallel()
	for _, iterations := range []int{1, 2048, 1<<31 - 1} {
		parameters := must(t)(asn1.Marshal(struct {
			Salt       []byte
			Iterations int
		}{make([]byte, 8), iterations}))
		derivation := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}, Parameters: asn1.RawValue{FullBytes: parameters}}
		cipher := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}, Parameters: asn1.RawValue{FullBytes: must(t)(asn1.Marshal(make([]byte, 16)))}}
		scheme := must(t)(asn1.Marshal(struct{ Derivation, Cipher pkix.AlgorithmIdentifier }{derivation, cipher}))
		der := must(t)(asn1.Marshal(struct {
			Scheme pkix.AlgorithmIdentifier
			Data   []byte
		}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}, Parameters: asn1.RawValue{FullBytes: scheme}}, make([]byte, 64)}))
		text := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der})
		if _, err := key.ParsePrivate(text); err == nil || !strings.Contains(err.Error(), "encrypted with a passphrase") {
			t.Errorf("%d iterations: %v", iterations, err)
		}
		if _, err := key.ParsePublic(text); err == nil {
			t.Errorf("%d iterations: taken as a public key", iterations)
		}
	}
}
