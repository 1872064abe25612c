package oci

import (
	"fmt"
	"os"
	"path/filepath"
)

// selfPath is where the writ binary is in the embedded image.
const selfPath = "/usr/bin/writ"

// ownImage is the image of a Spec that names none: the writ binary, and links to it with the names that it plays.
func (r *Runtime) ownImage() (*Image, error) {
	if r.config.Own != nil {
		return r.config.Own, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.embedded != nil {
		return r.embedded, nil
	}
	directory := filepath.Join(r.scratch.Path(), "embedded")
	if err := makeEmbedded(directory, r.config.Applets); err != nil {
		return nil, fmt.Errorf("the embedded image: %w", err)
	}
	r.embedded = &Image{Layers: []string{directory}, Lookup: embeddedAccount, embedded: true}
	return r.embedded, nil
}

func makeEmbedded(root string, applets []string) error {
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for _, directory := range []string{"dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/local/bin", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			return err
		}
	}
	for _, directory := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(root, directory), os.ModeSticky|0o777); err != nil {
			return err
		}
	}
	for name, content := range map[string]string{
		"etc/passwd":     "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
		"etc/group":      "root:x:0:\nnogroup:x:65534:\n",
		"etc/os-release": "NAME=writ\nID=writ\nPRETTY_NAME=\"Writ's embedded image\"\n",
		selfPath[1:]:     "",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	links := map[string]string{"bin": "usr/bin"}
	for _, name := range applets {
		links["usr/bin/"+name] = filepath.Base(selfPath)
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return nil
}

// embeddedAccount knows the two users of the embedded image, and numbers.
func embeddedAccount(user string) (Account, error) {
	switch user {
	case "", "root", "0":
		return Account{Home: "/root", Name: "root"}, nil
	case "nobody", "65534":
		return Account{UID: 65534, GID: 65534, Home: "/", Name: "nobody"}, nil
	}
	return numericAccount(user)
}
