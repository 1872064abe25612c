package token

import (
	"math"
	"slices"
	"time"
)

// checkTimes checks nbf, exp and the life between iat and exp.
func checkTimes(r *reporter, c Registered, p Profile, now time.Time) {
	atMost, after, clock := clocks(now.Unix())
	switch {
	case c.NotBefore == 0:
		r.skip("nbf", "")
	case now.Add(p.Leeway).Unix() < int64(c.NotBefore):
		r.fail("nbf", atMost, instant(int64(c.NotBefore)), ErrNotYetValid)
	default:
		r.pass("nbf", atMost, instant(int64(c.NotBefore)))
	}
	switch {
	case c.Expiry == 0 && (p.NoExpiry || slices.Contains(p.Required, "exp")): // what is required is reported as that
		r.skip("exp", "")
	case c.Expiry == 0:
		r.fail("exp", after, "none", ErrRequired)
	case now.Add(-p.Leeway).Unix() >= int64(c.Expiry):
		r.fail("exp", after, instant(int64(c.Expiry)), ErrExpired)
	default:
		r.pass("exp", after, instant(int64(c.Expiry)))
	}
	switch {
	case p.MaxLife == 0:
		r.skip("life", "")
	case c.Expiry == 0 || c.IssuedAt == 0:
		r.fail("life", "at most "+p.MaxLife.String(), "no exp or no iat", ErrLife)
	case c.IssuedAt.Time().After(now.Add(max(p.Leeway, 30*time.Second))):
		r.fail("life", "an iat of at most "+clock, instant(int64(c.IssuedAt)), ErrLife)
	case int64(c.Expiry-c.IssuedAt) > int64(p.MaxLife/time.Second): // as a Duration, 293 years would overflow
		r.fail("life", "at most "+p.MaxLife.String(), life(c), ErrLife)
	default:
		r.pass("life", "at most "+p.MaxLife.String(), life(c))
	}
}

// life is the time between iat and exp as text.
func life(c Registered) string {
	const longest = math.MaxInt64 / int64(time.Second)
	if seconds := int64(c.Expiry - c.IssuedAt); seconds > longest {
		return "over " + (time.Duration(longest) * time.Second).String()
	}
	return (time.Duration(c.Expiry-c.IssuedAt) * time.Second).String()
}

// clocks are "at most NOW", "after NOW" and NOW, in one piece of memory.
func clocks(now int64) (atMost, after, clock string) {
	const before, between = "at most ", "after "
	text := make([]byte, 0, len(before)+len(between)+2*len(time.RFC3339))
	text = time.Unix(now, 0).UTC().AppendFormat(append(text, before...), time.RFC3339)
	end := len(text)
	text = append(append(text, between...), text[len(before):end]...)
	all := string(text)
	return all[:end], all[end:], all[len(before):end]
}

// instant is a time in UTC, to the second.
func instant(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }
