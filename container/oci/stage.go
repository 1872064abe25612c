package oci

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
)

// stageName is argv[0] of the process that makes the mounts of an ordinary user's container.
const stageName = "writ-stage"

// The descriptors of a stage that is a process, beside the standard ones, which are the task's.
const (
	planFD   = 3 // a plan as JSON, to its end
	socketFD = 4 // listeners go out, one byte comes in: go on
	statusFD = 5 // messages
)

// passedFD is the status for the OCI runtime, and for init.
const passedFD = 3

const mountSize = "mode=0755,size=16m"

// plan is what the stage does. Targets are relative to the stage's own directory, which only it and its container see.
type plan struct {
	Directory string // where that is mounted; any directory outside private ones
	Trees     []tree
	Overlays  []overlay
	Files     map[string]string // path -> content
	Owners    []owners
	Copy      *copyTask // instead of Command
	Listen    []string  // addresses in the new network namespace
	Addresses []string  // that its loopback gets
	Network   bool      // it is in a new network namespace
	Sys       bool      // make "sys"
	Await     bool      // wait for a byte on the socket before the command
	Command   []string  // the OCI runtime, or pasta
}

// tree is a directory or file of the host's that is mounted in the stage.
type tree struct {
	Source, Target string
	Map            int // descriptor of the user namespace that translates its ids; 0: none. Only for a stage that is a thread
	ReadOnly       bool
	File           bool
	Shallow        bool // without what is mounted below it, where that can be had
}

// overlay is a mount of layers.
type overlay struct {
	Lower  []string // lowest first
	Upper  string   // has "upper" and "work"; empty: read-only
	Target string
	User   bool // extended attributes of an ordinary user's
	Memory bool // Upper is not there: it is made in memory, and gone with the container
	Owner  int  // of what is made there

	HardLinks bool // a file with several names stays one when it is changed; an ordinary user cannot have it
}

// owners gives what is at Target to a user, as the stage sees the ids: all of it, or the directory itself alone.
type owners struct {
	Target   string
	UID, GID int
	All      bool
}

// copyTask copies a tree, as the stage sees it.
type copyTask struct {
	From string // in the stage
	To   string // on the host
}

// message is what stage and init say of a start.
type message struct {
	Started bool   `json:"started,omitempty"`
	Error   string `json:"error,omitempty"`
	Exit    *int   `json:"exit,omitempty"`
}

// Main plays the part that args[0] names: the stage or the init of a container. It is called first of all in main; false
// means that the process is neither.
func Main(args []string) (status int, played bool) {
	if len(args) == 0 {
		return 0, false
	}
	switch filepath.Base(args[0]) {
	case stageName:
		return stage(), true
	case initName:
		return initialize(args[1:]), true
	}
	return 0, false
}

func stage() int {
	for fd := planFD; fd <= statusFD; fd++ {
		unix.CloseOnExec(fd)
	}
	if err := runStage(); err != nil {
		tell(os.NewFile(statusFD, "status"), message{Error: err.Error()})
		return 1
	}
	return 0
}

// tell writes a message. Whoever should read it may be gone; then nobody is left to be told.
func tell(to *os.File, m message) {
	data, err := json.Marshal(m)
	if err == nil {
		_, _ = to.Write(append(data, '\n'))
	}
}

// hear reads a message, of at most what the reader holds: what writes there may be a task's.
func hear(from *bufio.Reader) (m message, err error) {
	line, err := from.ReadSlice('\n')
	if err == nil {
		err = json.Unmarshal(line, &m)
	}
	return m, err
}

