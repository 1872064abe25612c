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
	most = math.MaxInt64 / 4 * time.Nanosecond // weeks, days and the rest each: together they are no overflow
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
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && n > uint64(most/unit.of):
			return 0, wrong(text, errLong)
		case err != nil:
			return 0, wrong(text, errForm)
		}
		total, rest = total+time.Duration(n)*unit.of, after
	}
	if rest != "" && rest != "0" {
		d, err := time.ParseDuration(rest)
		switch {
		case err != nil && plain(rest), d > most:
			return 0, wrong(text, errLong)
		case err != nil, d < 0:
			return 0, wrong(text, errForm)
		}
		total += d
	} else if text == "-" {
		return 0, wrong(text, errForm)
	}
	if negative {
		total = -total
	}
	return total, nil
}

// plain tells a whole number of hours, minutes or seconds: where that is not read, it is too large.
func plain(text string) bool {
	digits := strings.TrimRight(text, "hms")
	return digits != "" && len(digits) == len(text)-1 && strings.Trim(digits, "0123456789") == ""
}

var (
	errForm = errors.New("is not a duration like 7d, 36h or 90m")
	errLong = fmt.Errorf("is too long a duration: at most %dd", most/day)
)

// maxShown is how long a text is shown in an error. A part of one is not: its beginning may be a secret's, which who masks
// errors does not know again.
const maxShown = 40

func wrong(text string, why error) error {
	if len(text) > maxShown {
		return fmt.Errorf("a text of %d bytes %w", len(text), why)
	}
	return fmt.Errorf("%q %w", text, why)
}
