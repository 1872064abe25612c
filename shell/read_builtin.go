package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// readsMore reports whether read was given an option that the interpreter's own read does not have.
func readsMore(args []string) bool {
	for _, argument := range args[1:] {
		if len(argument) < 2 || argument[0] != '-' || argument == "--" {
			return false
		}
		if strings.ContainsAny(argument, "tndNu") {
			return true
		}
	}
	return false
}

// read is the builtin with -t, -n, -N, -d and -u: 1 at the end of the input, 142 when the time is up.
func (s *session) read(ctx context.Context, hc interp.HandlerContext, args []string) (int, error) {
	c := &command{name: s.zero + ": read", args: args, err: hc.Stderr}
	c.out = discard()
	if !c.parse("+rsp:a:t:n:N:d:u:ei:") {
		return 2, nil
	}
	number, err := strconv.Atoi(c.value('u', "0"))
	source, ok := s.descriptor(hc, number)
	file := source.file
	if err != nil || !ok || file == nil {
		c.complain("%s: invalid file descriptor", c.value('u', "0"))
		return 1, nil
	}
	end := byte('\n')
	if c.has("d") {
		end = append([]byte(c.value('d', "")), 0)[0]
	}
	most, err := strconv.Atoi(c.value('n', c.value('N', "-1")))
	if err != nil {
		c.complain("%s: invalid number", c.value('n', c.value('N', "")))
		return 1, nil
	}
	if text := c.value('t', ""); text != "" {
		limit, ok := duration(text)
		if !ok {
			c.complain("%s: invalid timeout specification", text)
			return 1, nil
		}
		if file.SetReadDeadline(time.Now().Add(limit)) == nil {
			defer file.SetReadDeadline(time.Time{})
		}
	}
	text, err := readUntil(file, end, most, c.has("N"), c.has("r"))
	status := 0
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		status = 142
	case err != nil:
		status = 1
	}
	return status, s.assignFields(ctx, hc, c, text)
}

// readUntil reads byte by byte, so that what follows is left for the next command.
func readUntil(file io.Reader, end byte, most int, exact, raw bool) (string, error) {
	var text []byte
	for count := 0; most < 0 || count < most; count++ {
		var one [1]byte
		length, err := file.Read(one[:])
		if length == 0 {
			if err == nil {
				err = io.EOF
			}
			return string(text), err
		}
		if one[0] == end && !exact {
			if raw || len(text) == 0 || text[len(text)-1] != '\\' {
				break
			}
			text = text[:len(text)-1]
			continue
		}
		if len(text) > maxLine {
			return string(text), io.ErrShortBuffer
		}
		text = append(text, one[0])
	}
	return string(text), nil
}

// assignFields gives the names what was read: one name all of it, several its fields.
func (s *session) assignFields(ctx context.Context, hc interp.HandlerContext, c *command, text string) error {
	names := c.args
	values := []string{text}
	config := &expand.Config{Env: hc.Env}
	array := c.value('a', "")
	switch {
	case array != "":
		names, values = []string{array}, expand.ReadFields(config, text, -1, c.has("r"))
	case len(names) == 0:
		names = []string{"REPLY"}
	case !c.has("N"):
		values = expand.ReadFields(config, text, len(names), c.has("r"))
	}
	var script strings.Builder
	quoted := func(i int) string {
		if i >= len(values) {
			return "''"
		}
		word, err := syntax.Quote(values[i], syntax.LangBash)
		if err != nil {
			return "''"
		}
		return word
	}
	if array != "" {
		script.WriteString(array + "=(")
		for i := range values {
			script.WriteString(" " + quoted(i))
		}
		script.WriteString(")")
	} else {
		for i, name := range names {
			if !syntax.ValidName(name) {
				c.complain("`%s': not a valid identifier", name)
				return interp.ExitStatus(1)
			}
			script.WriteString(name + "=" + quoted(i) + "\n")
		}
	}
	return hc.Builtin(ctx, []string{"eval", script.String()})
}
