package bridge

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
)

// same reports whether a row is, in all that it shows, the registration that was sent, and returns the titles of those
// values that it does not show at all. How Plecto shows values is not documented: a number may come as text, yes as
// true, nothing as an empty text or not at all, a time without an offset.
func same(want plecto.Registration, got plecto.Row) (same bool, lacks []string) {
	if got.Date != "" && !sameMoment(want.Date, got.Date) {
		return false, nil
	}
	if got.MemberProvider == want.MemberProvider && got.MemberID != "" && got.MemberID != want.MemberID {
		return false, nil
	}
	for _, f := range want.Fields {
		value, shown := got.Values[f.Name]
		switch {
		case sameValue(f.Value, value):
		case shown:
			return false, nil
		default:
			lacks = append(lacks, f.Name)
		}
	}
	return true, lacks
}

func sameValue(want, got any) bool {
	text := shownText(got)
	switch v := want.(type) {
	case nil:
		return got == nil || got == ""
	case string:
		return strings.TrimSpace(text) == strings.TrimSpace(v)
	case int64:
		return sameNumber(float64(v), text)
	case float64:
		return sameNumber(v, text)
	case bool:
		switch strings.ToLower(text) {
		case "true", "yes", "1", "on":
			return v
		case "false", "no", "0", "off":
			return !v
		}
		return false
	case time.Time:
		return sameMoment(v, text)
	}
	return false
}

func sameNumber(want float64, text string) bool {
	got, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))
}

// shownText is a value of a row as text.
func shownText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// sameMoment reports whether a time as Plecto shows it is the one that was sent, to the second. Without an offset it may
// be in any time zone, all of which are some quarters of an hour from UTC.
func sameMoment(want time.Time, text string) bool {
	got, ok := moment(text)
	if !ok {
		return false
	}
	apart := got.Truncate(time.Second).Sub(want.UTC().Truncate(time.Second)).Abs()
	return apart == 0 || !hasOffset(text) && apart <= zonesApart && apart%(15*time.Minute) == 0
}

// moment reads a time as Plecto shows it; without an offset it is taken to be in UTC.
func moment(text string) (t time.Time, ok bool) {
	text = strings.Replace(strings.TrimSpace(text), " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	return t, false
}

func hasOffset(text string) bool {
	_, clock, _ := strings.Cut(strings.Replace(strings.TrimSpace(text), " ", "T", 1), "T")
	return strings.ContainsAny(clock, "Z+-")
}
