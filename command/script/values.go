package script

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// maxValue is the longest value that is put into a variable: Linux takes 128 KiB in one string, with the name.
const maxValue = 96 << 10

// Where files with values are in a container.
const valuesPath = "/run/writ-values"

// valuesPrefix begins the names of directories with values.
const valuesPrefix = "writ-values-"

// Sweep removes the files with long values that runs of this user's have left which were killed. directory is a Starter's Dir.
func Sweep(directory string) error {
	if directory == "" {
		directory = os.TempDir()
	}
	return scratch.SweepTemporary(directory, valuesPrefix)
}

// values makes files of those values that are too long for a variable. Each can be read by who is to read it alone, and all
// are gone after the run.
type values struct {
	base  *scratch.Directory // made when it is first needed
	files map[string]map[string]string
}

// reader is who is to read a value: an execution's user.
type reader struct {
	name    string // of its directory
	account *container.Account
}

// environment is the variables for a reader as NAME=value, or NAME_FILE=path where a value is long.
func (f *values) environment(within string, v map[string]string, r reader, see func(directory string) string) ([]string, error) {
	entries := make([]string, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if len(v[name]) <= maxValue {
			entries = append(entries, name+"="+v[name])
			continue
		}
		file, err := f.file(within, name, v[name], r)
		if err != nil {
			return nil, fmt.Errorf("variable %s of %d bytes: %w", name, len(v[name]), err)
		}
		entries = append(entries, name+"_FILE="+filepath.Join(see(f.directory(r)), file))
	}
	return entries, nil
}

func (f *values) directory(r reader) string { return filepath.Join(f.base.Path(), r.name) }

// file returns the name of the file with a value in the reader's directory, and makes it where it is not there yet.
func (f *values) file(within, name, value string, r reader) (string, error) {
	if f.files[r.name] == nil {
		if err := f.make(within, r); err != nil {
			return "", err
		}
	}
	made := f.files[r.name]
	if file, known := made[value]; known {
		return file, nil
	}
	file := name + "." + strconv.Itoa(len(made))
	if err := r.write(filepath.Join(f.directory(r), file), value); err != nil {
		return "", err
	}
	made[value] = file
	return file, nil
}

// write makes a file that is the reader's alone.
func (r reader) write(path, value string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	if err == nil && r.account != nil {
		err = file.Chown(int(r.account.UID), int(r.account.GID))
	}
	if err = errors.Join(err, file.Close()); err != nil {
		os.Remove(path)
	}
	return err
}

// make makes the reader's directory. It is never another user's own, who could put links where files are to be made: that
// user may pass, and read each file in it that is theirs.
func (f *values) make(within string, r reader) error {
	if f.base == nil {
		base, err := scratch.OpenTemporary(within, valuesPrefix)
		if err != nil {
			return err
		}
		f.base, f.files = base, map[string]map[string]string{}
	}
	if err := os.Mkdir(f.directory(r), 0o700); err != nil {
		return err
	}
	f.files[r.name] = map[string]string{}
	if r.account == nil {
		return nil
	}
	return errors.Join(os.Chmod(f.base.Path(), 0o711), os.Chmod(f.directory(r), 0o711))
}

func (f *values) remove() error {
	if f.base == nil {
		return nil
	}
	return f.base.Close()
}
