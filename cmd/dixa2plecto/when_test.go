package main

import (
	"testing"
	"time"
)

// The clocks of these zones skip midnight or show it twice, shift by half an hour or at a minute past midnight, or lie
// far from Greenwich.
var zones = [...]string{
	"UTC", "Europe/Copenhagen", "America/Havana", "America/Santiago", "America/Asuncion", "America/Sao_Paulo", "America/St_Johns",
	"Asia/Amman", "Asia/Beirut", "Asia/Gaza", "Asia/Kathmandu", "Asia/Tehran", "Africa/Cairo", "Atlantic/Azores",
	"Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Kiritimati",
}

func TestDaysFollowEachOtherWithoutGapOrOverlap(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		var end time.Time
		for day := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC); day.Year() < 2029; day = day.AddDate(0, 0, 1) {
			text := day.Format(time.DateOnly)
			r, err := parseRange(text, text, now, zone)
			if err != nil {
				t.Fatalf("%s in %s: %v", text, name, err)
			}
			if !end.IsZero() && !r.From.Equal(end) {
				t.Errorf("%s in %s begins %s, the day before ends %s", text, name, r.From, end)
			}
			if got := r.From.Format(time.DateOnly); got != text {
				t.Errorf("%s in %s begins on %s", text, name, r.From)
			}
			if got := r.From.Add(-time.Millisecond).Format(time.DateOnly); got >= text {
				t.Errorf("%s in %s begins %s, after its first moment", text, name, r.From)
			}
			end = r.To
		}
	}
}

func TestADayBeginsAtItsFirstMoment(t *testing.T) {
	for _, row := range []struct{ zone, day, from, to string }{
		{"America/Havana", "2026-03-08", "2026-03-08T01:00:00-04:00", "2026-03-09T00:00:00-04:00"}, // midnight is skipped
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"}, // and shown twice
		{"Asia/Amman", "2021-10-29", "2021-10-29T00:00:00+03:00", "2021-10-30T00:00:00+02:00"},
		{"Europe/Copenhagen", "2026-03-29", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
	} {
		zone, err := time.LoadLocation(row.zone)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parseRange(row.day, row.day, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), zone)
		if from, to := r.From.Format(time.RFC3339), r.To.Format(time.RFC3339); err != nil || from != row.from || to != row.to {
			t.Errorf("%s in %s is %s to %s, %v", row.day, row.zone, from, to, err)
		}
	}
}
