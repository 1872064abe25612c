// Package filelock has locks on open files (flock(2)), which the kernel drops with their process.
//
//	Lock --> held --Release--> free
//
// A process that is being started has a copy of every descriptor until it executes its program, and holds with it what we hold.
// Whoever only closes the file leaves it locked for that moment, so a lock is given back by name.
package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Lock takes the lock on an open file or directory; how is syscall.LOCK_SH or LOCK_EX, with LOCK_NB for syscall.EWOULDBLOCK
// instead of waiting. The file is the caller's, also where there is an error.
func Lock(file *os.File, how int) error {
	for {
		if err := syscall.Flock(int(file.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// Unlock gives the lock back, whoever has copies of the descriptor.
func Unlock(file *os.File) error { return Lock(file, syscall.LOCK_UN) }

// Release gives the lock back and closes the file.
func Release(file *os.File) error { return errors.Join(Unlock(file), file.Close()) }
