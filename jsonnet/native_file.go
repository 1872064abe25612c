package jsonnet

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/writ-run/writ/internal/address"
)

func getPath() native {
	return native{"getPath", nil, func(s *session, _ []any) (any, error) { return s.access.Dir, nil }}
}

func getFile() native {
	return native{"getFile", []string{"path"}, func(s *session, arguments []any) (any, error) {
		path, err := textArgument("getFile", "path", arguments[0])
		if err != nil {
			return nil, err
		}
		read, shown := s.readFile, path
		if isURL(path) {
			plain, _, _ := strings.Cut(path, "#")
			shown = address.Shown(plain)
			read = s.fetch
		} else if scheme, _, found := strings.Cut(path, "://"); found {
			return nil, fmt.Errorf("getFile: %s is none of the schemes http and https", scheme)
		}
		return s.once("getFile", path, func() (any, error) {
			content, err := read(path)
			if s.ctx.Err() != nil {
				return nil, s.ctx.Err()
			}
			if errors.As(err, new(refusal)) {
				return nil, err
			}
			if err != nil {
				return missing("getFile: %s: %v", shown, err), nil
			}
			s.bring(string(content))
			return answered(string(content)), nil
		})
	}}
}

// refusal is an error that no fallback takes the place of.
type refusal struct{ error }

func (s *session) readFile(path string) ([]byte, error) {
	if s.access.File == nil {
		return nil, refusal{closed("getFile", "read local files")}
	}
	return s.access.File(s.ctx, path)
}

func (s *session) fetch(path string) ([]byte, error) {
	request, err := parseRequest(path)
	if err != nil {
		return nil, refusal{err}
	}
	if s.access.Fetch == nil {
		return nil, refusal{closed("getFile", "fetch from the network")}
	}
	return s.access.Fetch(s.ctx, request)
}

func isURL(path string) bool {
	scheme, _, found := strings.Cut(path, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// maxWait is the longest clientTimeout.
const maxWait = time.Hour

// parseRequest reads Etcha's form of a request (address.Split).
func parseRequest(path string) (Request, error) {
	url, told, err := address.Split(path, maxWait)
	if err != nil {
		return Request{}, fmt.Errorf("getFile: %w", err)
	}
	return Request{URL: url, Header: told.Header, SkipVerify: told.SkipVerify, Timeout: told.Timeout}, nil
}
