package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A Record is one conversation, message or activity exactly as Dixa exported it, with the few values lifted that the cache asks
// for. Times are Unix milliseconds, 0 where there is none.
type Record struct {
	Kind      string
	ID        string
	CSID      int64 // the conversation it belongs to, 0 where it names none
	CreatedAt int64
	UpdatedAt int64
	Revision  int64 // given by the store
	Body      string
}

// RecordsByID returns the records of kind that have one of the ids, in no order; ids that are not there are left out.
// As with every method that reads records, a body that is not the one that was saved gives ErrDamaged.
func (s *Store) RecordsByID(ctx context.Context, kind string, ids []string) ([]Record, error) {
	var all []Record
	for chunk := range slices.Chunk(ids, lookupRows) {
		found, err := s.query(ctx, `SELECT `+bodyColumns+` FROM records WHERE kind = ? AND id IN (`+placeholders(len(chunk))+`)`, args(kind, chunk)...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// An Age tells how new a record is in the cache.
type Age struct {
	UpdatedAt time.Time // zero where it tells none
	Revision  int64
}

// Ages returns how new the records of kind are that have one of the ids; those that are not there are left out.
func (s *Store) Ages(ctx context.Context, kind string, ids []string) (map[string]Age, error) {
	all := make(map[string]Age, len(ids))
	for chunk := range slices.Chunk(ids, lookupRows) {
		err := s.rows(ctx, `SELECT id, coalesce(updated_at, 0), revision FROM records WHERE kind = ? AND id IN (`+placeholders(len(chunk))+`)`, args(kind, chunk), func(rows *sql.Rows) error {
			var id string
			var updated int64
			var a Age
			err := rows.Scan(&id, &updated, &a.Revision)
			a.UpdatedAt = at(updated)
			all[id] = a
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("store: reading how new records are: %w", err)
		}
	}
	return all, nil
}

// Newest returns the record of kind that changed last.
func (s *Store) Newest(ctx context.Context, kind string) (r Record, found bool, err error) {
	all, err := s.query(ctx, `SELECT `+bodyColumns+` FROM records WHERE kind = ? ORDER BY revision DESC LIMIT 1`, kind)
	if err != nil || len(all) == 0 {
		return r, false, err
	}
	return all[0], true, nil
}

const bodyColumns = `kind, id, coalesce(csid, 0), created_at, coalesce(updated_at, 0), revision, hash, body`

func (s *Store) query(ctx context.Context, query string, args ...any) ([]Record, error) {
	all, err := scanRecords(s.reader.QueryContext(ctx, query, args...))
	if err != nil {
		return nil, fmt.Errorf("store: reading records: %w", explain(err))
	}
	return all, nil
}

// scanRecords reads the bodyColumns of a query.
func scanRecords(rows *sql.Rows, err error) ([]Record, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Record
	for rows.Next() {
		var r Record
		var hash int64
		if err := rows.Scan(&r.Kind, &r.ID, &r.CSID, &r.CreatedAt, &r.UpdatedAt, &r.Revision, &hash, &r.Body); err != nil {
			return nil, err
		}
		if hashOf(r.Body) != hash {
			return nil, fmt.Errorf("%w: %s %s is not as it was saved", ErrDamaged, r.Kind, r.ID)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// rows calls scan for each row of a query.
func (s *Store) rows(ctx context.Context, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.reader.QueryContext(ctx, query, args...)
	if err != nil {
		return explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return explain(err)
		}
	}
	return explain(rows.Err())
}

// hashOf returns the xxHash64 of a text as SQLite can hold it.
func hashOf(text string) int64 { return int64(xxhash.Sum64String(text)) }

func args(first any, rest []string) []any {
	all := []any{first}
	for _, v := range rest {
		all = append(all, v)
	}
	return all
}

// CustomAttributes returns the identifiers of the custom attributes that conversations have, in order.
func (s *Store) CustomAttributes(ctx context.Context) ([]string, error) {
	var all []string
	err := s.rows(ctx, `SELECT DISTINCT f.value ->> 'identifier' AS identifier FROM records, json_each(records.body, '$.custom_fields') AS f
		WHERE records.kind = 'conversations' AND f.type = 'object' AND json_type(f.value, '$.identifier') = 'text' ORDER BY identifier`, nil, func(rows *sql.Rows) error {
		var identifier string
		err := rows.Scan(&identifier)
		all = append(all, identifier)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading custom attributes: %w", err)
	}
	return all, nil
}
