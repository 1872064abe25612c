package oci

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/writ-run/writ/container"
)

// Image is an unpacked image.
type Image struct {
	Layers     []string // directories in overlay's form, lowest first; never written to
	Env        []string
	User       string                             // as Spec.User; empty: root
	Entrypoint []string                           // for Spec.Entrypoint
	WorkDir    string                             // for Spec.ImageDir; empty: the root
	Lookup     func(user string) (Account, error) // nil: numbers only
	Resolve    func(path string) (string, error)  // where an absolute path leads by the image's links; nil: they are not looked at
	Release    func()                             // called when no container uses it any more; may be nil

	embedded bool // the writ binary is mounted at selfPath
}

// Account is a user of an image.
type Account struct {
	UID, GID uint32
	Groups   []uint32
	Home     string
	Name     string
}

// account finds a user of the image.
func (i *Image) account(user string) (Account, error) {
	if i.Lookup != nil {
		return i.Lookup(user)
	}
	return numericAccount(user)
}

// numericAccount reads UID or UID:GID; empty is root.
func numericAccount(user string) (Account, error) {
	if user == "" || user == "root" {
		return Account{Home: "/root", Name: "root"}, nil
	}
	id, group, grouped := strings.Cut(user, ":")
	uid, err := strconv.ParseUint(id, 10, 31)
	gid := uint64(0)
	if err == nil && grouped {
		gid, err = strconv.ParseUint(group, 10, 31)
	}
	if err != nil {
		return Account{}, fmt.Errorf("user %q: the image has no such user; want a name that it has, UID or UID:GID", user)
	}
	return Account{UID: uint32(uid), GID: uint32(gid)}, nil
}

// fill puts what a Spec takes from its image into it.
func (i *Image) fill(s container.Spec) container.Spec {
	if s.Entrypoint && len(i.Entrypoint) > 0 {
		s.Args = slices.Concat(i.Entrypoint[1:], []string{s.Path}, s.Args)
		s.Path = i.Entrypoint[0]
	}
	if s.ImageDir && !filepath.IsAbs(s.Dir) {
		s.Dir = filepath.Join("/", i.WorkDir, s.Dir)
	}
	return s
}

// systemDirectories must be directories in an image: OCI runtimes follow a link in their place out of the root file system.
var systemDirectories = [...]string{"dev", "proc", "sys"}

// check refuses an image that an OCI runtime cannot be trusted with.
func (i *Image) check() error {
	for _, name := range systemDirectories {
		if info := i.top(name); info != nil && !info.IsDir() {
			return fmt.Errorf("its /%s is %s, not a directory", name, container.Kind(info.Mode()))
		}
	}
	return nil
}

// top is what the image has in its root under a name; nil: nothing.
func (i *Image) top(name string) fs.FileInfo {
	for _, layer := range slices.Backward(i.Layers) {
		info, err := os.Lstat(filepath.Join(layer, name))
		if err != nil {
			continue
		}
		if info.Mode()&fs.ModeCharDevice != 0 { // a whiteout: device nodes are not unpacked
			return nil
		}
		return info
	}
	return nil
}
