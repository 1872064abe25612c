package atrest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
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

// File is one of WriteFiles.
type File struct {
	Name string // in the directory
	Data []byte
}

// WriteFiles writes files of one directory, each as WriteFile does, and waits for the disk as long as for one. They appear in
// their order: whoever sees one sees those before it. After a crash, too, where the file system keeps the order of renames
// within a directory, as ext4, XFS and Btrfs do. It returns how many have appeared; with an error, where these are all, whether
// they last is not known.
func WriteFiles(directory string, files ...File) (appeared int, err error) {
	temporary, problems := make([]string, len(files)), make([]error, len(files))
	var writing sync.WaitGroup
	for i, f := range files {
		writing.Go(func() { temporary[i], problems[i] = writeTemporary(filepath.Join(directory, f.Name), f.Data) })
	}
	writing.Wait()
	err = errors.Join(problems...)
	for i, name := range temporary {
		if err == nil {
			err = os.Rename(name, filepath.Join(directory, files[i].Name))
		}
		switch {
		case err == nil:
			appeared++
		case problems[i] == nil:
			os.Remove(name)
		}
	}
	if err != nil {
		return appeared, err
	}
	return appeared, syncDirectory(directory)
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
