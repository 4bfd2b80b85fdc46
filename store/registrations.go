package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// A Registration is what Plecto last said of one record's registration in one source.
type Registration struct {
	Record string // the record's id
	// Hash is that of the registration last accepted, 0 where none was.
	Hash uint64
	// Rejection holds Plecto's words where it refused the registration with the hash Rejected.
	Rejection string
	Rejected  uint64
}

// Registrations returns what is known of some records in a source, by record id.
func (s *Store) Registrations(ctx context.Context, src Source, ids []string) (map[string]Registration, error) {
	known := make(map[string]Registration, len(ids))
	for chunk := range slices.Chunk(ids, lookupRows) {
		if err := s.registrations(ctx, `source = ? AND record IN (`+placeholders(len(chunk))+`)`, args(src.ID, chunk), func(r Registration) {
			known[r.Record] = r
		}); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// Rejected returns the rejected registrations of a source, by record id.
func (s *Store) Rejected(ctx context.Context, src Source) ([]Registration, error) {
	var all []Registration
	err := s.registrations(ctx, `source = ? AND rejection IS NOT NULL ORDER BY record`, []any{src.ID}, func(r Registration) { all = append(all, r) })
	return all, err
}

func (s *Store) registrations(ctx context.Context, where string, args []any, each func(Registration)) error {
	err := s.rows(ctx, `SELECT record, coalesce(hash, 0), coalesce(rejection, ''), coalesce(rejected, 0) FROM registrations WHERE `+where,
		args, func(rows *sql.Rows) error {
			var r Registration
			var hash, rejected int64
			err := rows.Scan(&r.Record, &hash, &r.Rejection, &rejected)
			r.Hash, r.Rejected = uint64(hash), uint64(rejected)
			each(r)
			return err
		})
	if err != nil {
		return fmt.Errorf("store: reading registrations: %w", err)
	}
	return nil
}

// Mark records in one transaction what Plecto said of some registrations, and moves the source's place forward; a lower
// place leaves it. A registration with a Rejection keeps what was accepted before; one without becomes the one accepted,
// with Hash, and is no longer rejected.
func (s *Store) Mark(ctx context.Context, src Source, place int64, marks []Registration) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		now := millis(time.Now())
		accepted := 0
		for _, m := range marks {
			var err error
			if m.Rejection != "" {
				_, err = tx.ExecContext(ctx, `INSERT INTO registrations (source, record, rejection, rejected) VALUES (?, ?, ?, ?)
					ON CONFLICT DO UPDATE SET rejection = excluded.rejection, rejected = excluded.rejected`, src.ID, m.Record, m.Rejection, int64(m.Rejected))
			} else {
				accepted++
				_, err = tx.ExecContext(ctx, `INSERT INTO registrations (source, record, hash, sent_at) VALUES (?, ?, ?, ?)
					ON CONFLICT DO UPDATE SET hash = excluded.hash, sent_at = excluded.sent_at, rejection = NULL, rejected = NULL`, src.ID, m.Record, int64(m.Hash), now)
			}
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE sources SET place = max(place, ?), accepted = accepted + ? WHERE id = ?`, place, accepted, src.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: marking registrations of source %q: %w", src.Name, err)
	}
	return nil
}

// CountRegistrations counts the registrations of a source by what Plecto last said of them.
func (s *Store) CountRegistrations(ctx context.Context, src Source) (accepted, rejected int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE rejection IS NULL), count(rejection) FROM registrations WHERE source = ?`, src.ID).
		Scan(&accepted, &rejected)
	if err != nil {
		return 0, 0, fmt.Errorf("store: counting the registrations of source %q: %w", src.Name, explain(err))
	}
	return accepted, rejected, nil
}

// Behind counts the records that changed since a source's place: at most so many are pending.
func (s *Store) Behind(ctx context.Context, src Source) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM records WHERE kind = ? AND revision > ?`, src.Kind, src.Place).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: counting the records behind source %q: %w", src.Name, explain(err))
	}
	return n, nil
}
