package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/writ-run/writ/container"
	"github.com/writ-run/writ/container/oci"
	"github.com/writ-run/writ/image"
	"github.com/writ-run/writ/internal/config"
	"github.com/writ-run/writ/internal/nearest"
	"github.com/writ-run/writ/pipeline"
)

// images are those of one run: each is pinned once, and stays in the cache until the run has ended.
type images struct {
	store    *image.Store
	note     func(text string)
	progress *pullProgress

	mu     sync.Mutex
	pinned map[string]func() (image.Pinned, error) // by source
	ready  map[string]func() (*image.Image, error) // by name
	count  int
	forks  []container.Volume // that images out of steps are in
}

// openStore opens the cache of images.
func openStore(c config.Container, progress func(image.Event)) (*image.Store, error) {
	return image.Open(image.Config{
		Dir: c.ImageCache, MaxBytes: c.ImageCacheBytes, Rootless: oci.Rootless(), Mirrors: c.RegistryMirrors, Insecure: c.InsecureRegistries,
		Progress: progress,
	})
}

func openImages(c config.Container, note func(text string)) (*images, error) {
	shown := &pullProgress{note: note, now: time.Now, layers: map[string]image.Event{}}
	store, err := openStore(c, shown.event)
	if err != nil {
		return nil, err
	}
	return &images{store: store, note: note, progress: shown, pinned: map[string]func() (image.Pinned, error){}, ready: map[string]func() (*image.Image, error){}}, nil
}

// progressEvery is how often a pull says how far it is.
const progressEvery = 3 * time.Second

// pullProgress says how far the pulls of a run are.
type pullProgress struct {
	note func(text string)
	now  func() time.Time

	mu     sync.Mutex
	layers map[string]image.Event // that are being pulled, by digest
	said   time.Time
}

func (p *pullProgress) event(e image.Event) {
	if e.Note != "" {
		p.note("image: " + e.Note)
	}
	if e.Layer == "" || e.Cached {
		return
	}
	p.mu.Lock()
	p.layers[e.Layer] = e
	var done, total int64
	for _, layer := range p.layers {
		done, total = done+layer.Done, total+layer.Total
	}
	now := p.now()
	if p.said.IsZero() {
		p.said = now // small ones need no word
	}
	due := now.Sub(p.said) >= progressEvery
	if due {
		p.said = now
	}
	p.mu.Unlock()
	if due {
		p.note(fmt.Sprintf("image: %s of %s", byteText(done), byteText(total)))
	}
}

// end is called when an image is ready.
func (p *pullProgress) end() {
	p.mu.Lock()
	total := int64(0)
	for _, layer := range p.layers {
		total += layer.Total
	}
	count := len(p.layers)
	p.layers, p.said = map[string]image.Event{}, time.Time{}
	p.mu.Unlock()
	if count > 0 {
		p.note(fmt.Sprintf("image: pulled %d layer(s), %s", count, byteText(total)))
	}
}

