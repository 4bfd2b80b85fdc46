package dixa_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// tile checks that windows lie end to end over a range, none too long and none empty.
func tile(t rapid.TB, windows []dixa.Window, from, to time.Time) {
	t.Helper()
	at := from
	for _, w := range windows {
		if !w.From.Equal(at) || !w.To.After(w.From) || w.To.Sub(w.From) > dixa.MaxWindow {
			t.Fatalf("%v to %v: the window from %v to %v follows %v", from, to, w.From, w.To, at)
		}
		at = w.To
	}
	if at.Before(to) || len(windows) > 0 && !at.Equal(to) {
		t.Fatalf("%v to %v: the windows end at %v", from, to, at)
	}
}

func TestWindowsCoverAnyRangeWithoutGapOrOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "from"))
		to := from.Add(time.Duration(rapid.Int64Range(-1, int64(1000*24*time.Hour)).Draw(t, "span")))
		windows := dixa.Windows(from, to)
		tile(t, windows, from, to)
		for _, w := range windows {
			if middle, ok := w.Middle(); ok {
				tile(t, []dixa.Window{{From: w.From, To: middle}, {From: middle, To: w.To}}, w.From, w.To)
			}
		}
	})
}

func TestWindowsAtTheEdgesOfTheCalendar(t *testing.T) {
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	date := func(year int, month time.Month, day int, zone *time.Location) time.Time {
		return time.Date(year, month, day, 0, 0, 0, 0, zone)
	}
	january := date(2025, 1, 1, time.UTC)
	for _, row := range []struct {
		name     string
		from, to time.Time
		want     int
	}{
		{"nothing", january, january, 0},
		{"reversed", january.Add(time.Millisecond), january, 0},
		{"a millisecond", january, january.Add(time.Millisecond), 1},
		{"30 days", january, january.AddDate(0, 0, 30), 1},
		{"30 days and a millisecond", january, january.AddDate(0, 0, 30).Add(time.Millisecond), 2},
		{"31 days", january, january.AddDate(0, 0, 31), 2},
		{"60 days", january, january.AddDate(0, 0, 60), 2},
		{"365 days", january, january.AddDate(0, 0, 365), 13},
		{"over a leap day", date(2024, 2, 1, time.UTC), date(2024, 3, 2, time.UTC), 1},
		{"30 local days, the clock put forward", date(2025, 3, 10, copenhagen), date(2025, 4, 9, copenhagen), 1},
		{"30 local days, the clock put back", date(2025, 10, 10, copenhagen), date(2025, 11, 9, copenhagen), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			windows := dixa.Windows(row.from, row.to)
			if len(windows) != row.want {
				t.Errorf("%d windows, want %d", len(windows), row.want)
			}
			tile(t, windows, row.from, row.to)
		})
	}
}

func TestAWindowIsHalvedDownToAnHour(t *testing.T) {
	from := day.From.Add(time.Millisecond)
	for _, row := range []struct {
		span, middle time.Duration
		ok           bool
	}{
		{dixa.MaxWindow, dixa.MaxWindow / 2, true},
		{3*time.Hour + time.Millisecond, 90 * time.Minute, true},
		{2 * time.Hour, time.Hour, true},
		{2*time.Hour - time.Millisecond, 0, false},
		{time.Millisecond, 0, false},
	} {
		middle, ok := dixa.Window{From: from, To: from.Add(row.span)}.Middle()
		if ok != row.ok || ok && !middle.Equal(from.Add(row.middle)) {
			t.Errorf("%v is halved after %v: %v, want after %v: %v", row.span, middle.Sub(from), ok, row.middle, row.ok)
		}
	}
}
