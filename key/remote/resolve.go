package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/writ-run/writ/key"
)

// maxRecords bounds the TXT records of a name.
const maxRecords = 256

const acceptKeys = "application/jwk-set+json, application/json, application/x-pem-file, text/plain, */*;q=0.1"

// Options say how keys are got that are elsewhere.
type Options struct {
	Client    *http.Client                                             // nil: one of our own; its redirects are not followed, its cookies not sent
	LookupTXT func(ctx context.Context, name string) ([]string, error) // nil: the system's resolver
	File      func(name string) ([]byte, error)                        // reads a bounded key file; nil: files are refused
}

// ResolveKeys gets the keys that a list of References names, all at once and each within 15 seconds and 1 MiB. Every value
// is read before anything is fetched, so that a mistake in one is an error whatever the others say.
//
// Where some cannot be reached, and nothing else is wrong, the error is ErrUnreachable and the keys are those of the rest:
// a caller may go on with fewer, which takes fewer orders and no others. With any other error there are none.
func ResolveKeys(ctx context.Context, values []string, o Options) (key.OrderKeys, error) {
	if o.LookupTXT == nil {
		o.LookupTXT = net.DefaultResolver.LookupTXT
	}
	o.Client = restrained(o.Client)
	references, err := parseReferences(values, o)
	if err != nil {
		return key.OrderKeys{}, err
	}
	found := make([]key.OrderKeys, len(references))
	problems := make([]error, len(references))
	var group sync.WaitGroup
	for i, r := range references {
		group.Go(func() { found[i], problems[i] = r.resolve(ctx, o) })
	}
	group.Wait()
	var public []key.Public
	var shared []key.HMAC
	var wrong, away error
	for i := range references {
		public, shared = append(public, found[i].Public()...), append(shared, found[i].Shared()...)
		switch err := problems[i]; {
		case errors.Is(err, ErrUnreachable):
			away = errors.Join(away, place(i, references[i], err))
		case err != nil:
			wrong = errors.Join(wrong, place(i, references[i], err))
		}
	}
	if wrong != nil {
		return key.OrderKeys{}, wrong
	}
	for _, r := range references {
		if r.Fetched() && len(shared) > 0 { // also where it is away just now
			return key.OrderKeys{}, key.ErrMixed
		}
	}
	keys, err := key.NewOrderKeys(public, shared)
	if err != nil {
		return key.OrderKeys{}, err
	}
	return keys, away
}

func parseReferences(values []string, o Options) ([]Reference, error) {
	var references []Reference
	var wrong error
	for i, value := range values {
		r, err := ParseReference(value)
		if err == nil && r.kind == ofFile && o.File == nil {
			err = errors.New("want ed25519public:BASE64[:KID], say, https://..., or dns:NAME#sha256=THUMBPRINT")
		}
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("key %d: %w", i+1, err))
		}
		references = append(references, r)
	}
	return references, wrong
}

// place says which value of the list an error is of.
func place(i int, r Reference, err error) error {
	return fmt.Errorf("key %d, %s: %w", i+1, r, err)
}

func (r Reference) resolve(ctx context.Context, o Options) (key.OrderKeys, error) {
	switch r.kind {
	case ofURL:
		return r.fetch(ctx, o)
	case ofDNS:
		return r.lookup(ctx, o)
	case ofFile:
		data, err := o.File(r.text)
		if err != nil {
			return key.OrderKeys{}, err
		}
		return key.ParseOrderKeys(data)
	}
	return r.keys, nil
}

func (r Reference) fetch(ctx context.Context, o Options) (key.OrderKeys, error) {
	answer, err := get(ctx, o.Client, r.text, acceptKeys, "")
	if err != nil {
		return key.OrderKeys{}, err
	}
	keys, err := key.ParseAll(answer.body)
	if err != nil {
		return key.OrderKeys{}, err
	}
	return r.pinned(keys)
}

func (r Reference) lookup(ctx context.Context, o Options) (key.OrderKeys, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	records, err := o.LookupTXT(ctx, r.text)
	var problem *net.DNSError
	switch {
	case errors.As(err, &problem) && problem.IsNotFound:
		return key.OrderKeys{}, errors.New("it has no TXT record")
	case err != nil:
		return key.OrderKeys{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case len(records) > maxRecords:
		return key.OrderKeys{}, fmt.Errorf("it has %d TXT records, want at most %d", len(records), maxRecords)
	}
	var keys []key.Public
	for _, record := range records {
		one, err := key.ParsePublic([]byte(record))
		switch {
		case errors.Is(err, key.ErrPrivate), key.IsHMAC([]byte(record)):
			return key.OrderKeys{}, err // a name has other records, too, but this one is a mistake to be told of
		case err == nil:
			keys = append(keys, one)
		}
	}
	if len(keys) == 0 {
		return key.OrderKeys{}, fmt.Errorf("none of its %d TXT record(s) is a public key", len(records))
	}
	return r.pinned(keys)
}

// pinned leaves the keys that have the thumbprint, where there is one.
func (r Reference) pinned(keys []key.Public) (key.OrderKeys, error) {
	if r.pin == "" {
		return key.NewOrderKeys(keys, nil)
	}
	for _, k := range keys {
		if k.Thumbprint() == r.pin {
			return key.NewOrderKeys([]key.Public{k}, nil)
		}
	}
	return key.OrderKeys{}, fmt.Errorf("none of its %d key(s) has the fingerprint sha256=%s (RFC 7638)", len(keys), r.pin)
}
