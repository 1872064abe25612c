package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// An edit replaces lines a to aEnd of the one by lines b to bEnd of the other.
type edit struct{ a, aEnd, b, bEnd int }

// maxEdits bounds the search for the shortest difference; past it the rest counts as changed altogether.
const maxEdits = 4000

// compareLines finds a shortest difference, after E. Myers, "An O(ND) difference algorithm" (1986).
func compareLines(a, b []string) []edit {
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	endA, endB := len(a), len(b)
	for endA > start && endB > start && a[endA-1] == b[endB-1] {
		endA, endB = endA-1, endB-1
	}
	n, m := endA-start, endB-start
	if n+m == 0 {
		return nil
	}
	var history [][]int
	furthest := map[int]int{1: 0}
	for depth := 0; depth <= n+m; depth++ {
		if depth > maxEdits {
			return []edit{{start, endA, start, endB}}
		}
		row := make([]int, 2*depth+1)
		for k := -depth; k <= depth; k += 2 {
			x := 0
			if k == -depth || k != depth && furthest[k-1] < furthest[k+1] {
				x = furthest[k+1]
			} else {
				x = furthest[k-1] + 1
			}
			for x < n && x-k < m && a[start+x] == b[start+x-k] {
				x++
			}
			furthest[k] = x
			row[k+depth] = x
			if x >= n && x-k >= m {
				return trackBack(append(history, row), n, m, start)
			}
		}
		history = append(history, row)
	}
	return nil
}

// trackBack walks the rows from the end and joins neighbouring changes.
func trackBack(history [][]int, x, y, start int) []edit {
	var edits []edit
	for depth := len(history) - 1; depth > 0; depth-- {
		k := x - y
		before := history[depth-1]
		at := func(k int) int {
			if k < -(depth-1) || k > depth-1 {
				return -1
			}
			return before[k+depth-1]
		}
		previous := k - 1
		if k == -depth || k != depth && at(k-1) < at(k+1) {
			previous = k + 1
		}
		oldX := at(previous)
		oldY := oldX - previous
		one := edit{oldX + start, oldX + start, oldY + start, oldY + start}
		if previous == k-1 {
			one.aEnd++
		} else {
			one.bEnd++
		}
		if last := len(edits) - 1; last >= 0 && edits[last].a == one.aEnd && edits[last].b == one.bEnd {
			edits[last].a, edits[last].b = one.a, one.b
		} else {
			edits = append(edits, one)
		}
		x, y = oldX, oldY
	}
	slices.Reverse(edits)
	return edits
}

// cmpMain is cmp [-s] [-l] [-n N] A [B]: 0 the same, 1 different, 2 something was wrong.
func cmpMain(c *command) int {
	if !c.parse("sln:b", "quiet=s", "silent=s", "verbose=l", "bytes:=n") {
		return 2
	}
	if len(c.args) == 0 || len(c.args) > 2 {
		return c.misused(2, "missing operand after 'cmp'")
	}
	paths := append(c.args, "-")[:2]
	var readers [2]*bufio.Reader
	for i, path := range paths {
		file, err := c.open(path)
		if err != nil {
			if !c.has("s") {
				c.complain("%s: %s", path, reason(err))
			}
			return 2
		}
		defer file.Close()
		readers[i] = bufio.NewReaderSize(file, 64<<10)
	}
	most, err := strconv.ParseInt(c.value('n', "-1"), 10, 64)
	if err != nil {
		return c.misused(2, "invalid --bytes value '%s'", c.value('n', ""))
	}
	line, status := int64(1), 0
	newline := true
	for offset := int64(1); most < 0 || offset <= most; offset++ {
		a, problemA := readers[0].ReadByte()
		b, problemB := readers[1].ReadByte()
		for i, problem := range []error{problemA, problemB} {
			if problem != nil && !errors.Is(problem, io.EOF) {
				c.complain("%s: %s", paths[i], reason(problem))
				return 2
			}
		}
		switch {
		case problemA != nil && problemB != nil:
			return status
		case problemA != nil || problemB != nil:
			short := paths[0]
			if problemA == nil {
				short = paths[1]
			}
			if !c.has("s") {
				switch {
				case offset == 1:
					c.complain("EOF on %s which is empty", short)
				case newline:
					c.complain("EOF on %s after byte %d, line %d", short, offset-1, line-1)
				default:
					c.complain("EOF on %s after byte %d, in line %d", short, offset-1, line)
				}
			}
			return 1
		case a != b && c.has("l"):
			fmt.Fprintf(c.out, "%d %3o %3o\n", offset, a, b)
			status = 1
		case a != b:
			if !c.has("s") {
				fmt.Fprintf(c.out, "%s %s differ: char %d, line %d\n", paths[0], paths[1], offset, line)
			}
			return 1
		}
		if newline = a == '\n'; newline {
			line++
		}
	}
	return status
}
