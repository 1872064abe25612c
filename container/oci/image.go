package oci

import (
	"errors"
	"strconv"
	"strings"
)

// Image is an unpacked image.
type Image struct {
	Layers  []string // directories in overlay's form, lowest first; never written to
	Env     []string
	User    string                             // as Spec.User; empty: root
	Lookup  func(user string) (Account, error) // nil: numbers only
	Release func()                             // called when no container uses it any more; may be nil

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
		return Account{}, errors.New("the image has no such user; want a name that it has, or UID or UID:GID")
	}
	return Account{UID: uint32(uid), GID: uint32(gid)}, nil
}
