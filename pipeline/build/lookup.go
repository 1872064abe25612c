package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// lookup finds vars for a step.
func (b *build) lookup(at frame) vars.Lookup {
	return func(ctx context.Context, r vars.Ref) (any, bool, error) { return b.find(ctx, at.scope, r) }
}

// find finds a var. A secret goes to AddSecret before it is returned; a static var is no secret.
func (b *build) find(ctx context.Context, local *scope, r vars.Ref) (any, bool, error) {
	switch {
	case r.Identity:
		minted, err := b.Session.Mint(ctx, workload.Request{})
		return minted.Token, true, err // OnMint has given it to AddSecret
	case r.Source == "":
		value, found := b.Vars[r.Path]
		return value, found, nil
	case r.Source == vars.LocalSource && local == nil:
		return nil, false, nil
	case r.Source == vars.LocalSource:
		value, found := local.local(r.Path)
		return value.value, found, nil
	}
	source, err := b.source(ctx, r.Source)
	if source == nil || err != nil {
		return nil, false, err
	}
	value, found, err := source.Get(ctx, r)
	if err != nil || !found {
		return nil, false, err
	}
	b.secret(field(value, r.Fields))
	return value, true, nil
}

// configLookup finds a var for the config of a var source, which is outside every step. The identity is left to the source:
// it knows the audience.
func (b *build) configLookup(ctx context.Context, r vars.Ref) (any, bool, error) {
	if r.Identity {
		return "((" + r.String() + "))", true, nil
	}
	return b.find(ctx, nil, r)
}

// sources are the build's var sources, opened once each. They are safe for concurrent use.
type sources struct {
	mu     sync.Mutex
	all    map[string]*opening
	opened []io.Closer // in the order in which they were
	names  []string    // of those
}

// opening is a source that is open, or that the holder of turn may open.
type opening struct {
	turn   chan struct{}
	source vars.Source // its turn guards it
}

// take waits for the turn at a source.
func (s *sources) take(ctx context.Context, name string) (*opening, error) {
	s.mu.Lock()
	one := s.all[name]
	if one == nil {
		one = &opening{turn: make(chan struct{}, 1)}
		s.all[name] = one
	}
	s.mu.Unlock()
	select {
	case one.turn <- struct{}{}:
		return one, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// source returns a var source, opened once per build with the build's session; nil: none of that name.
func (b *build) source(ctx context.Context, name string) (vars.Source, error) {
	i := slices.IndexFunc(b.Pipeline.VarSources, func(s pipeline.VarSource) bool { return s.Name == name })
	if i < 0 {
		return nil, nil
	}
	one, err := b.sources.take(ctx, name) // those that its config needs come before it, so no two wait for one another
	if err != nil {
		return nil, err
	}
	defer func() { <-one.turn }()
	if one.source != nil {
		return one.source, nil
	}
	source, err := b.open(ctx, b.Pipeline.VarSources[i])
	if err != nil {
		return nil, err
	}
	one.source = source
	if closer, is := source.(io.Closer); is {
		b.sources.mu.Lock()
		defer b.sources.mu.Unlock()
		b.sources.opened = append(b.sources.opened, closer)
		b.sources.names = append(b.sources.names, name)
	}
	return source, nil
}

func (b *build) open(ctx context.Context, declared pipeline.VarSource) (vars.Source, error) {
	config, err := vars.Interpolate(ctx, declared.Config, b.configLookup)
	if err != nil {
		return nil, fmt.Errorf("config of var source %q: %w", declared.Name, err)
	}
	filled, isMap := config.(map[string]any)
	if !isMap {
		return nil, fmt.Errorf("config of var source %q: not a mapping", declared.Name)
	}
	source, err := b.Kinds[declared.Type].Open(ctx, b.Session, filled)
	if err != nil {
		return nil, fmt.Errorf("var source %q: %w", declared.Name, err)
	}
	return source, nil
}

// closeSources ends leases and tokens, the last opened first. Nothing else runs any more.
func (b *build) closeSources() {
	for i, closer := range slices.Backward(b.sources.opened) {
		if err := closer.Close(); err != nil {
			b.log(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf("close var source %q: %v", b.sources.names[i], err)})
		}
	}
}

// field is the part of a secret that a reference takes; the whole where there is no such part.
func field(value any, fields []string) any {
	at := value
	for _, name := range fields {
		below, isMap := at.(map[string]any)
		if !isMap || below[name] == nil {
			return value
		}
		at = below[name]
	}
	return at
}

// secret gives every leaf of a value to AddSecret. Booleans are none: "true" would vanish from every log.
func (b *build) secret(value any) {
	switch v := value.(type) {
	case string:
		b.AddSecret(v)
	case json.Number:
		b.AddSecret(v.String())
	case float64:
		b.AddSecret(strconv.FormatFloat(v, 'f', -1, 64))
	case int, int64, uint64:
		b.AddSecret(fmt.Sprint(v))
	case []any:
		for _, item := range v {
			b.secret(item)
		}
	case map[string]any:
		for _, item := range v {
			b.secret(item)
		}
	}
}

// hint is what an error says may help.
func hint(err error) string {
	var helpful interface{ Hint() string }
	if errors.As(err, &helpful) {
		return helpful.Hint()
	}
	return ""
}
