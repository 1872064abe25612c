package oci

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// copyOverlay copies what is seen of directories, lowest first, to a new one. An overlay may have written to changed, the
// highest, which may be empty.
func (r *Runtime) copyOverlay(ctx context.Context, to string, lower []string, changed string) error {
	directory, err := r.findStage()
	if err != nil {
		return err
	}
	p := plan{
		Directory: directory,
		Trees:     []tree{{Source: filepath.Dir(to), Target: "to"}},
		Copy:      &copyTask{From: "seen", To: filepath.Join(directory, "to", filepath.Base(to))},
	}
	seen := overlay{Target: "seen", User: r.rootless}
	for i, path := range lower {
		name := "l" + strconv.Itoa(i)
		p.Trees = append(p.Trees, tree{Source: path, Target: name})
		seen.Lower = append(seen.Lower, name)
	}
	if changed != "" {
		p.Trees = append(p.Trees, tree{Source: changed, Target: "u"})
		seen.Upper, seen.HardLinks = "u", true
	}
	p.Overlays = []overlay{seen}
	command, err := r.stageCommand(p)
	if err != nil {
		return err
	}
	statusRead, statusWrite, err := os.Pipe()
	if err != nil {
		return err
	}
	defer statusRead.Close()
	command.ExtraFiles = append(command.ExtraFiles, nil, statusWrite)
	err = command.Start()
	statusWrite.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	exit := command.Wait()
	if said, err := hear(bufio.NewReaderSize(statusRead, 1<<16)); err == nil && said.Error != "" {
		return errors.New(said.Error)
	}
	return exit
}

// stageCommand is a stage that makes no container. Its plan is in a file that has no name.
func (r *Runtime) stageCommand(p plan) (*exec.Cmd, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	fd, err := unix.MemfdCreate("plan", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "plan") // closed with the command, or by its finalizer
	if _, err := file.Write(data); err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, 0); err != nil {
		return nil, err
	}
	command := exec.Command(r.player)
	command.Args = []string{stageName}
	command.Env, command.Dir = []string{}, "/"
	command.ExtraFiles = []*os.File{file}
	command.SysProcAttr = r.namespaces(false)
	return command, nil
}
