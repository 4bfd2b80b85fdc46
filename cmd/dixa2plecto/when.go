package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var daysAgo = regexp.MustCompile(`^-([0-9]{1,5})d$`)

// parseWhen reads a day or an instant. A day is returned as its first moment in zone.
func parseWhen(text string, now time.Time, zone *time.Location) (t time.Time, day bool, err error) {
	today := startOfDay(now.In(zone), 0)
	switch {
	case text == "today":
		return today, true, nil
	case text == "yesterday":
		return startOfDay(today, -1), true, nil
	case daysAgo.MatchString(text):
		n, _ := strconv.Atoi(daysAgo.FindStringSubmatch(text)[1])
		return startOfDay(today, -n), true, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return startOfDay(t, 0), true, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Truncate(time.Millisecond), false, nil
	}
	return t, false, usagef("%q is neither a day (2026-01-31, today, yesterday, -30d) nor an instant (2026-01-31T08:00:00Z)", text)
}

// startOfDay returns the first moment of the day that lies some days from t's, in t's zone. Where the clocks skip
// midnight it is the moment after.
func startOfDay(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d+days, 0, 0, 0, 0, t.Location())
}

// parseRange reads --from and --to. A day named by to is in the range; an instant is not; without to the range reaches
// up to now, and is open.
func parseRange(from, to string, now time.Time, zone *time.Location) (start, end time.Time, open bool, err error) {
	if from == "" {
		return start, end, false, usagef("--from is missing: the first day to fetch, for example --from 2026-01-01 or --from -30d")
	}
	start, _, err = parseWhen(from, now, zone)
	if err != nil {
		return start, end, false, fmt.Errorf("--from: %w", err)
	}
	if to == "" {
		end, open = now.Truncate(time.Millisecond), true
	} else {
		var day bool
		if end, day, err = parseWhen(to, now, zone); err != nil {
			return start, end, false, fmt.Errorf("--to: %w", err)
		}
		if day {
			end = startOfDay(end, 1)
		}
	}
	switch {
	case !start.Before(now):
		return start, end, open, usagef("--from %s lies in the future", from)
	case !start.Before(end):
		return start, end, open, usagef("the range is empty: --from %s is not before --to %s", from, to)
	case start.Year() < 2000:
		return start, end, open, usagef("--from %s: there is nothing before the year 2000", from)
	}
	return start, end, open, nil
}
