package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// rmMain is rm [-rRfdvi].
func rmMain(c *command) int {
	if !c.parse("rRfdviI", "recursive=r", "force=f", "dir=d", "verbose=v", "interactive?=i", "no-preserve-root=N", "preserve-root?=P", "one-file-system=O") {
		return 1
	}
	force := c.last("fi") == 'f'
	if len(c.args) == 0 {
		if force {
			return 0
		}
		return c.misused(1, "missing operand")
	}
	r := &remover{command: c, force: force, answers: bufio.NewReader(c.in)}
	for _, path := range c.args {
		base := filepath.Base(strings.TrimRight(path, "/"))
		if strings.HasSuffix(strings.TrimRight(path, "/"), "..") && base == ".." || path == "." || strings.HasSuffix(strings.TrimRight(path, "/"), "/.") {
			r.status = c.fail("refusing to remove '.' or '..' directory: skipping '%s'", path)
			continue
		}
		if c.has("rR") && !c.has("N") && filepath.Clean(path) == "/" {
			r.status = c.fail("it is dangerous to operate recursively on '/'")
			continue
		}
		r.remove(path)
	}
	return r.status
}

type remover struct {
	command *command
	force   bool
	answers *bufio.Reader
	status  int
}

// remove removes one path and reports whether it is gone.
func (r *remover) remove(path string) bool {
	c := r.command
	info, err := os.Lstat(path)
	if err != nil {
		if !(r.force && (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR))) {
			r.status = c.fail("cannot remove '%s': %s", path, reason(err))
		}
		return false
	}
	if !info.IsDir() {
		return r.ask(path) && r.unlink(path)
	}
	if !c.has("rR") {
		if !c.has("d") {
			r.status = c.fail("cannot remove '%s': Is a directory", path)
			return false
		}
		return r.unlink(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		r.status = c.fail("cannot remove '%s': %s", path, reason(err))
		return false
	}
	gone := true
	for _, entry := range entries {
		gone = r.remove(join(path, entry.Name())) && gone
	}
	return gone && r.ask(path) && r.unlink(path)
}

func (r *remover) ask(path string) bool {
	if r.command.last("fi") != 'i' {
		return true
	}
	r.command.out.Flush()
	fmt.Fprintf(r.command.err, "%s: remove '%s'? ", r.command.name, path)
	answer, err := r.answers.ReadString('\n')
	return (err == nil || err == io.EOF) && strings.HasPrefix(strings.ToLower(answer), "y")
}

func (r *remover) unlink(path string) bool {
	if err := os.Remove(path); err != nil {
		r.status = r.command.fail("cannot remove '%s': %s", path, reason(err))
		return false
	}
	if r.command.has("v") {
		fmt.Fprintf(r.command.out, "removed '%s'\n", path)
	}
	return true
}

func rmdirMain(c *command) int {
	if !c.parse("pv", "parents=p", "verbose=v", "ignore-fail-on-non-empty=i") {
		return 1
	}
	if len(c.args) == 0 {
		return c.misused(1, "missing operand")
	}
	status := 0
	for _, path := range c.args {
		for {
			if err := syscall.Rmdir(path); err != nil {
				if !(c.has("i") && errors.Is(err, syscall.ENOTEMPTY)) {
					status = c.fail("failed to remove '%s': %s", path, reason(err))
				}
				break
			}
			path = filepath.Dir(filepath.Clean(path))
			if !c.has("p") || path == "." || path == "/" {
				break
			}
		}
	}
	return status
}

func unlinkMain(c *command) int {
	if !c.parse("") {
		return 1
	}
	if len(c.args) != 1 {
		return c.misused(1, "missing operand")
	}
	if err := syscall.Unlink(c.args[0]); err != nil {
		return c.fail("cannot unlink '%s': %s", c.args[0], reason(err))
	}
	return 0
}
