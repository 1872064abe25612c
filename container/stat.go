package container

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

// Stat is what /proc/PID/stat says of a process.
type Stat struct {
	PID, Group, Session int
	State               byte   // Z and X: it is dead, and only not waited for
	Started             uint64 // clock ticks since boot: with the number, a process is told from all others
}

// StatOf reads it in three system calls: it is done for every process of the machine whenever one of ours ends, and
// os.ReadFile takes twice as long. The line is far shorter than the buffer.
func StatOf(pid int) (Stat, error) {
	fd, err := syscall.Open("/proc/"+strconv.Itoa(pid)+"/stat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return Stat{}, err
	}
	defer syscall.Close(fd)
	var line [1024]byte
	n, err := syscall.Read(fd, line[:])
	if err != nil {
		return Stat{}, err
	}
	return parseStat(line[:n])
}

// parseStat parses /proc/PID/stat (proc_pid_stat(5)): "pid (comm) state ppid pgrp session ...", starttime is field 22.
// comm may hold spaces and parentheses.
func parseStat(data []byte) (Stat, error) {
	first, end := bytes.IndexByte(data, ' '), bytes.LastIndexByte(data, ')')
	if first < 0 || end < first {
		return Stat{}, fmt.Errorf("stat %q: no command", data)
	}
	fields := strings.Fields(string(data[end+1:]))
	if len(fields) < 20 {
		return Stat{}, fmt.Errorf("stat %q: too few fields", data)
	}
	numbers := [4]uint64{}
	for i, text := range []string{string(data[:first]), fields[2], fields[3], fields[19]} {
		var err error
		if numbers[i], err = strconv.ParseUint(text, 10, 64); err != nil {
			return Stat{}, fmt.Errorf("stat %q: %w", data, err)
		}
	}
	return Stat{int(numbers[0]), int(numbers[1]), int(numbers[2]), fields[0][0], numbers[3]}, nil
}
