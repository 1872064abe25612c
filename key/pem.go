package key

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// PEM returns the public key as a PKIX "PUBLIC KEY" block.
func (p Public) PEM() ([]byte, error) {
	if p.key == nil {
		return nil, errors.New("no public key")
	}
	der, err := x509.MarshalPKIXPublicKey(p.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// PEM returns the private key as a PKCS #8 "PRIVATE KEY" block. The caller keeps it secret.
func (p Private) PEM() ([]byte, error) {
	if p.key == nil {
		return nil, errors.New("no private key")
	}
	der, err := x509.MarshalPKCS8PrivateKey(p.key())
	if err != nil {
		return nil, errors.New("private key cannot be encoded as PKCS #8")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// nextBlock is the next block that may be a key: OpenSSL writes the name of the curve into one of its own before the key.
func nextBlock(data []byte) (*pem.Block, []byte) {
	block, rest := pem.Decode(data)
	for block != nil && block.Type == "EC PARAMETERS" {
		block, rest = pem.Decode(rest)
	}
	return block, rest
}

func checkAlone(block *pem.Block, rest []byte) error {
	if block == nil {
		return errors.New("PEM: no complete block")
	}
	if bytes.Contains(rest, []byte("-----BEGIN ")) {
		return errors.New("PEM: more than one block; want one key")
	}
	return nil
}

func publicBlock(block *pem.Block) (Public, error) {
	var pub any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		pub, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return Public{}, ErrPrivate
	default:
		return Public{}, fmt.Errorf("PEM: block %.40q; want PUBLIC KEY or RSA PUBLIC KEY", block.Type)
	}
	if err != nil {
		return Public{}, fmt.Errorf("PEM: %s block: not a public key of a known form", block.Type)
	}
	public, err := NewPublic(pub, "")
	if err != nil {
		return Public{}, fmt.Errorf("PEM: %w", err)
	}
	return public, nil
}

func privateBlock(block *pem.Block) (Private, error) {
	var parsed any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return Private{}, errors.New("PEM: the private key is encrypted with a passphrase; decrypt it first, or encrypt it with age")
	default:
		return Private{}, fmt.Errorf("PEM: block %.40q; want PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY", block.Type)
	}
	if err != nil || block.Headers["DEK-Info"] != "" {
		return Private{}, fmt.Errorf("PEM: %s block: not a private key of a known form", block.Type)
	}
	switch k := parsed.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		private, err := newPrivate(k.(crypto.Signer), "")
		if err != nil {
			return Private{}, fmt.Errorf("PEM: %w", err)
		}
		return private, nil
	}
	return Private{}, fmt.Errorf("PEM: key type %T is not one of RSA, P-256, Ed25519", parsed)
}
