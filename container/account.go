package container

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// Account is a user of this machine.
type Account struct {
	UID, GID   uint32
	Groups     []uint32 // the others that it is in
	Name, Home string   // empty: only its number is known
}

// LookUpAccount finds NAME, UID, NAME:GROUP or UID:GID on this machine. A number that nobody has needs a group beside it.
func LookUpAccount(text string) (Account, error) {
	name, group, grouped := strings.Cut(text, ":")
	a, err := lookUpUser(name, grouped)
	if err != nil {
		return Account{}, fmt.Errorf("user %q: %w", name, err)
	}
	if grouped {
		if a.GID, err = LookUpGroup(group); err != nil {
			return Account{}, err
		}
	}
	return a, nil
}

func lookUpUser(name string, grouped bool) (a Account, err error) {
	known, err := user.Lookup(name)
	if err != nil {
		number, wrong := strconv.ParseUint(name, 10, 31)
		if wrong != nil {
			return Account{}, fmt.Errorf("this machine has no such user")
		}
		if known, err = user.LookupId(name); err != nil {
			if !grouped {
				return Account{}, fmt.Errorf("nobody has that number: name a group beside it")
			}
			return Account{UID: uint32(number)}, nil
		}
	}
	a.Name, a.Home = known.Username, known.HomeDir
	if a.UID, err = id(known.Uid); err != nil {
		return Account{}, err
	}
	if a.GID, err = id(known.Gid); err != nil {
		return Account{}, err
	}
	others, err := known.GroupIds()
	if err != nil {
		return Account{}, err
	}
	for _, other := range others {
		number, err := id(other)
		if err != nil {
			return Account{}, err
		}
		a.Groups = append(a.Groups, number)
	}
	return a, nil
}

// LookUpGroup finds a group of this machine by name or number. A number need not be anybody's.
func LookUpGroup(name string) (uint32, error) {
	known, err := user.LookupGroup(name)
	if err == nil {
		return id(known.Gid)
	}
	number, err := strconv.ParseUint(name, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("group %q: this machine has no such group", name)
	}
	return uint32(number), nil
}

func id(text string) (uint32, error) {
	number, err := strconv.ParseUint(text, 10, 32)
	return uint32(number), err
}
