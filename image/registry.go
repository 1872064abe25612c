package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A registry is a session with one registry, for one repository: credentials were shown where they were asked for.
type registry struct {
	repository name.Repository
	network    *network
	client     *http.Client
	base       url.URL
	limits     Limits
}

// connect opens a session: it asks the registry what credentials it wants and shows them.
func (s *Store) connect(ctx context.Context, repository name.Repository, auth authn.Authenticator, insecure func(string) bool) (*registry, error) {
	host := repository.RegistryStr()
	n := newNetwork(host, insecure, s.config.Limits, s.dial)
	var options []name.Option
	if insecure(host) {
		options = append(options, name.Insecure)
	}
	target, err := name.NewRegistry(host, options...)
	if err != nil {
		return nil, fmt.Errorf("registry %q: %v", host, err)
	}
	r := &registry{repository: repository, network: n, limits: s.config.Limits}
	trip, err := transport.NewWithContext(ctx, target, auth, n, []string{repository.Scope(transport.PullScope)})
	if err != nil {
		n.http.CloseIdleConnections()
		return nil, r.explain(ctx, "", err)
	}
	r.client = &http.Client{Transport: trip, CheckRedirect: n.checkRedirect}
	// The scheme is corrected by the transport, which knows what the registry speaks.
	r.base = url.URL{Scheme: target.Scheme(), Host: host, Path: "/v2/" + repository.RepositoryStr() + "/"}
	return r, nil
}

func (r *registry) Close() { r.network.http.CloseIdleConnections() }

// manifestTypes are what we ask for. Schema 1 is not among them, but old registries send it all the same.
func manifestTypes() string {
	return strings.Join([]string{string(types.OCIImageIndex), string(types.DockerManifestList),
		string(types.OCIManifestSchema1), string(types.DockerManifestSchema2)}, ", ")
}

// digest asks which digest a tag has now.
func (r *registry) digest(ctx context.Context, tag string) (string, error) {
	response, err := r.get(ctx, http.MethodHead, "manifests", tag, manifestTypes())
	if err != nil {
		return "", err
	}
	response.Body.Close()
	if digest, err := v1.NewHash(response.Header.Get("Docker-Content-Digest")); err == nil && digest.Algorithm == "sha256" {
		return digest.String(), r.noWebPage(tag, response)
	}
	raw, err := r.manifest(ctx, tag) // it does not say: the content does
	if err != nil {
		return "", err
	}
	return digestOf(raw), nil
}

// manifest reads a manifest or index by tag or digest. The caller checks its digest.
func (r *registry) manifest(ctx context.Context, reference string) ([]byte, error) {
	return r.read(ctx, "manifests", reference, manifestTypes())
}

// document reads a small blob: an image's configuration. The caller checks its digest.
func (r *registry) document(ctx context.Context, digest string) ([]byte, error) {
	return r.read(ctx, "blobs", digest, "")
}

// read reads an answer of bounded size. One that is cut short is asked for again.
func (r *registry) read(ctx context.Context, kind, reference, accept string) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		response, err := r.get(ctx, http.MethodGet, kind, reference, accept)
		if err != nil {
			return nil, err
		}
		if err := r.noWebPage(reference, response); err != nil {
			response.Body.Close()
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(response.Body, r.limits.Document+1))
		response.Body.Close()
		switch {
		case err != nil && (attempt >= r.limits.Attempts || ctx.Err() != nil || errors.Is(err, errStalled)):
			return nil, r.explain(ctx, reference, err)
		case err != nil:
			if err := wait(ctx, r.network.pause(attempt, "")); err != nil {
				return nil, r.explain(ctx, reference, err)
			}
		case int64(len(raw)) > r.limits.Document:
			return nil, fmt.Errorf("image %s: is larger than the %d bytes allowed for a manifest or configuration",
				r.name(reference), r.limits.Document)
		default:
			return raw, nil
		}
	}
}

// blob opens a layer. The caller bounds and checks it, and closes it.
func (r *registry) blob(ctx context.Context, digest string) (io.ReadCloser, error) {
	response, err := r.get(ctx, http.MethodGet, "blobs", digest, "")
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

func (r *registry) get(ctx context.Context, method, kind, reference, accept string) (*http.Response, error) {
	address := r.base
	address.Path += kind + "/" + reference
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, err
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, r.explain(ctx, reference, err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, r.refusal(reference, response.StatusCode)
	}
	return response, nil
}

func (r *registry) noWebPage(reference string, response *http.Response) error {
	if kind := response.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") {
		return &problem{message: fmt.Sprintf("image %s: the registry answers with a web page (%s)", r.name(reference), kind),
			hint: "check the registry's host name, and whether a proxy asks for a login"}
	}
	return nil
}

// name is the image in words: registry/repository:tag or @digest.
func (r *registry) name(reference string) string {
	switch {
	case reference == "":
		return r.repository.Name()
	case strings.Contains(reference, ":"):
		return r.repository.Name() + "@" + reference
	}
	return r.repository.Name() + ":" + reference
}

// explain turns an error of the library or of the network into one of ours. What the registry wrote is left out: it
// could hold anything.
func (r *registry) explain(ctx context.Context, reference string, err error) error {
	var status *transport.Error
	var ours *problem
	var address *url.Error
	switch {
	case errors.As(err, &status):
		return r.refusal(reference, status.StatusCode)
	case ctx.Err() != nil:
		return fmt.Errorf("image %s: %w", r.name(reference), context.Cause(ctx))
	case errors.As(err, &ours):
		r.network.mu.Lock()
		defer r.network.mu.Unlock()
		if failed := r.network.overTLS; failed != nil && !errors.Is(failed, ours) { // refused plain HTTP came second
			return fmt.Errorf("%w (with TLS: %v)", ours, failed)
		}
		return ours
	case errors.As(err, &address): // its address may hold a signature
		return fmt.Errorf("image %s: %v", r.name(reference), address.Err)
	}
	return fmt.Errorf("image %s: %v", r.name(reference), err)
}

func (r *registry) refusal(reference string, status int) error {
	host := r.repository.RegistryStr()
	switch status {
	case http.StatusUnauthorized:
		return &problem{message: fmt.Sprintf("image %s: the registry wants credentials, or other ones (401)", r.name(reference)),
			hint: "give username and password in the source, or log in to " + host + " with docker login"}
	case http.StatusForbidden:
		return &problem{message: fmt.Sprintf("image %s: the registry forbids it for these credentials (403)", r.name(reference)),
			hint: "ask for the right to pull from " + r.repository.Name()}
	case http.StatusNotFound:
		return &problem{message: fmt.Sprintf("image %s: not found (404)", r.name(reference)),
			hint: "check repository and tag; some registries also say this of what needs credentials"}
	case http.StatusTooManyRequests:
		return &problem{message: fmt.Sprintf("image %s: the registry allows no more requests for now (429), asked %d times", r.name(reference), r.limits.Attempts),
			hint: "wait, log in for a higher limit, or name a mirror"}
	}
	if status >= 500 {
		return fmt.Errorf("image %s: registry %s answers %d %s, asked %d times", r.name(reference), host, status, http.StatusText(status), r.limits.Attempts)
	}
	return fmt.Errorf("image %s: registry %s answers %d %s", r.name(reference), host, status, http.StatusText(status))
}
