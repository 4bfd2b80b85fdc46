package plectotest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// overlap is a later request for a row whose earlier request was still under way.
type overlap struct {
	earlier, later *exchange
	externalID     string
}

// Violations tells, one sentence each, which rules of a good client were broken:
//
//   - no POST has more than MaxRows rows;
//   - no request arrives when the limit of the rolling hour is spent;
//   - no two POSTs of one external id are under way at once, unless the earlier one's client gave
//     up on it;
//   - the rows of one data source in a POST all have the same keys, since a row replaces the one
//     before it as a whole;
//   - a row's date has a UTC offset.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	violations := slices.Clone(s.violations)
	for _, o := range s.overlaps {
		gone := o.earlier.gone
		if o.earlier.r != nil {
			gone = o.earlier.r.Context().Err() != nil
		}
		if !gone {
			violations = append(violations, fmt.Sprintf("request %d and request %d were under way at once for external id %q",
				o.earlier.number, o.later.number, o.externalID))
		}
	}
	return violations
}

// inspect looks for violations in a request that has just arrived.
func (s *Server) inspect(x *exchange) {
	report := func(format string, args ...any) {
		s.violations = append(s.violations, fmt.Sprintf("request %d (%s %s): ", x.number, x.Method, x.Path)+fmt.Sprintf(format, args...))
	}
	if x.wait > 0 {
		report("the hour's limit is spent for another %v", x.wait)
	}
	if x.Method != http.MethodPost || len(x.batch.rows) == 0 {
		return
	}
	if x.Rows > MaxRows {
		report("%d rows, over %d", x.Rows, MaxRows)
	}

	first := make(map[string]row)
	uneven := make(map[string]bool)
	var naive []string
	met := make(map[*exchange]bool)
	if s.inFlight == nil {
		s.inFlight = make(map[rowKey]*exchange)
	}
	for _, row := range x.batch.rows {
		if one, ok := first[row.dataSource]; !ok {
			first[row.dataSource] = row
		} else if !sameKeys(one.values, row.values) {
			uneven[row.dataSource] = true
		}
		if date, ok := row.values["date"].(string); ok {
			if _, offset, err := parseDate(date, nil); err == nil && !offset {
				naive = append(naive, row.externalID)
			}
		}
		if earlier := s.inFlight[row.rowKey]; earlier != nil && earlier != x && !met[earlier] {
			met[earlier] = true
			s.overlaps = append(s.overlaps, overlap{earlier, x, row.externalID})
		}
		s.inFlight[row.rowKey] = x
	}
	for _, dataSource := range slices.Sorted(maps.Keys(uneven)) {
		report("rows of data source %s differ in their keys", dataSource)
	}
	if len(naive) > 0 {
		report("%d rows have a date without a UTC offset, external id %q first", len(naive), naive[0])
	}
}

func sameKeys(a, b map[string]any) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}
