package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	docker "github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// maxDockerConfig bounds Docker's config.json.
const maxDockerConfig = 1 << 20

// credentials are the source's own, or else what Docker's configuration holds for the registry: auths, a credential
// helper of that registry, or the common credential store. No error names a credential.
func (s *Store) credentials(ctx context.Context, source Source, repository name.Repository) (authn.Authenticator, error) {
	if source.Username != "" || source.Password != "" {
		return &authn.Basic{Username: source.Username, Password: source.Password}, nil
	}
	type answer struct {
		auth authn.Authenticator
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // a helper is a program of the user's, and may hang
		auth, err := s.dockerCredentials(repository)
		answers <- answer{auth, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.config.Limits.Stall)
	defer cancel()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("registry %s: Docker's credential helper gave no answer: %w", repository.RegistryStr(), ctx.Err())
	case a := <-answers:
		return a.auth, a.err
	}
}

func (s *Store) dockerCredentials(repository name.Repository) (authn.Authenticator, error) {
	dir := s.config.Docker
	if dir == "" {
		dir = os.Getenv("DOCKER_CONFIG")
	}
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return authn.Anonymous, nil
		}
		dir = filepath.Join(home, ".docker")
	}
	path := filepath.Join(dir, docker.ConfigFileName)
	switch info, err := os.Stat(path); {
	case isMissing(err):
		return authn.Anonymous, nil
	case err != nil:
		return nil, fmt.Errorf("docker's configuration: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxDockerConfig:
		return nil, fmt.Errorf("docker's configuration %q: want a regular file of at most %d bytes", path, maxDockerConfig)
	}
	file, err := docker.Load(dir)
	if err != nil {
		return nil, fmt.Errorf("docker's configuration %q: cannot be parsed", path) // the cause may quote it
	}
	for _, key := range []string{repository.Name(), repository.RegistryStr()} {
		if key == name.DefaultRegistry {
			key = authn.DefaultAuthKey
		}
		auth, err := file.GetAuthConfig(key)
		if err != nil {
			return nil, fmt.Errorf("registry %s: Docker's credential helper fails", repository.RegistryStr())
		}
		auth.ServerAddress = ""
		if auth != (types.AuthConfig{}) {
			return authn.FromConfig(authn.AuthConfig{Username: auth.Username, Password: auth.Password, Auth: auth.Auth,
				IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken}), nil
		}
	}
	return authn.Anonymous, nil
}
