package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// maxBody bounds what is read of a document or key set.
const maxBody = 1 << 20

const acceptJSON = "application/json"

// Document is what we read of a discovery document (OpenID Connect Discovery 1.0 section 3).
type Document struct {
	Issuer                string `json:"issuer"`
	JWKS                  string `json:"jwks_uri"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
}

// discover fetches and checks the discovery document.
func (s *Set) discover(ctx context.Context) (Document, error) {
	location := strings.TrimSuffix(s.config.Issuer, "/") + "/.well-known/openid-configuration"
	answer, err := get(ctx, s.config.Client, location, acceptJSON, "")
	if err != nil {
		return Document{}, fmt.Errorf("discovery %s: %w", location, err)
	}
	var d Document
	if err := json.Unmarshal(answer.body, &d); err != nil {
		return Document{}, fmt.Errorf("discovery %s: not a discovery document (a JSON object without duplicate members)", location)
	}
	if d.Issuer != s.config.Issuer {
		return Document{}, fmt.Errorf("discovery %s: it is of issuer %.200q, want %q exactly", location, d.Issuer, s.config.Issuer)
	}
	for name, text := range map[string]string{"jwks_uri": d.JWKS, "introspection_endpoint": d.IntrospectionEndpoint} {
		if text == "" && name != "jwks_uri" {
			continue
		}
		named, err := checkURL(text, len(s.config.Pins) > 0)
		if err == nil && loopback(named.Hostname()) && !s.local {
			err = errors.New("a service of this machine, named by an issuer that is not on it")
		}
		if err != nil {
			return Document{}, fmt.Errorf("discovery %s: %s %.200q: %w", location, name, text, err)
		}
	}
	s.mu.Lock()
	s.current.document = d
	s.mu.Unlock()
	return d, nil
}

type answer struct {
	body               []byte
	etag, cacheControl string
	unchanged          bool
}

// get fetches a bounded body. Where nobody answers, or with 5xx or 429, the error is ErrUnreachable.
func get(ctx context.Context, client *http.Client, location, accept, etag string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", accept)
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := client.Do(request)
	if err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner // without the method and the URL, which the caller names
		}
		return answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Body.Close()
	a := answer{etag: response.Header.Get("ETag"), cacheControl: response.Header.Get("Cache-Control")}
	switch code := response.StatusCode; {
	case code == http.StatusNotModified && etag != "":
		a.unchanged = true
		return a, nil
	case code >= 500 || code == http.StatusTooManyRequests:
		return answer{}, fmt.Errorf("%w: it answers %s", ErrUnreachable, response.Status)
	case code >= 300 && code < 400:
		return answer{}, fmt.Errorf("it answers %s; redirects are not followed", response.Status)
	case code != http.StatusOK:
		return answer{}, fmt.Errorf("it answers %s", response.Status)
	}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if len(a.body) > maxBody {
		return answer{}, fmt.Errorf("the body has more than %d bytes", maxBody)
	}
	return a, nil
}

// life is how long keys are fresh: max-age (RFC 9111 section 5.2.2.1) between ten seconds and a day.
func (s *Set) life(cacheControl string) time.Duration {
	life := s.config.MaxAge
	for directive := range strings.SplitSeq(cacheControl, ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return minMaxAge
		case "max-age":
			if seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				life = time.Duration(seconds) * time.Second
			}
		}
	}
	return min(max(life, minMaxAge), maxMaxAge)
}
