package oci

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Where something is mounted there must be something before, which the OCI runtime would make in each container's root file
// system: on disk, with a copy of the directory that it is in. So the lowest layer of all, under those of the image, has it
// already; what the image itself has, be it a link, stands over it.

// maxPoints is how many such layers a runtime makes. All runs of a machine need two or three; the rest does without.
const maxPoints = 32

// mostLower is how many layers below the one that is written to the kernel takes.
const mostLower = 500

// addPoints adds the layer with the container's mount points to its root file system.
func (p *process) addPoints(m *made) error {
	root := &p.plan.Overlays[0]
	if p.runtime.shifts(m.spec.Privileged) { // they would be somebody else's in the container
		return nil
	}
	if len(root.Lower) >= mostLower {
		return nil
	}
	files := append(ownFiles[:], p.selfPaths(m)...)
	directories := []string{"/dev", "/proc", "/sys", "/tmp"}
	for _, mount := range m.hosts {
		if !within(mount.Destination, "/tmp") { // that is in memory
			directories = append(directories, mount.Destination)
		}
	}
	layer, err := p.runtime.points(files, directories)
	if err != nil || layer == "" {
		return err
	}
	root.Lower = slices.Insert(root.Lower, 0, "points")
	return p.addTree(tree{Source: layer, Target: "points"}, p.ids(m))
}

// points returns a layer with empty files and directories at the paths; empty: there are enough of such layers.
func (r *Runtime) points(files, directories []string) (string, error) {
	key := strings.Join(files, "\x00") + "\x00\x00" + strings.Join(directories, "\x00")
	r.mu.Lock()
	defer r.mu.Unlock()
	if layer := r.pointed[key]; layer != "" || len(r.pointed) >= maxPoints {
		return layer, nil
	}
	layer := filepath.Join(r.scratch.Path(), "points"+strconv.Itoa(len(r.pointed)))
	if err := makePoints(layer, files, directories); err != nil {
		return "", errors.Join(err, os.RemoveAll(layer))
	}
	if r.pointed == nil {
		r.pointed = map[string]string{}
	}
	r.pointed[key] = layer
	return layer, nil
}

func makePoints(layer string, files, directories []string) error {
	if err := makeOpen(layer); err != nil {
		return err
	}
	root, err := os.OpenRoot(layer)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, path := range directories {
		if err := makeDirectories(root, path[1:]); err != nil {
			return err
		}
	}
	for _, path := range files {
		if err := makeDirectories(root, filepath.Dir(path[1:])); err != nil {
			return err
		}
		file, err := root.OpenFile(path[1:], os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if err := errors.Join(file.Chmod(0o644), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// makeDirectories makes a directory with those above it, open to a container's other users whatever the umask.
func makeDirectories(root *os.Root, path string) error {
	for end, letter := range path + "/" {
		if letter != '/' {
			continue
		}
		err := root.Mkdir(path[:end], 0o755)
		if err == nil {
			err = root.Chmod(path[:end], 0o755)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
