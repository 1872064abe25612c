package jsonnet

import (
	"context"
	"runtime/metrics"
	"time"
)

// watchEvery is how often the memory is looked at.
const watchEvery = 10 * time.Millisecond

// OutgrowsMemory returns true when this process has taken more memory of the system than so many bytes, and false when ctx
// ends.
func OutgrowsMemory(ctx context.Context, most int64) bool {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if memory() > most {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// memory is what this process has of the system.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}
