package ratio

import (
	"errors"
	"testing"
)

func TestRunCountsBothAlike(t *testing.T) {
	t.Parallel()
	var floors, subjects int
	result := testing.Benchmark(func(b *testing.B) {
		floors, subjects = 0, 0
		Run(b, 2, func() error { floors++; return nil }, func() error { subjects++; return nil })
	})
	if floors != subjects || floors < pairs {
		t.Errorf("floor ran %d times and subject %d, want the same number, at least %d", floors, subjects, pairs)
	}
	if result.Extra["x-limit"] != 2 || result.Extra["x-floor"] <= 0 {
		t.Errorf("reported %v, want x-limit 2 and an x-floor", result.Extra)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 3, 100}); got != 6 {
		t.Errorf("median %v, want 6", got)
	}
}

func TestRunFailsWithTheSubject(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	result := testing.Benchmark(func(b *testing.B) {
		Run(b, 1, func() error { return nil }, func() error { return broken })
	})
	if result.N != 0 {
		t.Errorf("a failing subject gave a result of %d iterations", result.N)
	}
}
