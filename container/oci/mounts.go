package oci

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/internal/scratch"
)

// addRoot adds the root file system: the image's layers under a directory of the container's own.
func (p *process) addRoot(ctx context.Context, m *made) error {
	layers, ids, err := p.layers(ctx, m)
	if err != nil {
		return err
	}
	root := overlay{Upper: "root", Target: "rootfs", User: p.runtime.rootless}
	for i, layer := range layers {
		name := "l" + strconv.Itoa(i)
		if err := p.addTree(tree{Source: layer, Target: name}, ids); err != nil {
			return err
		}
		root.Lower = append(root.Lower, name)
	}
	if p.runtime.disk.upper {
		err = p.addUpper(m)
	} else {
		root.Memory = true
		if !p.runtime.rootless && !m.spec.Privileged {
			root.Owner = firstID
		}
	}
	if err != nil {
		return err
	}
	p.plan.Overlays = append(p.plan.Overlays, root)
	p.plan.Trees = append(p.plan.Trees, tree{Source: p.runtime.player, Target: "init", File: true, ReadOnly: true})
	if len(p.selfPaths(m)) > 0 {
		p.plan.Trees = append(p.plan.Trees, tree{Source: p.runtime.config.Self, Target: "self", File: true, ReadOnly: true})
	}
	return nil
}

// addUpper adds what the root file system's overlay writes to: in the container's directory itself, since each directory takes
// time to make and to remove.
func (p *process) addUpper(m *made) error {
	upper := filepath.Join(p.directory, "upper")
	if err := makeOpen(upper); err != nil {
		return err
	}
	if p.runtime.shifts(m.spec.Privileged) {
		if err := os.Chown(upper, firstID, firstID); err != nil {
			return err
		}
	}
	if err := os.Mkdir(filepath.Join(p.directory, "work"), 0o700); err != nil {
		return err
	}
	return p.addTree(tree{Source: p.directory, Target: "root"}, p.ids(m))
}

// removeDirectory removes the container's directory. What is always there goes by its name; only where there is more it is looked into.
func (p *process) removeDirectory() error {
	var err error
	for _, name := range [...]string{"work/work", "work", "upper", workingName, ""} { // the overlay has made the first
		err = unix.Rmdir(filepath.Join(p.directory, name))
	}
	if err == nil {
		return nil
	}
	return scratch.RemoveAll(p.directory)
}

// selfPaths are where the writ binary is mounted in the container.
func (p *process) selfPaths(m *made) (paths []string) {
	if p.image.embedded {
		paths = append(paths, selfPath)
	}
	if m.spec.Self {
		paths = append(paths, container.SelfPath)
	}
	return paths
}

// makeOpen makes a directory that the container's other users may look into, whatever the umask.
func makeOpen(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o755)
}

// addTree adds a tree whose ids on disk are the container's; m says which ids those are on the host.
func (p *process) addTree(t tree, m mapping) error {
	if !p.runtime.rootless && m.Disk != m.Host {
		namespace, err := p.runtime.userNamespace(m)
		if err != nil {
			return err
		}
		t.Map = int(namespace.Fd())
	}
	p.plan.Trees = append(p.plan.Trees, t)
	return nil
}

// workingName is the working directory's, in the container's directory, where no volume takes its place.
const workingName = "w"

// addMounts adds the working directory, volumes and host directories.
func (p *process) addMounts(m *made, mounts []container.Mount, account Account) error {
	ordered, err := container.CheckMounts(mounts)
	if err != nil {
		return err
	}
	if len(ordered) == 0 || ordered[0].Path != "." {
		work := filepath.Join(p.directory, workingName)
		leads, err := p.clear(ordered, container.Mount{Path: "."}, m.work)
		if err == nil {
			err = makeOpen(work)
		}
		if err == nil {
			err = p.addVolumeTree(m, work, "w", leads)
		}
		if err != nil {
			return err
		}
		p.give("w", account)
	}
	var outer []placed
	for i, mount := range ordered {
		destination := mount.Path
		if !filepath.IsAbs(destination) {
			destination = filepath.Join(m.work, destination)
		}
		name := "m" + strconv.Itoa(i)
		leads, err := p.clear(ordered, mount, destination)
		if err != nil {
			return err
		}
		if mount.Host != "" {
			err = p.addHost(m, mount, name, destination, account)
		} else if err = throughDirectories(outer, leads); err == nil {
			outer = append(outer, placed{mount, leads})
			err = p.addVolume(m, mount, name, leads)
			p.give(name, account)
		}
		if err != nil {
			return fmt.Errorf("mount %q: %w", mount.Path, err)
		}
	}
	return nil
}

