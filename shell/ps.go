package shell

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// psMain lists processes: with -e, -A, -f, aux and the like all of them, else those of this terminal and user.
func psMain(c *command) int {
	long := slices.ContainsFunc(c.args, func(a string) bool { return strings.Contains(a, "f") || strings.Contains(a, "u") })
	all := slices.ContainsFunc(c.args, func(a string) bool { return strings.ContainsAny(a, "eAax") })
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return c.fail("%s", reason(err))
	}
	if long {
		fmt.Fprintf(c.out, "%-8s %7s %7s %s\n", "UID", "PID", "PPID", "CMD")
	} else {
		fmt.Fprintf(c.out, "%7s %s\n", "PID", "CMD")
	}
	var numbers []int
	for _, entry := range entries {
		if number, err := strconv.Atoi(entry.Name()); err == nil {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	own := processField(os.Getpid(), 4)
	for _, number := range numbers {
		var stat unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d", number), &stat) != nil || !all && processField(number, 4) != own {
			continue
		}
		name, line := processName(number)
		if long {
			fmt.Fprintf(c.out, "%-8s %7d %7s %s\n", userName(int(stat.Uid)), number, processField(number, 1), line)
		} else {
			fmt.Fprintf(c.out, "%7d %s\n", number, name)
		}
	}
	return 0
}

// processField is a field of /proc/N/stat, counted from the one after the name.
func processField(number, field int) string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", number))
	if err != nil {
		return ""
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if field >= len(fields) {
		return ""
	}
	return fields[field]
}

func processName(number int) (name, line string) {
	short, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", number))
	name = strings.TrimSpace(string(short))
	full, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", number))
	line = strings.TrimSpace(strings.ReplaceAll(string(full), "\x00", " "))
	if line == "" {
		line = "[" + name + "]"
	}
	return name, line
}
