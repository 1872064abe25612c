// Package ratio runs a benchmark against its floor: what is measured and the least that it could cost, in interleaved
// pairs of one run, so that the figure holds on any machine.
package ratio

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

// pairs is how many times floor and subject are measured, in turns.
const pairs = 10

// Run measures floor and subject in ten interleaved pairs of b.N iterations in all, and reports the median ratio as
// "x-floor" beside the promised limit, "x-limit". A figure over the limit does not fail: machines are noisy.
func Run(b *testing.B, limit float64, floor, subject func() error) {
	b.Helper()
	b.ReportAllocs()
	for _, f := range []func() error{floor, subject} { // warm caches, and fail early
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	rounds := max(1, b.N/pairs)
	var ratios, floors, subjects []float64
	b.ResetTimer()
	for pair := range pairs {
		var low, high time.Duration
		if pair%2 == 0 {
			low, high = measure(b, floor, rounds), measure(b, subject, rounds)
		} else {
			high, low = measure(b, subject, rounds), measure(b, floor, rounds)
		}
		ratios = append(ratios, float64(high)/float64(max(1, low)))
		floors = append(floors, float64(low)/float64(rounds))
		subjects = append(subjects, float64(high)/float64(rounds))
	}
	b.StopTimer()
	b.ReportMetric(median(ratios), "x-floor")
	b.ReportMetric(limit, "x-limit")
	b.ReportMetric(median(floors), "floor-ns")
	b.ReportMetric(median(subjects), "subject-ns")
	b.ReportMetric(0, "ns/op") // of both together: it says nothing
}

func measure(b *testing.B, f func() error, rounds int) time.Duration {
	b.Helper()
	runtime.GC() // each begins with a clean heap, and pays for its own
	start := time.Now()
	for range rounds {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	return (values[middle-1] + values[middle]) / 2
}
