package jsonnet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
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
			shown, _, _ = strings.Cut(path, "#")
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

// parseRequest reads Etcha's form of a request: "URL#NAME:VALUE\r\nNAME:VALUE", where clientSkipVerify (older:
// skipVerify) and clientTimeout:SECONDS are for the client itself. Its errors hold no value of a header.
func parseRequest(path string) (Request, error) {
	url, headers, _ := strings.Cut(path, "#")
	request := Request{URL: url, Header: map[string]string{}}
	for line := range strings.SplitSeq(headers, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.EqualFold(name, "clientSkipVerify"), strings.EqualFold(name, "skipVerify"):
			request.SkipVerify = true
		case strings.EqualFold(name, "clientTimeout"):
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 1 || seconds > int(maxWait/time.Second) {
				return Request{}, fmt.Errorf("getFile: clientTimeout is no number of seconds from 1 to %d", int(maxWait/time.Second))
			}
			request.Timeout = time.Duration(seconds) * time.Second
		case !found || name == "":
			return Request{}, errors.New("getFile: what follows the '#' of a URL is NAME:VALUE, a header a line")
		default:
			request.Header[name] = value
		}
	}
	return request, nil
}
