package build

import (
	"context"
	"fmt"

	"github.com/writ-run/writ/journal"
	"github.com/writ-run/writ/pipeline"
)

// loadVar sets a local var to what a file holds, and logs how it went.
func (b *build) loadVar(ctx context.Context, l *pipeline.LoadVar, at frame) outcome {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	log := b.begin(l.Name, at)
	log.entry(journal.Start, "initializing")
	data, err := b.file(ctx, at, "file of load_var", l.File)
	var value any
	if err == nil {
		value, err = l.Value(data)
	}
	if err == nil {
		if !l.Reveal {
			b.secret(value)
		}
		at.scope.set(l.Name, local{value, !l.Reveal})
		log.entry(journal.Note, fmt.Sprintf("added var %s to build", l.Name))
	}
	return log.end(ctx, nil, err)
}
