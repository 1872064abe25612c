package shell

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// globToRegex translates a pattern of the shell, in which * matches a slash and a leading dot too.
func globToRegex(glob string) string {
	var out strings.Builder
	for i := 0; i < len(glob); i++ {
		switch character := glob[i]; character {
		case '*':
			out.WriteString(".*")
		case '?':
			out.WriteByte('.')
		case '[':
			text := glob[i:]
			if strings.HasPrefix(text, "[!") {
				text = "[^" + text[2:]
			}
			translated, length, err := bracket(text)
			if err != nil {
				out.WriteString(`\[`)
				continue
			}
			out.WriteString(translated)
			i += length - 1
		case '\\':
			if i+1 < len(glob) {
				i++
			}
			out.WriteString(quoteMeta(glob[i]))
		default:
			out.WriteString(quoteMeta(character))
		}
	}
	return out.String()
}

func quoteMeta(character byte) string {
	if strings.IndexByte(`\.+*?()|[]{}^$`, character) >= 0 {
		return `\` + string(character)
	}
	return string([]byte{character})
}

func (f *finder) visit(v *visit, expression test) {
	err := unix.Lstat(v.path, &v.stat)
	if err == nil && (f.follow) && v.stat.Mode&unix.S_IFMT == unix.S_IFLNK {
		var target unix.Stat_t
		if unix.Stat(v.path, &target) == nil {
			v.stat = target
		}
	}
	if err != nil {
		f.status = f.command.fail("'%s': %s", v.path, reason(err))
		return
	}
	looked := v.depth >= f.least
	if looked && !f.depthFirst {
		expression(v)
	}
	if v.stat.Mode&unix.S_IFMT == unix.S_IFDIR && !(v.pruned && !f.depthFirst) && (f.most < 0 || v.depth < f.most) {
		f.children(v, expression)
	}
	if looked && f.depthFirst {
		expression(v)
	}
}

// maxDepth bounds how deep find goes, also through links in a circle.
const maxDepth = 1000

func (f *finder) children(v *visit, expression test) {
	directory, err := os.Open(v.path)
	var names []string
	if err == nil {
		names, err = directory.Readdirnames(-1)
		directory.Close()
	}
	if err == nil && v.depth > maxDepth {
		err = unix.ELOOP
	}
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			f.status = f.command.fail("'%s': %s", v.path, reason(err))
		}
		return
	}
	for _, name := range names {
		child := &visit{path: join(v.path, name), start: v.start, name: name, depth: v.depth + 1}
		if f.oneSystem {
			var stat unix.Stat_t
			if unix.Lstat(child.path, &stat) == nil && stat.Dev != v.stat.Dev {
				continue
			}
		}
		f.visit(child, expression)
	}
}
