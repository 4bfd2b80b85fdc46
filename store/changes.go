package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A Change is an entry of the change log: a record as it last changed.
type Change struct {
	Revision int64
	Kind, ID string
	CSID     int64 // the conversation it belongs to, 0 where it names none
}

// Changes reads the change log of some kinds on from the revision after, in order and some limit entries of each kind
// at most. It is complete up to the revision through, which is that of the last entry; no entry means that there are
// none.
func (s *Store) Changes(ctx context.Context, kinds []string, after int64, limit int) (changes []Change, through int64, err error) {
	// In one statement, so that another process cannot write to one kind while the next is read.
	var each []string
	var args []any
	for _, kind := range kinds {
		each = append(each, `SELECT * FROM (SELECT revision, kind, id, coalesce(csid, 0) FROM records WHERE kind = ? AND revision > ? ORDER BY revision LIMIT ?)`)
		args = append(args, kind, after, limit)
	}
	entries := make(map[string]int, len(kinds))
	err = s.rows(ctx, strings.Join(each, " UNION ALL ")+` ORDER BY 1`, args, func(rows *sql.Rows) error {
		var c Change
		err := rows.Scan(&c.Revision, &c.Kind, &c.ID, &c.CSID)
		changes = append(changes, c)
		if entries[c.Kind]++; entries[c.Kind] == limit && through == 0 {
			through = c.Revision // of this kind there may be more behind it
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("store: reading the change log: %w", err)
	}
	if through == 0 && len(changes) > 0 {
		through = changes[len(changes)-1].Revision
	}
	return slices.DeleteFunc(changes, func(c Change) bool { return c.Revision > through }), through, nil
}

// RecordsOf returns the records of some kinds that belong to one of the conversations, the conversation's own included:
// by conversation, in no order within one.
func (s *Store) RecordsOf(ctx context.Context, kinds []string, csids []int64) ([]Record, error) {
	var all []Record
	for chunk := range slices.Chunk(csids, lookupRows) {
		found, err := s.query(ctx, `SELECT `+bodyColumns+` FROM records
			WHERE csid IN (`+placeholders(len(chunk))+`) AND kind IN (`+placeholders(len(kinds))+`) ORDER BY csid`, anyOf(chunk, kinds)...)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// CountOf counts the records that belong to one of the conversations, the conversation's own included, by kind.
func (s *Store) CountOf(ctx context.Context, csids []int64) (map[string]int, error) {
	counts := make(map[string]int)
	for chunk := range slices.Chunk(csids, lookupRows) {
		err := s.rows(ctx, `SELECT kind, count(*) FROM records WHERE csid IN (`+placeholders(len(chunk))+`) GROUP BY kind`, anyOf(chunk, nil), func(rows *sql.Rows) error {
			var kind string
			var n int
			err := rows.Scan(&kind, &n)
			counts[kind] += n
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("store: counting records: %w", err)
		}
	}
	return counts, nil
}

// LastChanges returns the highest revision of what belongs to each of some conversations, of some kinds.
func (s *Store) LastChanges(ctx context.Context, kinds []string, csids []int64) (map[int64]int64, error) {
	last := make(map[int64]int64, len(csids))
	for chunk := range slices.Chunk(csids, lookupRows) {
		err := s.rows(ctx, `SELECT csid, max(revision) FROM records
			WHERE csid IN (`+placeholders(len(chunk))+`) AND kind IN (`+placeholders(len(kinds))+`) GROUP BY csid`, anyOf(chunk, kinds), func(rows *sql.Rows) error {
			var csid, revision int64
			err := rows.Scan(&csid, &revision)
			last[csid] = revision
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("store: reading the change log: %w", err)
		}
	}
	return last, nil
}

func anyOf(csids []int64, kinds []string) []any {
	args := make([]any, 0, len(csids)+len(kinds))
	for _, csid := range csids {
		args = append(args, csid)
	}
	for _, kind := range kinds {
		args = append(args, kind)
	}
	return args
}

// RecordsBetween returns up to limit records of a kind created in a span, by the time of creation and then by id, on from
// the record after; a zero bound is none.
func (s *Store) RecordsBetween(ctx context.Context, kind string, span Span, after Record, limit int) ([]Record, error) {
	where, args := []string{"kind = ?"}, []any{kind}
	if after.ID != "" {
		where, args = append(where, "(created_at, id) > (?, ?)"), append(args, after.CreatedAt, after.ID)
	} else if !span.From.IsZero() {
		where, args = append(where, "created_at >= ?"), append(args, millis(span.From))
	}
	if !span.To.IsZero() {
		where, args = append(where, "created_at < ?"), append(args, millis(span.To))
	}
	return s.query(ctx, `SELECT `+bodyColumns+` FROM records WHERE `+strings.Join(where, " AND ")+` ORDER BY created_at, id LIMIT ?`, append(args, limit)...)
}

// Behind counts the records of a kind that changed since a revision.
func (s *Store) Behind(ctx context.Context, kind string, revision int64) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE kind = ? AND revision > ?`, kind, revision).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: counting the changes of %s: %w", kind, explain(err))
	}
	return n, nil
}

// CountBetween counts the records of a kind created in a span; a zero bound is none.
func (s *Store) CountBetween(ctx context.Context, kind string, span Span) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE kind = ? AND created_at >= ? AND (? = 0 OR created_at < ?)`,
		kind, millis(span.From), millis(span.To), millis(span.To)).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: counting %s: %w", kind, explain(err))
	}
	return n, nil
}
