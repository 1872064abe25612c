// Package period reads durations as people write them into configuration: 90m, 36h, 7d, 1d12h, 2w.
package period

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Parse reads a duration: what time.ParseDuration takes, with whole days (d) and weeks (w) before it. "0" and the empty
// text are none.
func Parse(text string) (time.Duration, error) {
	rest, negative := strings.CutPrefix(text, "-")
	var total time.Duration
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"w", week}, {"d", day}} {
		digits, after, found := strings.Cut(rest, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/int64(unit.of))/4 {
			return 0, wrong(text)
		}
		total, rest = total+time.Duration(n)*unit.of, after
	}
	if rest != "" && rest != "0" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || d > math.MaxInt64/4 {
			return 0, wrong(text)
		}
		total += d
	} else if text == "-" {
		return 0, wrong(text)
	}
	if negative {
		total = -total
	}
	return total, nil
}

var errForm = errors.New("is not a duration like 7d, 36h or 90m")

// maxShown is how long a text is shown in an error. A part of one is not: its beginning may be a secret's, which who masks
// errors does not know again.
const maxShown = 40

func wrong(text string) error {
	if len(text) > maxShown {
		return fmt.Errorf("a text of %d bytes %w", len(text), errForm)
	}
	return fmt.Errorf("%q %w", text, errForm)
}