// own are the directories of a container that are made for it: what is mounted there could pass for its init and its devices.
var own = [...]string{"/dev", "/proc", "/sys"}

// maxPath is PATH_MAX without its NUL (limits.h).
const maxPath = 4095

// ownFiles are those that it has of its own. A mount above one hides it, which is well.
var ownFiles = [...]string{hostsPath, resolvPath}

// ownPath refuses a mount at, above or below one of the container's own directories, or at or below one of its files.
func ownPath(path, leads string) error {
	if len(leads) > maxPath {
		return &container.MountError{Path: path[:min(len(path), 40)] + "...", Reason: fmt.Sprintf("is %d bytes long; Linux takes %d", len(leads), maxPath)}
	}
	for _, directory := range own {
		if within(leads, directory) || within(directory, leads) {
			return &container.MountError{Path: path, Reason: fmt.Sprintf("is in the way of the container's own %s", directory), Help: "use a path below the working directory"}
		}
	}
	for _, file := range ownFiles {
		if within(leads, file) {
			return &container.MountError{Path: path, Reason: fmt.Sprintf("is at the container's own file %s", file), Help: "use a path below the working directory"}
		}
	}
	return nil
}

// placed is a volume with where it is, which no link of the image leads elsewhere.
type placed struct {
	container.Mount
	leads string
}

// clear returns where the image's links lead a volume, and refuses one that they lead to, over or under a directory of the
// host's: over a run's identity.
func (p *process) clear(all []container.Mount, mount container.Mount, destination string) (leads string, err error) {
	if err := ownPath(mount.Path, destination); err != nil {
		return "", err
	}
	if p.image.Resolve == nil || mount.Host != "" {
		return destination, nil
	}
	if leads, err = p.image.Resolve(destination); err != nil {
		return "", fmt.Errorf("mount %q: %w", mount.Path, err)
	}
	if err := ownPath(mount.Path, leads); err != nil {
		return "", err
	}
	for _, other := range all {
		if other.Host != "" && (within(leads, other.Path) || within(other.Path, leads)) {
			return "", &container.MountError{Path: mount.Path, Reason: fmt.Sprintf("leads to %q by links of the image, where %q is reserved", leads, other.Path)}
		}
	}
	return leads, nil
}

// within tells whether a clean absolute path is at or below another.
func within(path, directory string) bool {
	return path == directory || directory == "/" || strings.HasPrefix(path, directory+"/")
}

// give has the stage give a volume to the task's user, as Concourse does: all of it, but to root the directory alone.
func (p *process) give(target string, account Account) {
	if p.runtime.rootless {
		return // there is one user only
	}
	gid := p.hostUser - int(account.UID) + int(account.GID)
	p.plan.Owners = append(p.plan.Owners, owners{target, p.hostUser, gid, account.UID != 0})
}

func (p *process) addVolumeTree(m *made, source, name, destination string) error {
	if err := p.addTree(tree{Source: source, Target: name}, p.ids(m)); err != nil {
		return err
	}
	m.mounts = append(m.mounts, bind(filepath.Join(m.stage, name), destination, "nosuid", "nodev"))
	return nil
}

// ids is the mapping of what is on disk for the container.
func (p *process) ids(m *made) mapping {
	if m.spec.Privileged || !p.runtime.disk.maps {
		return mapping{}
	}
	return everyID
}

