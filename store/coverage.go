package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// A Span is a stretch of time: From is in it, To is not.
type Span struct{ From, To time.Time }

// Coverage returns the stretches of time that are in the cache whole for a kind: in order, apart from each other.
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
	t := at(first.Int64).In(zone)
	for t = time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, zone); t.UnixMilli() <= last.Int64; {
		next := time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, zone)
		m := Month{Month: t.Format("2006-01")}
		if err := s.reader.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE kind = ? AND created_at >= ? AND created_at < ?`,
			kind, t.UnixMilli(), next.UnixMilli()).Scan(&m.Records); err != nil {
			return nil, fmt.Errorf("store: counting months: %w", explain(err))
		}
		months = append(months, m)
		t = next
	}
	return months, nil
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

// An AsideElement tells of an element that is set aside, without its body.
type AsideElement struct{ Kind, ID, Reason string }

// Aside returns up to limit elements that are set aside.
func (s *Store) Aside(ctx context.Context, limit int) ([]AsideElement, error) {
	var all []AsideElement
	err := s.rows(ctx, `SELECT kind, coalesce(id, ''), reason FROM aside ORDER BY kind, rowid LIMIT ?`, []any{limit}, func(rows *sql.Rows) error {
		var a AsideElement
		err := rows.Scan(&a.Kind, &a.ID, &a.Reason)
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading what is set aside: %w", err)
	}
	return all, nil
}

// Runs returns the last few runs, newest first.
func (s *Store) Runs(ctx context.Context, limit int) ([]Run, error) {
	var all []Run
	err := s.rows(ctx, `SELECT id, command, kinds, starts, ends, open, began_at, coalesce(finished_at, 0) FROM runs
		WHERE replaced_at IS NULL ORDER BY id DESC LIMIT ?`, []any{limit}, func(rows *sql.Rows) error {
		var r Run
		var kinds string
		var starts, ends, began, finished int64
		err := rows.Scan(&r.ID, &r.Command, &kinds, &starts, &ends, &r.Open, &began, &finished)
		r.Kinds = strings.Split(kinds, ",")
		r.Starts, r.Ends, r.Began, r.FinishedAt = at(starts), at(ends), at(began), at(finished)
		all = append(all, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading the last runs: %w", err)
	}
	return all, nil
}
