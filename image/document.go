package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxDepth bounds how deep a manifest or configuration may be nested.
const maxDepth = 32

// A Platform names what an image runs on. Empty fields mean linux, and the architecture of this program.
type Platform struct{ OS, Architecture, Variant string }

func (p Platform) orHere() Platform {
	if p.OS == "" {
		p.OS = "linux"
	}
	if p.Architecture == "" {
		p.Architecture = runtime.GOARCH
	}
	return p
}

func (p Platform) String() string {
	words := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		words += "/" + p.Variant
	}
	return words
}

// A manifest is an image's manifest or an index of several; which of both, its lists say.
type manifest struct {
	SchemaVersion int             `json:"schemaVersion"`
	MediaType     string          `json:"mediaType"`
	Manifests     []v1.Descriptor `json:"manifests"`
	Config        v1.Descriptor   `json:"config"`
	Layers        []v1.Descriptor `json:"layers"`
}

// parseManifest parses the manifest or index of an image; name is for its errors.
func parseManifest(name string, raw []byte, limits Limits) (*manifest, error) {
	var m manifest
	if err := decode(raw, &m); err != nil {
		return nil, fmt.Errorf("image %s: manifest: %w", name, err)
	}
	switch {
	case m.SchemaVersion == 1:
		return nil, &problem{message: fmt.Sprintf("image %s: its manifest is of schema 1, which has no digests for its configuration", name),
			hint: "push it again with a current tool"}
	case m.SchemaVersion != 2:
		return nil, fmt.Errorf("image %s: manifest: schemaVersion %d; allowed is 2", name, m.SchemaVersion)
	case m.Manifests != nil && (m.Layers != nil || m.Config.Digest.Hex != ""):
		return nil, fmt.Errorf("image %s: manifest: claims to be both an index and an image", name)
	case m.Manifests == nil && m.Config.Digest.Hex == "":
		return nil, fmt.Errorf("image %s: manifest: names neither a config nor manifests", name)
	case len(m.Layers) > limits.Layers:
		return nil, fmt.Errorf("image %s: manifest: %d layers; allowed are %d", name, len(m.Layers), limits.Layers)
	case m.Manifests == nil && checkDigest(m.Config.Digest.String()) != nil:
		return nil, fmt.Errorf("image %s: manifest: config: digest %q; allowed is sha256", name, m.Config.Digest)
	case m.Manifests == nil && !isImageConfig(string(m.Config.MediaType)):
		return nil, fmt.Errorf("image %s: is no image but an artifact (%q)", name, m.Config.MediaType)
	}
	for _, descriptor := range append(append([]v1.Descriptor{}, m.Layers...), m.Manifests...) {
		if err := checkDescriptor(descriptor); err != nil {
			return nil, fmt.Errorf("image %s: manifest: %w", name, err)
		}
	}
	return &m, nil
}

func isImageConfig(mediaType string) bool {
	return mediaType == "" || mediaType == "application/vnd.oci.image.config.v1+json" ||
		mediaType == "application/vnd.docker.container.image.v1+json"
}

func checkDescriptor(d v1.Descriptor) error {
	switch {
	case d.Digest.Algorithm != "sha256":
		return fmt.Errorf("digest %q; allowed is sha256", d.Digest)
	case d.Size < 0:
		return fmt.Errorf("%s: size %d", d.Digest, d.Size)
	case !d.MediaType.IsDistributable(), len(d.URLs) > 0:
		return &problem{message: fmt.Sprintf("layer %s is a foreign one (%s)", d.Digest, d.MediaType),
			hint: "push the image with all its layers in the registry"}
	}
	return nil
}

// choose picks the image for a platform out of an index.
func (m *manifest) choose(name string, want Platform) (v1.Descriptor, error) {
	want = want.orHere()
	var found []v1.Descriptor
	var have []string
	for _, descriptor := range m.Manifests {
		at := descriptor.Platform
		if at == nil || at.OS == "unknown" { // attestations hide there
			continue
		}
		have = append(have, Platform{at.OS, at.Architecture, at.Variant}.String())
		if at.OS == want.OS && at.Architecture == want.Architecture && (want.Variant == "" || at.Variant == want.Variant) {
			found = append(found, descriptor)
		}
	}
	for _, descriptor := range found { // the plainest first: amd64 before amd64/v3
		if descriptor.Platform.Variant == want.Variant {
			return descriptor, nil
		}
	}
	if len(found) > 0 {
		return found[0], nil
	}
	if len(have) == 0 && len(m.Manifests) == 1 && m.Manifests[0].Platform == nil { // as OCI layouts often have it
		return m.Manifests[0], nil
	}
	const most = 20
	more := ""
	if len(have) > most {
		have, more = have[:most], " and more"
	}
	return v1.Descriptor{}, fmt.Errorf("image %s: is not there for %s; there are: %s%s", name, want, strings.Join(have, ", "), more)
}

// A configuration is the part of an image's configuration that we use.
type configuration struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Config       struct {
		Env        []string
		User       string
		WorkingDir string
		Entrypoint []string
		Cmd        []string
	} `json:"config"`
	RootFS struct {
		DiffIDs []v1.Hash `json:"diff_ids"`
	} `json:"rootfs"`
}

func parseConfiguration(name string, raw []byte, layers int, want Platform) (*configuration, error) {
	var c configuration
	if err := decode(raw, &c); err != nil {
		return nil, fmt.Errorf("image %s: configuration: %w", name, err)
	}
	want = want.orHere()
	if c.OS != "" && c.OS != want.OS || c.Architecture != "" && c.Architecture != want.Architecture {
		return nil, fmt.Errorf("image %s: is for %s/%s, not for %s", name, c.OS, c.Architecture, want)
	}
	if len(c.RootFS.DiffIDs) != layers {
		return nil, fmt.Errorf("image %s: configuration: %d diff ids for %d layers", name, len(c.RootFS.DiffIDs), layers)
	}
	for _, id := range c.RootFS.DiffIDs {
		if id.Algorithm != "sha256" {
			return nil, fmt.Errorf("image %s: configuration: diff id %q; allowed is sha256", name, id)
		}
	}
	for _, variable := range c.Config.Env {
		if strings.ContainsRune(variable, 0) {
			return nil, fmt.Errorf("image %s: configuration: a variable of the environment holds a zero byte", name)
		}
	}
	return &c, nil
}

// decode parses one JSON value that is nested at most maxDepth deep, with nothing after it.
func decode(raw []byte, into any) error {
	depth := 0
	for decoder := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && depth == 0 {
			break
		}
		if err != nil {
			return errors.New("is not JSON")
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxDepth {
				return fmt.Errorf("is nested more than %d deep", maxDepth)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("is not what it should be: %v", err)
	}
	return nil
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
