package shell

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// strftime formats a time as strftime(3) does, GNU's %N, %:z and the flags - and 0 too.
func strftime(format string, t time.Time) string {
	var out strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			out.WriteByte(format[i])
			continue
		}
		i++
		flag := byte(0)
		for i+1 < len(format) && strings.IndexByte("-_0^", format[i]) >= 0 {
			flag = format[i]
			i++
		}
		digits := i
		for i+1 < len(format) && format[i] >= '0' && format[i] <= '9' {
			i++
		}
		width, _ := strconv.Atoi(format[digits:i])
		if format[i] == ':' && i+1 < len(format) && format[i+1] == 'z' {
			i++
			out.WriteString(t.Format("-07:00"))
			continue
		}
		out.WriteString(dateField(format[i], flag, width, t))
	}
	return out.String()
}

func dateField(letter, flag byte, width int, t time.Time) string {
	padded := func(value, width int, fill byte) string {
		switch {
		case flag == '-':
			return strconv.Itoa(value)
		case flag == '_' || flag == 0 && fill == ' ':
			return fmt.Sprintf("%*d", width, value)
		}
		return fmt.Sprintf("%0*d", width, value)
	}
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'D': "01/02/06",
		'F': "2006-01-02", 'p': "PM", 'P': "pm", 'R': "15:04", 'r': "03:04:05 PM", 'T': "15:04:05", 'x': "01/02/06", 'X': "15:04:05",
		'z': "-0700", 'Z': "MST",
	}
	if layout, ok := layouts[letter]; ok {
		text := t.Format(layout)
		if flag == '^' {
			text = strings.ToUpper(text)
		}
		return text
	}
	year, week := t.ISOWeek()
	weekday := int(t.Weekday())
	switch letter {
	case 'C':
		return padded(t.Year()/100, 2, '0')
	case 'd':
		return padded(t.Day(), 2, '0')
	case 'e':
		return padded(t.Day(), 2, ' ')
	case 'g':
		return padded(year%100, 2, '0')
	case 'G':
		return padded(year, 4, '0')
	case 'H':
		return padded(t.Hour(), 2, '0')
	case 'I':
		return padded((t.Hour()+11)%12+1, 2, '0')
	case 'j':
		return padded(t.YearDay(), 3, '0')
	case 'k':
		return padded(t.Hour(), 2, ' ')
	case 'l':
		return padded((t.Hour()+11)%12+1, 2, ' ')
	case 'm':
		return padded(int(t.Month()), 2, '0')
	case 'M':
		return padded(t.Minute(), 2, '0')
	case 'n':
		return "\n"
	case 'N':
		text := fmt.Sprintf("%09d", t.Nanosecond())
		if width > 0 && width < 9 {
			text = text[:width]
		}
		return text
	case 's':
		return strconv.FormatInt(t.Unix(), 10)
	case 'S':
		return padded(t.Second(), 2, '0')
	case 't':
		return "\t"
	case 'u':
		return strconv.Itoa((weekday+6)%7 + 1)
	case 'U':
		return padded((t.YearDay()+6-weekday)/7, 2, '0')
	case 'V':
		return padded(week, 2, '0')
	case 'w':
		return strconv.Itoa(weekday)
	case 'W':
		return padded((t.YearDay()+6-(weekday+6)%7)/7, 2, '0')
	case 'y':
		return padded(t.Year()%100, 2, '0')
	case 'Y':
		return padded(t.Year(), 4, '0')
	case '%':
		return "%"
	}
	return "%" + string(letter)
}

// parseDate reads what date -d and touch -d take: @seconds, ISO dates and times, now, today, yesterday, tomorrow, and
// amounts like "2 days ago"; stamp is touch -t's [[CC]YY]MMDDhhmm[.ss].
func parseDate(text string, now time.Time, zone *time.Location, stamp bool) (time.Time, error) {
	if stamp {
		for _, layout := range []string{"200601021504.05", "200601021504", "0601021504.05", "0601021504"} {
			if when, err := time.ParseInLocation(layout, text, zone); err == nil && len(layout) == len(text) {
				return when, nil
			}
		}
		if when, err := time.ParseInLocation("200601021504", strconv.Itoa(now.Year())+text, zone); err == nil {
			return when, nil
		}
		return now, errors.New("invalid date")
	}
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "@"); ok {
		seconds, err := strconv.ParseFloat(rest, 64)
		return time.Unix(0, int64(seconds*1e9)).In(zone), err
	}
	if when, err := parseAbsolute(text, zone); err == nil {
		return when, nil
	}
	words := strings.Fields(text)
	for end := len(words) - 1; end > 0; end-- { // a date, then amounts
		if when, err := parseAbsolute(strings.Join(words[:end], " "), zone); err == nil {
			return relativeDate(lower(words[end:]), when)
		}
	}
	return relativeDate(lower(words), now)
}

func lower(words []string) []string {
	return strings.Fields(strings.ToLower(strings.Join(words, " ")))
}

// parseAbsolute reads a date that needs no other.
func parseAbsolute(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 MST",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02", "20060102",
		time.RFC1123Z, time.RFC1123, time.UnixDate, "2 Jan 2006", "Jan 2, 2006", "Jan 2 2006", "01/02/2006",
	} {
		if when, err := time.ParseInLocation(layout, text, zone); err == nil {
			return when.In(zone), nil
		}
	}
	return time.Time{}, errors.New("invalid date")
}

func relativeDate(words []string, when time.Time) (time.Time, error) {
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "now", "today":
			continue
		case "yesterday":
			when = when.AddDate(0, 0, -1)
			continue
		case "tomorrow":
			when = when.AddDate(0, 0, 1)
			continue
		}
		amount, err := strconv.Atoi(strings.TrimPrefix(words[i], "+"))
		if err != nil || i+1 == len(words) {
			return when, errors.New("invalid date")
		}
		i++
		unit := strings.TrimSuffix(words[i], "s")
		if i+1 < len(words) && words[i+1] == "ago" {
			amount = -amount
			i++
		}
		switch unit {
		case "second", "sec":
			when = when.Add(time.Duration(amount) * time.Second)
		case "minute", "min":
			when = when.Add(time.Duration(amount) * time.Minute)
		case "hour":
			when = when.Add(time.Duration(amount) * time.Hour)
		case "day":
			when = when.AddDate(0, 0, amount)
		case "week":
			when = when.AddDate(0, 0, 7*amount)
		case "month":
			when = when.AddDate(0, amount, 0)
		case "year":
			when = when.AddDate(amount, 0, 0)
		default:
			return when, errors.New("invalid date")
		}
	}
	return when, nil
}
