package config

import (
	"fmt"
	"os"
	"syscall"
)

// trusted refuses a file that was found, not named, and is somebody else's: who may write /tmp/writ.jsonnet would decide
// for all who work below /tmp. The user's own, root's, and the working directory's owner's files count.
func trusted(path, workingDirectory string) error {
	owner, err := ownerOf(path)
	if err != nil {
		return err
	}
	if owner == 0 || int(owner) == os.Geteuid() {
		return nil
	}
	if here, err := ownerOf(workingDirectory); err == nil && here == owner {
		return nil
	}
	return foreignError{path, owner}
}

func ownerOf(path string) (uint32, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	status, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return 0, fmt.Errorf("%s: the owner is not known", path)
	}
	return status.Uid, nil
}

type foreignError struct {
	path  string
	owner uint32
}

func (e foreignError) Error() string {
	return fmt.Sprintf("%s was found above the working directory and belongs to another user (uid %d)", e.path, e.owner)
}

// Hint says how to use the file all the same.
func (e foreignError) Hint() string { return "name it with --config if it is meant" }
