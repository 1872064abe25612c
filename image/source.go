package image

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// A Source says which image: the fields of a Concourse registry-image resource's source.
type Source struct {
	Repository string // "busybox", "registry.example/team/app"
	Tag        string // empty is "latest"
	Digest     string // "sha256:...": wins over Tag
	Username   string
	Password   string
	Insecure   bool     // the registry may speak plain HTTP or have an unknown certificate
	Mirror     Mirror   // instead of Config.Mirrors
	Platform   Platform // empty fields: linux, and the architecture of this program
}

// String names the image, and no credential.
func (source Source) String() string {
	switch {
	case source.Digest != "":
		return source.Repository + "@" + source.Digest
	case source.Tag != "":
		return source.Repository + ":" + source.Tag
	}
	return source.Repository
}

// GoString is String, so that no verb of fmt prints a credential.
func (source Source) GoString() string { return source.String() }

// LogValue is String, so that no log holds a credential.
func (source Source) LogValue() slog.Value { return slog.StringValue(source.String()) }

// A Mirror is asked before the registry itself, with its own credentials or none.
type Mirror struct{ Host, Username, Password string }

// String is the mirror's host.
func (m Mirror) String() string { return m.Host }

// GoString is String.
func (m Mirror) GoString() string { return m.String() }

// LogValue is String.
func (m Mirror) LogValue() slog.Value { return slog.StringValue(m.String()) }

// A Pinned is a source with the digest that its tag had. A run pins its images once, at its start.
type Pinned struct {
	Source Source
	Digest string
}

// String is repository@digest.
func (p Pinned) String() string { return p.Source.Repository + "@" + p.Digest }

// GoString is String.
func (p Pinned) GoString() string { return p.String() }

// LogValue is String.
func (p Pinned) LogValue() slog.Value { return slog.StringValue(p.String()) }

// reference parses a source's repository, and its tag or digest.
func (source Source) reference() (repository name.Repository, tag, digest string, err error) {
	written, tag := source.Repository, source.Tag
	if plain, after, found := strings.Cut(written, "@"); found {
		if source.Digest != "" && source.Digest != after {
			return repository, "", "", fmt.Errorf("image %q: its repository and its digest name two digests", written)
		}
		written, source.Digest = plain, after
	}
	if at := strings.LastIndexByte(written, ':'); at > strings.LastIndexByte(written, '/') && at >= 0 {
		if tag != "" && tag != written[at+1:] {
			return repository, "", "", fmt.Errorf("image %q: its repository and its tag name two tags", source.Repository)
		}
		written, tag = written[:at], written[at+1:]
	}
	repository, err = name.NewRepository(written)
	if err == nil && slices.ContainsFunc(strings.Split(written, "/"), func(part string) bool { return strings.Trim(part, ".") == "" }) {
		err = errors.New("has a part without a name")
	}
	if err != nil {
		return repository, "", "", fmt.Errorf("image repository %q: %v", source.Repository, err)
	}
	if source.Digest != "" {
		if err := checkDigest(source.Digest); err != nil {
			return repository, "", "", fmt.Errorf("image %q: %w", source.Repository, err)
		}
		return repository, "", source.Digest, nil
	}
	if tag == "" {
		tag = name.DefaultTag
	}
	if _, err := name.NewTag(repository.Name() + ":" + tag); err != nil {
		return repository, "", "", fmt.Errorf("image %q: tag %q: %v", source.Repository, tag, err)
	}
	return repository, tag, "", nil
}

func checkDigest(digest string) error {
	hex, found := strings.CutPrefix(digest, "sha256:")
	if !found || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %.100q is not sha256: and 64 hexadecimal digits", digest)
	}
	return nil
}
