// Package atrest keeps private keys on disk: encrypted with age to one identity, and written so that readers see the old
// content or the new.
//
// Invariant: no value of this package prints secret material, and no file of its own can be read by others. It is apart
// from package key, so that whoever only verifies tokens does not get age into the program.
package atrest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"filippo.io/age"
)

// sealedPrefix is how every age file starts.
const sealedPrefix = "age-encryption.org/v1\n"

// maxBytes bounds what is opened: no key is larger.
const maxBytes = 1 << 20

// maxIdentityBytes bounds an identity file.
const maxIdentityBytes = 64 << 10

// Sealed tells whether data is encrypted with age.
func Sealed(data []byte) bool { return bytes.HasPrefix(data, []byte(sealedPrefix)) }

// Sealer encrypts what rests on disk to one age X25519 identity. It prints as its public recipient only.
type Sealer struct{ identity *age.X25519Identity }

// OpenSealer reads the age identity at path. Where there is no file it makes one: 0600, in a directory that is made
// 0700. A file that others may read is refused.
func OpenSealer(path string) (*Sealer, error) {
	identity, err := readIdentity(path)
	if errors.Is(err, os.ErrNotExist) {
		identity, err = createIdentity(path)
	}
	if err != nil {
		return nil, fmt.Errorf("identity file %s: %w", path, err)
	}
	return &Sealer{identity}, nil
}

// ReadSealer is OpenSealer for what is there to be opened: where there is no identity file, it is an error that is
// os.ErrNotExist, since one that is made now would open nothing.
func ReadSealer(path string) (*Sealer, error) {
	identity, err := readIdentity(path)
	if err != nil {
		return nil, fmt.Errorf("identity file %s: %w", path, err)
	}
	return &Sealer{identity}, nil
}

func readIdentity(path string) (*age.X25519Identity, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("mode is %#o: others may read it; want 0600", info.Mode().Perm())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxIdentityBytes))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		identity, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, errors.New("not an age X25519 identity (AGE-SECRET-KEY-1...)")
		}
		return identity, nil
	}
	return nil, errors.New("empty: no age identity in it")
}

// createIdentity makes the file unless another process does so first, whose file then counts.
func createIdentity(path string) (*age.X25519Identity, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("# writ: decrypts this user's private keys; keep it out of backups of the data directory\n# public key: %s\n%s\n", identity.Recipient(), identity)
	temporary, err := writeTemporary(path, []byte(text))
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return readIdentity(path)
		}
		return nil, err
	}
	return identity, syncDirectory(filepath.Dir(path))
}

// Seal encrypts.
func (s *Sealer) Seal(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := age.Encrypt(&out, s.identity.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Open decrypts what Seal encrypted, up to 1 MiB.
func (s *Sealer) Open(sealed []byte) ([]byte, error) {
	if !Sealed(sealed) {
		return nil, errors.New("not encrypted with age")
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), s.identity)
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return nil, errors.New("encrypted to another identity file")
	}
	if err != nil {
		return nil, errors.New("damaged: the age header cannot be read")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, errors.New("damaged: decryption failed")
	}
	if len(plain) > maxBytes {
		return nil, fmt.Errorf("holds more than %d bytes", maxBytes)
	}
	return plain, nil
}

// String returns the public recipient.
func (s *Sealer) String() string {
	if s == nil || s.identity == nil {
		return "no identity"
	}
	return s.identity.Recipient().String()
}

// GoString is String.
func (s *Sealer) GoString() string { return s.String() }
