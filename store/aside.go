package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// An Aside is an element of an export that could not be taken over as a record. It is kept until it comes back whole.
type Aside struct {
	ID     string // empty where none could be read
	Reason string
	Body   []byte
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

// EachAside calls each with the elements that are set aside, as they came.
func (s *Store) EachAside(ctx context.Context, each func(body []byte)) error {
	err := s.rows(ctx, `SELECT body FROM aside`, nil, func(rows *sql.Rows) error {
		var body []byte
		err := rows.Scan(&body)
		each(body)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: reading what is set aside: %w", err)
	}
	return nil
}

// setAside keeps what could not be taken over, and lets go of what now came back whole.
func setAside(ctx context.Context, tx *sql.Tx, a Answer, b Batch) error {
	for _, e := range b.Aside {
		if _, err := tx.ExecContext(ctx, `INSERT INTO aside (kind, hash, id, request, reason, body) VALUES (?, ?, nullif(?, ''), ?, ?, ?)
			ON CONFLICT DO NOTHING`, a.Window.Kind, int64(xxhash.Sum64(e.Body)), e.ID, a.Request, e.Reason, e.Body); err != nil {
			return err
		}
	}
	var any bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM aside WHERE kind = ? AND id IS NOT NULL)`, a.Window.Kind).Scan(&any); err != nil || !any {
		return err
	}
	for _, r := range b.Records {
		if _, err := tx.ExecContext(ctx, `DELETE FROM aside WHERE kind = ? AND id = ?`, a.Window.Kind, r.ID); err != nil {
			return err
		}
	}
	return nil
}
