package atrest

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile writes a private file atomically: readers see the old content or the new, also after a crash. The file is
// 0600; a missing parent directory is made 0700.
func WriteFile(path string, data []byte) error {
	temporary, err := writeTemporary(path, data)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

// writeTemporary writes data, synced, to a new file beside path.
func writeTemporary(path string, data []byte) (name string, err error) {
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(directory, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if _, err := file.Write(data); err != nil {
		return "", err
	}
	if err := file.Sync(); err != nil {
		return "", err
	}
	return file.Name(), file.Close()
}

// syncDirectory makes a rename in it last.
func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	defer directory.Close()
	if err := directory.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
