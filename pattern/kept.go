package pattern

import "sync"

// keptVar is the run var that holds what native functions were asked to keep from the build to the runs. No Jsonnet name
// looks so by accident.
const keptVar = "$kept"

// Kept are values that native functions keep from a build to its runs. It is a jsonnet.Cache.
type Kept struct {
	mu     sync.Mutex
	values map[string]any
	closed bool
}

// NewKept returns a Kept for a build.
func NewKept() *Kept { return &Kept{values: map[string]any{}} }

// KeptBy returns what the build of an order has kept; runs add nothing to it.
func KeptBy(vars map[string]any) *Kept {
	values, _ := vars[keptVar].(map[string]any)
	return &Kept{values: values, closed: true}
}

// Get returns a value.
func (k *Kept) Get(name string) (value any, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	value, found = k.values[name]
	return value, found
}

// Put keeps a value.
func (k *Kept) Put(name string, value any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed {
		k.values[name] = value
	}
}

// Vars are the run vars by which the values reach the runs; none where nothing was kept.
func (k *Kept) Vars() map[string]any {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.values) == 0 {
		return nil
	}
	return map[string]any{keptVar: k.values}
}
