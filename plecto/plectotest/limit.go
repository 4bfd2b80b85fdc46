package plectotest

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucket counts the requests of the last hour.
type bucket struct {
	times []time.Time
}

// take counts a request at now and gives 0, or, where the hour is spent, does not count it and
// gives the time until it may be sent.
func (b *bucket) take(now time.Time, limit int) time.Duration {
	limit = cmp.Or(limit, DefaultPerHour)
	if limit < 0 {
		return 0
	}
	for len(b.times) > 0 && now.Sub(b.times[0]) >= time.Hour {
		b.times = b.times[1:]
	}
	if len(b.times) >= limit {
		return b.times[0].Add(time.Hour).Sub(now)
	}
	b.times = append(b.times, now)
	return 0
}

// answer refuses a request that may be sent after wait.
func (t Throttle) answer(wait time.Duration) answer {
	seconds := int(math.Ceil(wait.Seconds()))
	a := detail(http.StatusTooManyRequests, "Request was throttled. Try again in %d seconds.", seconds)
	switch t {
	case ThrottleSeconds:
		a.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
	case ThrottleDate:
		// A second more, since the date has no fractions.
		at := time.Now().Add(wait + time.Second).UTC()
		a.header = http.Header{"Retry-After": {at.Format(http.TimeFormat)}}
	case ThrottleUnavailable:
		a = detail(http.StatusServiceUnavailable, "Temporarily unavailable.")
	}
	return a
}
