package command

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/writ-run/writ/container"
)

// maxValue is the longest value that is put into a variable: Linux takes 128 KiB in one string, with the name.
const maxValue = 96 << 10

// Where files with values are in a container.
const valuesPath = "/run/writ-values"

// variables are what the Commands of a list see of those before them. The shell expands them: nothing of a value is ever
// put into a script.
type variables map[string]string

// checked sets what a check is known by, for the Command's own change or remove and for later ones.
func (v variables) checked(prefix string, e *Execution) {
	out := e.Output.value()
	if prefix != "" {
		v[prefix] = out
	}
	v[prefix+"_CHECK"], v[prefix+"_CHECK_OUT"] = failure(e), out
}

// settle sets what a Command is known by once it is over, and unsets what it did not do.
func (v variables) settle(c *Command, o *Outcome) {
	p := c.EnvPrefix
	switch {
	case o.Check != nil:
		v.checked(p, o.Check)
	case c.Check == "":
		v[p+"_CHECK"] = "0" // Etcha's documentation: a check that is not there does not fail
	default:
		delete(v, p+"_CHECK")
	}
	if o.Check == nil {
		delete(v, p+"_CHECK_OUT")
		if p != "" {
			delete(v, p)
		}
	}
	for name, e := range map[string]*Execution{p + "_CHANGE": o.Change, p + "_REMOVE": o.Remove} {
		if e == nil {
			delete(v, name)
			delete(v, name+"_OUT")
			continue
		}
		v[name], v[name+"_OUT"] = failure(e), e.Output.value()
	}
}

func failure(e *Execution) string {
	if e.well() {
		return "0"
	}
	return "1"
}

// value is the output as a variable has it: without the white space around it, and without NUL bytes, which none can hold.
func (o Output) value() string {
	return strings.ReplaceAll(strings.TrimSpace(o.String()), "\x00", "")
}

// values makes files of those values that are too long for a variable. Each can be read by who is to read it alone, and all
// are gone after the run.
type values struct {
	within string // empty: the directory for temporary files
	base   string // made when it is first needed
	files  map[string]map[string]string
}

// reader is who is to read a value: an execution's user.
type reader struct {
	name    string // of its directory
	account *container.Account
}

// environment is the variables for a reader as NAME=value, or NAME_FILE=path where a value is long.
func (f *values) environment(v variables, r reader, see func(directory string) string) ([]string, error) {
	entries := make([]string, 0, len(v))
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if len(v[name]) <= maxValue {
			entries = append(entries, name+"="+v[name])
			continue
		}
		file, err := f.file(name, v[name], r)
		if err != nil {
			return nil, fmt.Errorf("variable %s of %d bytes: %w", name, len(v[name]), err)
		}
		entries = append(entries, name+"_FILE="+filepath.Join(see(f.directory(r)), file))
	}
	return entries, nil
}

func (f *values) directory(r reader) string { return filepath.Join(f.base, r.name) }

// file returns the name of the file with a value in the reader's directory, and makes it where it is not there yet.
func (f *values) file(name, value string, r reader) (string, error) {
	if f.files[r.name] == nil {
		if err := f.make(r); err != nil {
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
func (f *values) make(r reader) error {
	if f.base == "" {
		base, err := os.MkdirTemp(f.within, "writ-values-")
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
	return errors.Join(os.Chmod(f.base, 0o711), os.Chmod(f.directory(r), 0o711))
}

func (f *values) remove() error {
	if f.base == "" {
		return nil
	}
	err := os.RemoveAll(f.base)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