func runStage() error {
	var p plan
	from := os.NewFile(planFD, "plan")
	defer runtime.KeepAlive(from) // its number is that of passedFD, too, and nobody else's before: the collector must not close it
	data, err := io.ReadAll(from)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return fmt.Errorf("the stage's plan: %w", err)
	}
	if err := p.mount(context.Background()); err != nil {
		return err
	}
	if p.Copy != nil {
		return container.CopyTree(context.Background(), p.Copy.To, filepath.Join(p.Directory, p.Copy.From))
	}
	if p.Network {
		if err := p.prepareNetwork(handOut); err != nil {
			return fmt.Errorf("network: %w", err)
		}
	}
	if p.Await {
		if n, err := unix.Read(socketFD, make([]byte, 1)); n != 1 {
			return fmt.Errorf("wait for the network: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
	}
	if _, err := unix.FcntlInt(statusFD, unix.F_GETFD, 0); err != nil { // nobody wants to know
		return runCommand(p)
	}
	// The descriptor that init writes to is the first that the OCI runtime hands on.
	if err := unix.Dup3(statusFD, passedFD, 0); err != nil {
		return err
	}
	return runCommand(p)
}

// runCommand becomes the plan's command.
func runCommand(p plan) error {
	err := unix.Exec(p.Command[0], p.Command, p.environment())
	return fmt.Errorf("run %q: %w", p.Command[0], err)
}

// environment is that of the plan's command. runc, a Go program that starts itself several times and does one thing after the
// other, is spared threads that would only get in each other's way where many containers start.
func (p plan) environment() []string {
	return []string{"PATH=" + defaultPath, "HOME=/", "XDG_RUNTIME_DIR=" + p.Directory, oneProcessor}
}

// oneProcessor is for Go programs that have nothing to do at the same time: with it, they start fewer threads.
const oneProcessor = "GOMAXPROCS=1"

// mount makes the stage's directory, in a mount namespace of the stage's own. Sources are opened before it is mounted, which
// may hide them.
func (p plan) mount(ctx context.Context) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	opened := make([]int, len(p.Trees))
	for i, t := range p.Trees {
		var err error
		if opened[i], err = t.open(); err != nil {
			return fmt.Errorf("mount %q: %w", t.Source, err)
		}
	}
	if err := unix.Mount("writ", p.Directory, "tmpfs", unix.MS_NOSUID, mountSize); err != nil {
		return fmt.Errorf("mount the stage on %q: %w", p.Directory, err)
	}
	for i, t := range p.Trees {
		if err := t.attach(opened[i], filepath.Join(p.Directory, t.Target)); err != nil {
			return fmt.Errorf("mount %q: %w", t.Source, err)
		}
	}
	for _, o := range p.Overlays {
		if err := o.mount(p.Directory); err != nil {
			return err
		}
	}
	if p.Sys {
		if err := p.mountSys(); err != nil {
			return fmt.Errorf("mount /sys: %w", err)
		}
	}
	for name, content := range p.Files {
		path := filepath.Join(p.Directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	for _, o := range p.Owners {
		if err := o.give(ctx, p.Directory); err != nil {
			return fmt.Errorf("give a volume to the task's user: %w", err)
		}
	}
	return nil
}

// mountSys makes a /sys that shows the network of the stage. Where there is no new one, or it cannot be had, it is this machine's.
func (p plan) mountSys() error {
	target := filepath.Join(p.Directory, "sys")
	if p.Network {
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
		if unix.Mount("sysfs", target, "sysfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") == nil {
			return nil
		}
	}
	t := tree{Source: "/sys", ReadOnly: true, Shallow: true}
	fd, err := t.open()
	if err != nil {
		return err
	}
	return t.attach(fd, target)
}

// give changes owners. Links are not followed, wherever a task puts them that has kept a descriptor: on the machine's own
// network a task can hand one to another.
func (o owners) give(ctx context.Context, directory string) error {
	root, err := os.OpenRoot(filepath.Join(directory, o.Target))
	if err != nil {
		return err
	}
	defer root.Close()
	s := &shifter{ctx: ctx, uid: func(int) int { return o.UID }, gid: func(int) int { return o.GID }, seen: map[inode]bool{}}
	if err := s.own(root, "."); err != nil || !o.All {
		return err
	}
	return s.entries(root, 0)
}

// open makes a detached mount of the tree.
func (t tree) open() (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	recursive := uint(unix.AT_RECURSIVE)
	if t.Shallow || t.Map != 0 {
		recursive = 0
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, t.Source, flags|recursive)
	if err == unix.EINVAL && t.Shallow { // what is mounted below it is locked to it
		recursive = unix.AT_RECURSIVE
		fd, err = unix.OpenTree(unix.AT_FDCWD, t.Source, flags|recursive)
	}
	if err != nil {
		return -1, err
	}
	attributes := unix.MountAttr{}
	if t.Map != 0 {
		attributes.Attr_set |= unix.MOUNT_ATTR_IDMAP
		attributes.Userns_fd = uint64(t.Map)
	}
	if t.ReadOnly {
		attributes.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if attributes.Attr_set == 0 {
		return fd, nil
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive, &attributes); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("set its ids or make it read-only: %w", err)
	}
	return fd, nil
}

func (t tree) attach(fd int, target string) error {
	defer unix.Close(fd)
	if t.File {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		// Within an overlay the file may be there.
		file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o755)
		if err != nil {
			return err
		}
		file.Close()
	} else if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	return unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// remember makes the upper directory in memory.
func (o overlay) remember(directory string) error {
	place := filepath.Join(directory, o.Upper)
	if err := os.Mkdir(place, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("writ", place, "tmpfs", 0, "mode=0755"); err != nil {
		return err
	}
	upper := filepath.Join(place, "upper")
	return errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(filepath.Join(place, "work"), 0o755), os.Chown(upper, o.Owner, o.Owner))
}

// mount mounts an overlay. Few layers fit into mount(2)'s page of options; many are added one by one (kernel 6.5).
func (o overlay) mount(directory string) error {
	target := filepath.Join(directory, o.Target)
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	lower := make([]string, 0, len(o.Lower))
	for i := len(o.Lower) - 1; i >= 0; i-- { // highest first
		lower = append(lower, o.Lower[i])
	}
	if o.Memory {
		if err := o.remember(directory); err != nil {
			return fmt.Errorf("a root file system in memory: %w", err)
		}
	}
	// Relative paths keep the options short.
	if err := unix.Chdir(directory); err != nil { // this thread's alone, where the stage is one
		return err
	}
	defer unix.Chdir("/")
	options := "lowerdir=" + strings.Join(lower, ":")
	if o.Upper != "" {
		options += ",upperdir=" + o.Upper + "/upper,workdir=" + o.Upper + "/work"
	}
	if o.User {
		options += ",userxattr"
	}
	if o.HardLinks && !o.User {
		// A file that gets another owner is not copied for it.
		options += ",index=on,metacopy=on"
	}
	if len(options) >= os.Getpagesize() {
		return fmt.Errorf("overlay: %d layers are more than one mount takes", len(lower))
	}
	if err := unix.Mount("overlay", target, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay of %d layers: %w", len(lower), err)
	}
	return nil
}
