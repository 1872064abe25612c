// Package vars is Concourse's ((var)) syntax: references, templates over YAML values, and the sources that they are
// looked up in.
//
//	YAML tree --Replace (what is known now: -v, -l)--> tree --Interpolate (when the step starts)--> tree without ((vars))
//	                                                               |
//	                                                            Lookup --> Source (dummy, idtoken, vault), local vars
//
// Invariant: a value that was looked up is never looked into for further ((vars)), so a secret cannot ask for another.
package vars

import (
	"context"

	"github.com/writ-run/writ/workload"
)

// Kind is a type of var source: dummy, idtoken, vault.
type Kind interface {
	// Validate checks a source's config as it stands in the pipeline. A value that still is a ((var)) is taken as it is.
	Validate(config map[string]any) error
	// Open a source for one build. A Source lives for that build and is never pooled by configuration. In config every
	// ((var)) but ((.CONCOURSE_CI_JWT)) has been replaced; each Kind says what it does with that one.
	Open(ctx context.Context, s *workload.Session, config map[string]any) (Source, error)
}

// Source looks up secrets. Get returns the value at r.Path; the caller walks r.Fields. A Source that holds a lease or a
// token also implements io.Closer, and its opener closes it when the build ends. It is safe for concurrent use: steps of one build may run at the same time.
type Source interface {
	Get(ctx context.Context, r Ref) (value any, found bool, err error)
}
