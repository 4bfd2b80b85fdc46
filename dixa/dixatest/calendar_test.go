package dixatest

import (
	"testing"
	"time"
	_ "time/tzdata" // to compare with, also where there are no time zone files
)

func TestTheCalendarAgreesWithTheTimeZoneFiles(t *testing.T) {
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	c := newCalendar()
	for at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2040; at = at.Add(time.Hour) {
		if got, want := c.local(at).Format(time.DateTime), at.In(copenhagen).Format(time.DateTime); got != want {
			t.Fatalf("%s is %s in Copenhagen, want %s", at, got, want)
		}
	}
	for day := range 40 * 365 {
		if got, want := c.midnight(2000, 1, day), time.Date(2000, 1, day, 0, 0, 0, 0, copenhagen); !got.Equal(want) {
			t.Fatalf("day %d begins at %s, want %s", day, got, want)
		}
	}
}

func TestTheOfficeOpensAfterTheWeekend(t *testing.T) {
	c := newCalendar()
	for _, row := range []struct{ at, want string }{
		{"2025-10-24T10:15:00Z", "2025-10-24T10:15:00Z"}, // Friday
		{"2025-10-24T16:00:00Z", "2025-10-25T07:00:00Z"}, // Friday evening
		{"2025-10-25T10:30:00Z", "2025-10-27T07:00:00Z"}, // Saturday afternoon, and the clock goes back
		{"2025-10-27T03:00:00Z", "2025-10-27T07:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, row.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.opening(at).UTC().Format(time.RFC3339); got != row.want {
			t.Errorf("after %s the office is staffed at %s, want %s", row.at, got, row.want)
		}
	}
}
