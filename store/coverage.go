package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A Span is a stretch of time: From is in it, To is not.
type Span struct{ From, To time.Time }

// Coverage returns the stretches of time that are in the cache whole for a kind: in order, apart from each other. The
// windows of a sync count too, although they ask for conversations by the time of their last change.
func (s *Store) Coverage(ctx context.Context, kind string) ([]Span, error) {
	var spans []Span
	err := s.rows(ctx, `SELECT starts, covers FROM windows WHERE kind = ? AND covers > starts ORDER BY starts`, []any{kind}, func(rows *sql.Rows) error {
		var from, to int64
		if err := rows.Scan(&from, &to); err != nil {
			return err
		}
		if n := len(spans); n > 0 && !at(from).After(spans[n-1].To) {
			if end := at(to); end.After(spans[n-1].To) {
				spans[n-1].To = end
			}
			return nil
		}
		spans = append(spans, Span{at(from), at(to)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading the coverage: %w", err)
	}
	return spans, nil
}

// A Month counts the records of a kind created in one month of a zone.
type Month struct {
	Month   string // 2026-01
	Records int
}

// Months counts the records of a kind by the month of zone in which they were created, in order.
func (s *Store) Months(ctx context.Context, kind string, zone *time.Location) ([]Month, error) {
	var first, last sql.NullInt64
	err := s.reader.QueryRowContext(ctx, `SELECT (SELECT min(created_at) FROM records WHERE kind = ?), (SELECT max(created_at) FROM records WHERE kind = ?)`,
		kind, kind).Scan(&first, &last)
	if err != nil {
		return nil, fmt.Errorf("store: counting months: %w", explain(err))
	}
	if !first.Valid {
		return nil, nil
	}
	var months []Month
	year, month, _ := at(first.Int64).In(zone).Date()
	for ; ; month++ {
		from, to := firstMoment(year, month, zone), firstMoment(year, month+1, zone)
		if from.UnixMilli() > last.Int64 {
			return months, nil
		}
		m := Month{Month: from.Format("2006-01")}
		if err := s.reader.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE kind = ? AND created_at >= ? AND created_at < ?`,
			kind, from.UnixMilli(), to.UnixMilli()).Scan(&m.Records); err != nil {
			return nil, fmt.Errorf("store: counting months: %w", explain(err))
		}
		months = append(months, m)
	}
}

// firstMoment returns when a month begins in a zone: at midnight or, where the clocks skip that, when they have done so.
func firstMoment(year int, month time.Month, zone *time.Location) time.Time {
	t := time.Date(year, month, 1, 0, 0, 0, 0, zone)
	if t.Hour() > 12 { // time.Date went back into the day before
		_, t = t.ZoneBounds()
	}
	return t
}

// Count returns how many records of a kind there are, and how many elements are set aside.
func (s *Store) Count(ctx context.Context, kind string) (records, aside int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM records WHERE kind = ?), (SELECT count(*) FROM aside WHERE kind = ?)`, kind, kind).
		Scan(&records, &aside)
	if err != nil {
		return 0, 0, fmt.Errorf("store: counting %s: %w", kind, explain(err))
	}
	return records, aside, nil
}