// addHost adds a directory of the host's: its owner becomes the task's user.
func (p *process) addHost(m *made, mount container.Mount, name, destination string, account Account) error {
	info, err := os.Stat(mount.Host)
	if err != nil {
		return err
	}
	t := tree{Source: mount.Host, Target: name, ReadOnly: mount.ReadOnly}
	if stat, ok := owner(info); ok && !p.runtime.rootless {
		to := int(account.UID)
		if !m.spec.Privileged {
			to += firstID
		}
		if err := p.addOwned(t, stat.uid, to); err != nil {
			return err
		}
	} else {
		p.plan.Trees = append(p.plan.Trees, t)
	}
	options := []string{"nosuid", "nodev"}
	if mount.ReadOnly {
		options = append(options, "ro")
	}
	if mount.NoExec {
		options = append(options, "noexec")
	}
	m.hosts = append(m.hosts, bind(filepath.Join(m.stage, name), destination, options...))
	return nil
}

// addOwned adds a directory of one user's as another's: translated by its mount, or as a mirror.
func (p *process) addOwned(t tree, from, to int) error {
	if from == to {
		return p.addTree(t, mapping{})
	}
	err := p.runtime.translates(t.Source)
	if cannot := (*NoIDMapError)(nil); errors.As(err, &cannot) {
		return p.addMirror(t, to, cannot)
	}
	if err != nil {
		return err
	}
	return p.addTree(t, mapping{from, to, 1})
}

type ids struct{ uid, gid int }

func owner(info fs.FileInfo) (ids, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ids{}, false
	}
	return ids{int(stat.Uid), int(stat.Gid)}, true
}

// addVolume adds a volume, for which the container takes it.
func (p *process) addVolume(m *made, mount container.Mount, name, destination string) error {
	v, ours := mount.Volume.(*volume)
	if !ours || v.runtime != p.runtime {
		return fmt.Errorf("a volume of another runtime (%T)", mount.Volume)
	}
	if err := v.take("container "+p.id, p.runtime.shifts(m.spec.Privileged)); err != nil {
		return err
	}
	p.taken = append(p.taken, v)
	if v.base == nil {
		if err := p.addTree(tree{Source: v.path, Target: name}, p.ids(m)); err != nil {
			return err
		}
	} else {
		lower, upper := name+"l", name+"u"
		err := errors.Join(p.addTree(tree{Source: v.base.path, Target: lower}, p.ids(m)), p.addTree(tree{Source: v.path, Target: upper}, p.ids(m)))
		if err != nil {
			return err
		}
		p.plan.Overlays = append(p.plan.Overlays, overlay{Lower: []string{lower}, Upper: upper, Target: name, User: p.runtime.rootless, HardLinks: true})
	}
	options := []string{"nosuid", "nodev"}
	if mount.ReadOnly {
		options = append(options, "ro")
	}
	m.mounts = append(m.mounts, bind(filepath.Join(m.stage, name), destination, options...))
	return nil
}

// throughDirectories refuses a path that a volume's own content would lead elsewhere: through a link or over a file.
func throughDirectories(outer []placed, path string) error {
	for _, element := range strings.Split(path, "/") {
		if len(element) > 255 {
			return fmt.Errorf("%.20q...: a name of %d bytes; at most 255", element, len(element))
		}
	}
	for _, mount := range outer {
		v, ours := mount.Volume.(*volume)
		below, inside := strings.CutPrefix(path, mount.leads+"/")
		if !ours || !inside {
			continue
		}
		elements := strings.Split(below, "/")
		for i := range elements {
			name := filepath.Join(elements[:i+1]...)
			info := v.lstat(name)
			if info == nil {
				break
			}
			if !info.IsDir() {
				return fmt.Errorf("%q is no directory, but %s", filepath.Join(mount.Path, name), container.Kind(info.Mode()))
			}
		}
	}
	return nil
}

// lstat finds a file of a volume that a container has; nil: there is none.
func (v *volume) lstat(name string) fs.FileInfo {
	for _, directory := range v.look() {
		root, err := os.OpenRoot(directory)
		if err != nil {
			continue
		}
		info, err := root.Lstat(name)
		root.Close()
		if err == nil {
			return info
		}
	}
	return nil
}
