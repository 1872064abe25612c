package container

import (
	"errors"
	"os"
	"syscall"
)

// WriteExecutable writes a program (0755, whatever the umask) that this process is to start. A process that is just being started
// has a copy of every descriptor until it executes its program; of this file none gets one that could write to it, which would keep
// it from being executed (ETXTBSY of execve(2)).
func WriteExecutable(path string, data []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return errors.Join(os.WriteFile(path, data, 0o755), os.Chmod(path, 0o755))
}
