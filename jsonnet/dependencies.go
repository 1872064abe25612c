package jsonnet

import (
	"context"

	"github.com/google/go-jsonnet/ast"
)

// Dependencies returns the entrypoint and every file that it imports, and those import, by their names: all that are
// written there, also where no evaluation would reach them. An import that is not found is an *Error at its place, as is a
// text that does not parse. Cycles are followed once.
func Dependencies(ctx context.Context, p Program, l Limits) (map[string][]byte, error) {
	l = l.OrDefaults()
	within, cancel := context.WithTimeout(ctx, l.Time)
	defer cancel()
	s := newSession(within, p, Access{}, l)
	err := s.follow()
	if within.Err() != nil {
		return nil, ended(ctx, p, l)
	}
	if err != nil {
		return nil, s.machine(p.Entrypoint).problem(err)
	}
	files := make(map[string][]byte, len(s.files))
	for name, text := range s.files {
		files[name] = text.Data()
	}
	return files, nil
}

// follow opens what the entrypoint imports.
func (s *session) follow() error {
	_, entry, err := s.open("", s.program.Entrypoint)
	if err != nil {
		return err
	}
	seen := map[string]bool{entry: true}
	for queue := []string{entry}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		tree, err := parse(from, s.files[from].Data())
		if err != nil {
			return err
		}
		err = walkImports(tree, func(path string, asCode bool, at ast.LocationRange) error {
			_, found, err := s.open(from, path)
			if err != nil {
				return placed(err, at)
			}
			if asCode && !seen[found] {
				seen[found] = true
				queue = append(queue, found)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// placed is an error at a place.
func placed(err error, at ast.LocationRange) error {
	e := &Error{Text: err.Error()}
	e.locate(at)
	return e
}
