package dixatest

import "time"

// calendar tells the time in Copenhagen from the European Union's rule, so that
// it works where no time zone files are: an hour ahead of UTC, two from 01:00 UTC
// on the last Sunday of March to 01:00 UTC on the last Sunday of October.
// https://eur-lex.europa.eu/eli/dir/2000/84/oj
type calendar struct{ winter, summer *time.Location }

func newCalendar() calendar {
	return calendar{winter: time.FixedZone("CET", 3600), summer: time.FixedZone("CEST", 7200)}
}

func (c calendar) local(t time.Time) time.Time {
	t = t.UTC()
	if t.Before(lastSunday(t.Year(), time.March)) || !t.Before(lastSunday(t.Year(), time.October)) {
		return t.In(c.winter)
	}
	return t.In(c.summer)
}

// midnight is when a day begins in Copenhagen. No change of the clock falls on a
// midnight there.
func (c calendar) midnight(year int, month time.Month, day int) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, c.winter)
	if c.local(t).Hour() != 0 {
		t = t.Add(-time.Hour)
	}
	return t
}

// open and close are the office hours.
const openHour, closeHour = 8, 17

// working reports whether the office is staffed: on weekdays, and on Saturdays
// until noon.
func (c calendar) working(t time.Time) bool {
	l := c.local(t)
	switch l.Weekday() {
	case time.Sunday:
		return false
	case time.Saturday:
		return l.Hour() >= 9 && l.Hour() < 12
	default:
		return l.Hour() >= openHour && l.Hour() < closeHour
	}
}

// opening is t where the office is staffed then, else when it next is.
func (c calendar) opening(t time.Time) time.Time {
	for !c.working(t) {
		t = t.Truncate(time.Hour).Add(time.Hour)
	}
	return t
}

func lastSunday(year int, month time.Month) time.Time {
	t := time.Date(year, month+1, 0, 1, 0, 0, 0, time.UTC)
	return t.AddDate(0, 0, -int(t.Weekday()))
}
