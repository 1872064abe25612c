package atrest_test

import (
	"strings"
	"testing"

	"github.com/writ-run/writ/key/atrest"
)

// TestRule3_13HashIterations: a file under a password, with a work factor of the attacker's choice, is not opened.
func TestRule3_13HashIterations(t *testing.T) {
	t.Parallel()
	sealer, err := atrest.OpenSealer(t.TempDir() + "/identity/id")
	if err != nil {
		t.Fatal(err)
	}
	scrypt := "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	if _, err := sealer.Open([]byte(scrypt)); err == nil || !strings.Contains(err.Error(), "another identity") {
		t.Errorf("an age file under a password: %v", err)
	}
}
