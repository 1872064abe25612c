package issuer

import (
	"fmt"
	"os"
	"path/filepath"
)

// Export writes the discovery document and the key set below a directory, as static files for any web server: for an
// issuer that relying parties cannot reach. The document names no introspection endpoint, since nobody would answer
// there. From then on a key waits before it signs until it has been exported. It returns the files written.
func Export(directory, issuerURL string, keys *KeyRing) ([]string, error) {
	if err := checkURL(issuerURL); err != nil {
		return nil, fmt.Errorf("issuer URL %q: %w", issuerURL, err)
	}
	text, err := document(issuerURL, false)
	if err != nil {
		return nil, err
	}
	exported := keys.Set()
	set, err := exported.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var written []string
	// The key set first: a document that names it must not come before it.
	for _, f := range []struct {
		path string
		body []byte
	}{{jwksPath, set}, {discoveryPath, text}} {
		path := filepath.Join(directory, filepath.FromSlash(f.path))
		if err := writePublic(path, append(f.body, '\n')); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, keys.exported(exported)
}

// writePublic writes a file that everyone may read, atomically.
func writePublic(path string, body []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".writ-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // in vain once it is renamed
	if _, err = file.Write(body); err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(file.Name(), path)
}
