package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
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
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		y, m, d := t.Date()
		return startOfDay(time.Date(y, m, d, 12, 0, 0, 0, zone), 0), true, nil // no clock skips noon
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Truncate(time.Millisecond), false, nil
	}
	return t, false, usagef("%q is neither a day (2026-01-31, today, yesterday, -30d) nor an instant (2026-01-31T08:00:00Z)", text)
}

// startOfDay returns the first moment of the day that lies some days from t's, in t's zone. Where the clocks skip
// midnight it is the moment after, and where they show it twice the first of the two.
func startOfDay(t time.Time, days int) time.Time {
	y, m, d := t.Date()
	start := time.Date(y, m, d+days, 0, 0, 0, 0, t.Location())
	if start.Hour() > 12 { // of the day before: midnight is skipped
		_, start = start.ZoneBounds()
	}
	if first := start.Add(-time.Hour); first.Day() == start.Day() {
		return first
	}
	return start
}

// parseRange reads --from and --to. A day named by to is in the range; an instant is not; without to the range reaches
// up to now, and is open.
func parseRange(from, to string, now time.Time, zone *time.Location) (r bridge.Range, err error) {
	if from == "" {
		return r, usagef("--from is missing: the first day to fetch, for example --from 2026-01-01 or --from -30d")
	}
	if r.From, _, err = parseWhen(from, now, zone); err != nil {
		return r, fmt.Errorf("--from: %w", err)
	}
	if to == "" {
		r.To, r.Open = now.Truncate(time.Millisecond), true
	} else {
		var day bool
		if r.To, day, err = parseWhen(to, now, zone); err != nil {
			return r, fmt.Errorf("--to: %w", err)
		}
		if day {
			r.To = startOfDay(r.To, 1)
		}
	}
	switch {
	case !r.From.Before(now):
		return r, usagef("--from %s lies in the future", from)
	case !r.From.Before(r.To):
		return r, usagef("the range is empty: --from %s is not before --to %s", from, to)
	case r.From.Year() < 2000:
		return r, usagef("--from %s: there is nothing before the year 2000", from)
	case r.To.After(now.AddDate(1, 0, 0)):
		return r, usagef("--to %s lies more than a year ahead", to)
	}
	return r, nil
}
