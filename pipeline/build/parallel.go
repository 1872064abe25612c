package build

import (
	"context"
	"sync"
)

// parallel runs count steps, limit at a time (0: all), in their order. It ends as the worst of them; with failFast the first
// that does not succeed interrupts the others and those to come, which then do not count.
func parallel(ctx context.Context, count, limit int, failFast bool, run func(ctx context.Context, i int) outcome) outcome {
	if limit <= 0 {
		limit = count
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		worst = succeeded
	)
	places := make(chan struct{}, limit)
	for i := range count {
		places <- struct{}{} // a step that was interrupted gives its place back soon
		if inner.Err() != nil {
			break
		}
		all.Go(func() {
			end := run(inner, i)
			mu.Lock()
			if end != aborted { // which is said of all, below, or comes of failFast
				worst = max(worst, end)
			}
			mu.Unlock()
			if failFast && end != succeeded {
				cancel()
			}
			<-places
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return worst
}
