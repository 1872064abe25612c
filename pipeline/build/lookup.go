package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
	"github.com/writ-run/writ/vars"
	"github.com/writ-run/writ/workload"
)

// lookup finds a var for a task. A secret goes to AddSecret before it is returned; a static var is no secret.
func (b *build) lookup(ctx context.Context, r vars.Ref) (any, bool, error) {
	switch {
	case r.Identity:
		minted, err := b.Session.Mint(ctx, workload.Request{})
		return minted.Token, true, err // OnMint has given it to AddSecret
	case r.Source == "":
		value, found := b.Vars[r.Path]
		return value, found, nil
	case r.Source == vars.LocalSource:
		return nil, false, nil // no step that sets one has come yet
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

// configLookup finds a var for the config of a var source. The identity is left to the source: it knows the audience.
func (b *build) configLookup(ctx context.Context, r vars.Ref) (any, bool, error) {
	if r.Identity {
		return "((" + r.String() + "))", true, nil
	}
	return b.lookup(ctx, r)
}

// source returns a var source, opened once per build with the build's session; nil: none of that name.
func (b *build) source(ctx context.Context, name string) (vars.Source, error) {
	if open, is := b.sources[name]; is {
		return open, nil
	}
	i := slices.IndexFunc(b.Pipeline.VarSources, func(s pipeline.VarSource) bool { return s.Name == name })
	if i < 0 {
		return nil, nil
	}
	declared := b.Pipeline.VarSources[i]
	config, err := vars.Interpolate(ctx, declared.Config, b.configLookup)
	if err != nil {
		return nil, fmt.Errorf("config of var source %q: %w", name, err)
	}
	filled, isMap := config.(map[string]any)
	if !isMap {
		return nil, fmt.Errorf("config of var source %q: not a mapping", name)
	}
	open, err := b.Kinds[declared.Type].Open(ctx, b.Session, filled)
	if err != nil {
		return nil, fmt.Errorf("var source %q: %w", name, err)
	}
	b.sources[name] = open
	b.opened = append(b.opened, name)
	return open, nil
}

// closeSources ends leases and tokens, the last opened first.
func (b *build) closeSources() {
	for _, name := range slices.Backward(b.opened) {
		if closer, is := b.sources[name].(io.Closer); is {
			if err := closer.Close(); err != nil {
				b.log(journal.Entry{Kind: journal.Warning, Text: fmt.Sprintf("close var source %q: %v", name, err)})
			}
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
