package dixatest

import (
	"cmp"
	"math"
	"net/http"
	"strconv"
	"time"
)

// limit returns how many requests an endpoint takes per how long, and the name
// of the count it shares with others.
func (s *Server) limit(endpoint string) (count string, n int, per time.Duration) {
	switch endpoint {
	case ConversationExport:
		return endpoint, cmp.Or(s.Behaviour.ConversationExportsPerMinute, 10), time.Minute
	case MessageExport:
		return endpoint, cmp.Or(s.Behaviour.MessageExportsPerMinute, 3), time.Minute
	default:
		return "api", cmp.Or(s.Behaviour.APIRequestsPerSecond, 10), time.Second
	}
}

// spend takes one request from an endpoint's limit. When nothing is left, wait
// is how long until the oldest request leaves the window.
func (s *Server) spend(endpoint string) (wait time.Duration, ok bool) {
	count, n, per := s.limit(endpoint)
	if n < 0 {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent == nil {
		s.spent = map[string][]time.Time{}
	}
	now, recent := time.Now(), s.spent[count]
	for len(recent) > 0 && now.Sub(recent[0]) >= per {
		recent = recent[1:]
	}
	if len(recent) >= n {
		return recent[0].Add(per).Sub(now), false
	}
	s.spent[count] = append(recent, now)
	return 0, true
}

func (s *Server) setRetryAfter(h http.Header, wait time.Duration) {
	switch s.Behaviour.RetryAfter {
	case RetryAfterSeconds:
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	case RetryAfterDate:
		at := time.Now().Add(wait + time.Second - 1).Truncate(time.Second)
		h.Set("Retry-After", at.UTC().Format(http.TimeFormat))
	}
}
