package dixatest

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// longestSpan is what a pair of bounds may span at most: 31 days of 24 hours.
// https://docs.dixa.io/docs/exports-api-guide
const longestSpan = 31 * 24 * time.Hour

// filters are the pairs of bounds that the conversation export knows, and the
// time in a row that each looks at. The message export knows the first.
var filters = [...]struct {
	name string
	of   func(row) int64
}{
	{"created", func(r row) int64 { return r.created }},
	{"updated", func(r row) int64 { return r.updated }},
	{"closed", func(r row) int64 { return r.closed }},
	{"last_message_created", func(r row) int64 { return r.lastMessage }},
}

// bounds are inclusive at both ends, in Unix milliseconds.
type bounds struct {
	set           bool
	after, before int64
}

// query is what an export was asked for. Everything given must hold at once.
type query struct {
	bounds [len(filters)]bounds
	csids  map[int64]bool // nil for any
	// visible is the newest change to be seen.
	visible int64
}

// requestError is what is wrong with a query.
type requestError struct {
	status  int
	message string
}

func badRequest(format string, args ...any) *requestError {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func (q query) admits(r row) bool {
	if q.csids != nil && !q.csids[r.csid] || max(r.created, r.updated) > q.visible {
		return false
	}
	for i, b := range q.bounds {
		if at := filters[i].of(r); b.set && (at == 0 || at < b.after || at > b.before) {
			return false
		}
	}
	return true
}

// span is the widest span between two bounds of one pair.
func (q query) span() (widest time.Duration) {
	for _, b := range q.bounds {
		widest = max(widest, time.Duration(b.before-b.after)*time.Millisecond)
	}
	return widest
}

// longestLog is what the bounds of the activity log may span at most.
const longestLog = 90 * 24 * time.Hour

// What the Dixa API says of requests that it cannot take.
// https://docs.dixa.io/openapi/dixa-api
const (
	invalidValue    = "Invalid value in request"
	decodingFailure = "Decoding failure in request"
	notFound        = "The requested resource could not be found"
)

// parse reads the query of an export or of the activity log. Other endpoints
// have none.
func (s *Server) parse(endpoint string, values url.Values) (query, *requestError) {
	q := query{visible: math.MaxInt64}
	if s.Behaviour.Lag > 0 {
		q.visible = time.Now().Add(-s.Behaviour.Lag).UnixMilli()
	}
	known := filters[:]
	switch endpoint {
	case ConversationExport:
		if err := q.readCSIDs(values["csids"], s.Behaviour.MaxCSIDs); err != nil {
			return q, err
		}
	case MessageExport:
		known = known[:1]
	case ActivityLog:
		var err *requestError
		q.bounds[0], err = s.readDatetimes(values)
		return q, err
	default:
		return q, nil
	}
	found := q.csids != nil
	for i, filter := range known {
		if !values.Has(filter.name+"_after") && !values.Has(filter.name+"_before") {
			continue
		}
		b, err := s.readBounds(filter.name, values)
		if err != nil {
			return q, err
		}
		q.bounds[i], found = b, true
	}
	if !found {
		return q, badRequest("At least one pair of bounds or a list of csids is required")
	}
	return q, nil
}

func (s *Server) readBounds(name string, values url.Values) (bounds, *requestError) {
	after, ok := s.instant(values.Get(name + "_after"))
	if !ok {
		return bounds{}, badRequest("Invalid %s_after", name)
	}
	before, ok := s.instant(values.Get(name + "_before"))
	if !ok {
		return bounds{}, badRequest("Invalid %s_before", name)
	}
	switch {
	case after > before:
		return bounds{}, badRequest("%s_after is later than %[1]s_before", name)
	case before-after > longestSpan.Milliseconds():
		return bounds{}, badRequest("%s_after and %[1]s_before are more than 31 days apart", name)
	}
	return s.bounds(after, before), nil
}

// readDatetimes reads the bounds of the activity log.
func (s *Server) readDatetimes(values url.Values) (bounds, *requestError) {
	from, wrong := time.Parse(time.RFC3339, values.Get("fromDatetime"))
	to, wrongToo := time.Parse(time.RFC3339, values.Get("toDatetime"))
	if wrong != nil || wrongToo != nil || from.After(to) || to.Sub(from) > longestLog {
		return bounds{}, badRequest(invalidValue)
	}
	return s.bounds(from.UnixMilli(), to.UnixMilli()), nil
}

// bounds makes inclusive bounds of what a query gives, which may be meant to be
// exclusive.
func (s *Server) bounds(after, before int64) bounds {
	b := bounds{set: true, after: after, before: before}
	if s.Behaviour.ExclusiveAfter {
		b.after++
	}
	if s.Behaviour.ExclusiveBefore {
		b.before--
	}
	return b
}

// instant reads a bound: a day, which means its first moment, or Unix milliseconds.
func (s *Server) instant(text string) (ms int64, ok bool) {
	zone := s.Behaviour.DateZone
	if zone == nil {
		zone = time.UTC
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return day.UnixMilli(), true
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	return ms, err == nil && ms >= 0
}

// readCSIDs reads ids separated by commas, or the parameter repeated.
func (q *query) readCSIDs(lists []string, most int) *requestError {
	if lists == nil {
		return nil
	}
	q.csids = map[int64]bool{}
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			id, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return badRequest("Invalid csids")
			}
			q.csids[id] = true
		}
	}
	if most > 0 && len(q.csids) > most {
		return &requestError{http.StatusUnprocessableEntity, fmt.Sprintf("More than %d csids", most)}
	}
	return nil
}
