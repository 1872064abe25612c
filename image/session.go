package image

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// sessions are the mirror and the registry of one source, connected when first needed.
type sessions struct {
	store  *Store
	source Source

	mu     sync.Mutex
	routes []*route
}

// A route is one host to ask.
type route struct {
	mirror bool
	opened *registry
	err    error
}

func (s *Store) sessions(source Source) *sessions {
	set := &sessions{store: s, source: source}
	if repository, _, _, err := source.reference(); err == nil && set.mirror(repository).Host != "" {
		set.routes = append(set.routes, &route{mirror: true})
	}
	set.routes = append(set.routes, &route{})
	return set
}

func (set *sessions) mirror(repository name.Repository) Mirror {
	if set.source.Mirror.Host != "" {
		return set.source.Mirror
	}
	host := repository.RegistryStr()
	found := set.store.config.Mirrors[host]
	if found == "" && host == name.DefaultRegistry {
		found = set.store.config.Mirrors["docker.io"]
	}
	return Mirror{Host: found}
}

// each asks one host after the other until one can do it: the last one's error counts.
func (set *sessions) each(ctx context.Context, ask func(*registry) error) error {
	var err error
	for _, route := range set.routes {
		var r *registry
		r, err = set.open(ctx, route)
		if err == nil {
			err = ask(r)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (set *sessions) open(ctx context.Context, route *route) (*registry, error) {
	set.mu.Lock()
	defer set.mu.Unlock()
	if route.opened != nil || route.err != nil {
		return route.opened, route.err
	}
	route.opened, route.err = set.connect(ctx, route.mirror)
	return route.opened, route.err
}

func (set *sessions) connect(ctx context.Context, viaMirror bool) (*registry, error) {
	s := set.store
	repository, _, _, err := set.source.reference()
	if err != nil {
		return nil, err
	}
	own := repository.RegistryStr()
	insecure := func(host string) bool {
		return slices.Contains(s.config.Insecure, host) || set.source.Insecure && host == own
	}
	if viaMirror {
		mirror := set.mirror(repository)
		registry, err := name.NewRegistry(mirror.Host)
		if err != nil {
			return nil, fmt.Errorf("mirror %q: %v", mirror.Host, err)
		}
		mirrored := registry.Repo(strings.Split(repository.RepositoryStr(), "/")...)
		auth, err := s.credentials(ctx, Source{Username: mirror.Username, Password: mirror.Password}, mirrored)
		if err != nil {
			return nil, err
		}
		return s.connect(ctx, mirrored, auth, insecure)
	}
	var auth authn.Authenticator
	if auth, err = s.credentials(ctx, set.source, repository); err != nil {
		return nil, err
	}
	return s.connect(ctx, repository, auth, insecure)
}

func (set *sessions) Close() {
	set.mu.Lock()
	defer set.mu.Unlock()
	for _, route := range set.routes {
		if route.opened != nil {
			route.opened.Close()
		}
	}
}
