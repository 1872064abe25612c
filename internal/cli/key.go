package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/writ-run/writ/key/atrest"
)

// maxKeyFile bounds what is read as a key: 1 MiB holds a key set of a thousand keys.
const maxKeyFile = 1 << 20

func (a *app) keyVerb() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Make and convert keys; list, rotate and withdraw the issuer's own", Example: "  writ key generate --out signing.jwk"}
	cmd.AddCommand(a.keyGenerateVerb(), a.keyConvertVerb(), a.keyListVerb(), a.keyRotateVerb(), a.keyWithdrawVerb())
	return cmd
}

// readKeyFile reads a key file, or standard input for "-", and opens it where it is encrypted.
func (a *app) readKeyFile(cmd *cobra.Command, name string) ([]byte, error) {
	data, err := a.readFile(name, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if !atrest.Sealed(data) {
		return data, nil
	}
	config, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	path := config.Issuer.IdentityFile
	sealer, err := atrest.ReadSealer(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, hinted{fmt.Errorf("%s: encrypted with age, and there is no identity file %s to open it with", name, path), "issuer.identityFile names it; it is made where the first key is sealed"}
	case err != nil:
		return nil, err
	}
	plain, err := sealer.Open(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return plain, nil
}

func (a *app) seal(cmd *cobra.Command, plain []byte) ([]byte, error) {
	config, err := a.loadConfig(cmd)
	if err != nil {
		return nil, err
	}
	sealer, err := atrest.OpenSealer(config.Issuer.IdentityFile)
	if err != nil {
		return nil, err
	}
	return sealer.Seal(plain)
}

// readFile reads a bounded file, or standard input for "-".
func (a *app) readFile(name string, limit int64) ([]byte, error) {
	reader, known := a.stdin, int64(0)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		reader = file
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			if known = info.Size(); known > limit {
				return nil, tooLarge{name, limit}
			}
		}
	}
	data, err := readAll(io.LimitReader(reader, limit+1), known)
	var named *os.PathError // as name, which it is said of anyway
	switch {
	case errors.As(err, &named):
		return nil, fmt.Errorf("read %s: %w", name, named.Err)
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge{name, limit}
	}
	return data, nil
}

// readAll is io.ReadAll of what probably has so many bytes.
func readAll(r io.Reader, known int64) ([]byte, error) {
	data := bytes.NewBuffer(make([]byte, 0, known+bytes.MinRead))
	_, err := data.ReadFrom(r)
	return data.Bytes(), err
}

// tooLarge is a file that is not read to its end.
type tooLarge struct {
	name  string
	limit int64
}

func (e tooLarge) Error() string { return fmt.Sprintf("%s is larger than %d bytes", e.name, e.limit) }

// writeNew writes a private file; an existing one is replaced only with force, since it may be the only copy of a key.
func writeNew(path string, data []byte, force bool) error {
	if !force {
		_, err := os.Lstat(path)
		if err == nil {
			return hinted{fmt.Errorf("%s exists already", path), "use --force to replace it"}
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return atrest.WriteFile(path, data)
}