// pin finds the digests of images at the start of a run: all its tasks then have the same ones, whatever is pushed meanwhile.
func (i *images) pin(ctx context.Context, resources []pipeline.ImageResource) error {
	var problems []error
	for _, r := range resources {
		if r.Type != "registry-image" {
			continue
		}
		_, err := i.resolve(ctx, r)
		if err != nil && !slices.ContainsFunc(problems, func(other error) bool { return other.Error() == err.Error() }) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (i *images) resolve(ctx context.Context, r pipeline.ImageResource) (image.Pinned, error) {
	source, err := imageSource(r)
	if err != nil {
		return image.Pinned{}, err
	}
	key, err := json.Marshal(source)
	if err != nil {
		return image.Pinned{}, err
	}
	i.mu.Lock()
	once, known := i.pinned[string(key)]
	if !known {
		once = sync.OnceValues(func() (image.Pinned, error) { return i.store.Resolve(ctx, source) })
		i.pinned[string(key)] = once
	}
	i.mu.Unlock()
	pinned, err := once()
	if err != nil {
		i.mu.Lock()
		delete(i.pinned, string(key)) // another attempt asks again
		i.mu.Unlock()
	}
	return pinned, err
}

// prepare is build.Image.
func (i *images) prepare(ctx context.Context, r pipeline.ImageResource, artifact container.Volume) (name, digest string, err error) {
	if artifact != nil {
		return i.load(ctx, artifact)
	}
	pinned, err := i.resolve(ctx, r)
	if err != nil {
		return "", "", err
	}
	name = pinned.String()
	i.mu.Lock()
	once, known := i.ready[name]
	if !known {
		once = sync.OnceValues(func() (*image.Image, error) {
			i.note("image " + name)
			pulled, err := i.store.Pull(ctx, pinned)
			if err == nil {
				i.progress.end()
			}
			return pulled, err
		})
		i.ready[name] = once
	}
	i.mu.Unlock()
	pulled, err := once()
	if err != nil {
		i.mu.Lock()
		delete(i.ready, name)
		i.mu.Unlock()
		return "", "", err
	}
	return name, pulled.Digest, nil
}

// load takes an image out of what a step has left: out of a fork, since the artifact may get another content while the image
// is in use.
func (i *images) load(ctx context.Context, artifact container.Volume) (name, digest string, err error) {
	fork, err := artifact.Fork(ctx)
	if err != nil {
		return "", "", err
	}
	files, err := fork.Files(ctx)
	if err != nil {
		return "", "", errors.Join(err, fork.Close())
	}
	loaded, err := i.store.LoadRootfs(ctx, files)
	if err != nil {
		return "", "", errors.Join(err, fork.Close())
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count++
	name = fmt.Sprintf("artifact %d", i.count)
	i.ready[name] = func() (*image.Image, error) { return loaded, nil }
	i.forks = append(i.forks, fork)
	return name, loaded.Digest, nil
}

// find is the runtime's view of an image that prepare has named.
func (i *images) find(_ context.Context, name string) (*oci.Image, error) {
	i.mu.Lock()
	once, known := i.ready[name]
	i.mu.Unlock()
	if !known {
		return nil, fmt.Errorf("image %q is not ready", name)
	}
	ready, err := once()
	if err != nil {
		return nil, err
	}
	return &oci.Image{Layers: ready.Layers, Env: ready.Env, User: ready.User, Entrypoint: ready.Entrypoint, WorkDir: ready.WorkingDir, Resolve: ready.ResolvePath, Lookup: func(user string) (oci.Account, error) {
		return lookUpUser(ready, user)
	}}, nil
}

func lookUpUser(i *image.Image, user string) (oci.Account, error) {
	uid, gid, groups, home, err := i.LookupUser(user)
	if err != nil {
		return oci.Account{}, err
	}
	account := oci.Account{UID: uint32(uid), GID: uint32(gid), Home: home}
	for _, group := range groups {
		account.Groups = append(account.Groups, uint32(group))
	}
	if account.Name, _, _ = strings.Cut(user, ":"); account.Name == "" || uid == 0 {
		account.Name = "root"
	}
	return account, nil
}

// close lets go of the images.
func (i *images) close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	var problems []error
	for _, once := range i.ready {
		if ready, err := once(); err == nil {
			problems = append(problems, ready.Close())
		}
	}
	for _, fork := range i.forks {
		problems = append(problems, fork.Close())
	}
	i.ready, i.forks = nil, nil
	return errors.Join(problems...)
}

// imageFields are the fields of a registry-image's source that Writ reads, and those of Concourse's that it does not.
var (
	imageFields = []string{"insecure", "password", "platform", "registry_mirror", "repository", "tag", "username"}
	laterFields = []string{"aws_access_key_id", "aws_account_id", "aws_ecr_registry_id", "aws_region", "aws_role_arn", "aws_role_arns", "aws_secret_access_key",
		"aws_session_token", "ca_certs", "content_trust", "debug", "domain_certs", "pre_releases", "semver_constraint", "tag_regex", "variant"}
)

// imageSource reads the source and version of an image_resource. No value of theirs is in an error: it may be a password.
func imageSource(r pipeline.ImageResource) (s image.Source, err error) {
	reader := sourceReader{what: "image_resource.source", fields: r.Source, known: imageFields, later: laterFields}
	s.Repository = reader.text("repository")
	s.Tag = reader.text("tag")
	s.Username, s.Password = reader.text("username"), reader.text("password")
	s.Insecure = reader.boolean("insecure")
	mirror := reader.object("registry_mirror", "host", "username", "password")
	s.Mirror = image.Mirror{Host: mirror.text("host"), Username: mirror.text("username"), Password: mirror.text("password")}
	platform := reader.object("platform", "os", "architecture", "variant")
	s.Platform = image.Platform{OS: platform.text("os"), Architecture: platform.text("architecture"), Variant: platform.text("variant")}
	version := sourceReader{what: "image_resource.version", fields: r.Version, known: []string{"digest", "tag"}}
	s.Digest = version.text("digest")
	if tag := version.text("tag"); tag != "" {
		s.Tag = tag
	}
	return s, errors.Join(reader.end(), mirror.end(), platform.end(), version.end())
}

// sourceReader reads fields strictly, and keeps what was wrong.
type sourceReader struct {
	what         string
	fields       map[string]any
	known, later []string
	problems     []error
}

func (r *sourceReader) fail(name, format string, arguments ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s.%s %s", r.what, name, fmt.Sprintf(format, arguments...)))
}

func (r *sourceReader) text(name string) string {
	switch v := r.fields[name].(type) {
	case nil:
	case string:
		return v
	case int64, uint64, int:
		return fmt.Sprint(v)
	case float64:
		r.fail(name, "is a number with a fraction: put it in quotes, since 1.10 would become 1.1")
	default:
		r.fail(name, "must be text")
	}
	return ""
}

func (r *sourceReader) boolean(name string) bool {
	switch v := r.fields[name].(type) {
	case nil:
	case bool:
		return v
	default:
		r.fail(name, "must be true or false")
	}
	return false
}

func (r *sourceReader) object(name string, members ...string) *sourceReader {
	inner := &sourceReader{what: r.what + "." + name, known: members}
	switch v := r.fields[name].(type) {
	case nil:
	case map[string]any:
		inner.fields = v
	default:
		r.fail(name, "must be a mapping")
	}
	return inner
}

// end reports what was wrong, unknown fields among it.
func (r *sourceReader) end() error {
	for name := range r.fields {
		switch {
		case slices.Contains(r.known, name):
		case slices.Contains(r.later, name):
			r.fail(name, "is not yet in writ; allowed: %s", strings.Join(r.known, ", "))
		default:
			r.fail(name, "is unknown%s; allowed: %s", nearest.Suggestion(name, r.known), strings.Join(r.known, ", "))
		}
	}
	slices.SortFunc(r.problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(r.problems...)
}
