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
	// Row is the registration last accepted, as it was sent: for [Store.Mark] to keep, and from [Store.Rows].
	Row string
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

// Rows returns the registrations last accepted of some records in a source as they were sent, by record id. Those sent
// before the cache kept them, and those erased, are left out.
func (s *Store) Rows(ctx context.Context, src Source, ids []string) (map[string]string, error) {
	sent := make(map[string]string, len(ids))
	for chunk := range slices.Chunk(ids, lookupRows) {
		err := s.rows(ctx, `SELECT record, row FROM registrations WHERE source = ? AND record IN (`+placeholders(len(chunk))+`) AND row IS NOT NULL`,
			args(src.ID, chunk), func(rows *sql.Rows) error {
				var record, row string
				err := rows.Scan(&record, &row)
				sent[record] = row
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("store: reading registrations: %w", err)
		}
	}
	return sent, nil
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

// Mark records in one transaction what Plecto said of some registrations, and moves the source's place forward, unless it
// was mapped otherwise meanwhile; a lower place leaves it. A registration with a Rejection keeps what was accepted before; one without becomes the one accepted,
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
				_, err = tx.ExecContext(ctx, `INSERT INTO registrations (source, record, hash, sent_at, row) VALUES (?, ?, ?, ?, nullif(?, ''))
					ON CONFLICT DO UPDATE SET hash = excluded.hash, sent_at = excluded.sent_at, row = excluded.row, rejection = NULL, rejected = NULL`,
					src.ID, m.Record, int64(m.Hash), now, m.Row)
			}
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE sources SET place = iif(mapping = ?, max(place, ?), place), accepted = accepted + ?, marks = marks + 1 WHERE id = ?`,
			src.Mapping, place, accepted, src.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: marking registrations of source %q: %w", src.Name, err)
	}
	return nil
}

// CountRegistrations counts the registrations of a source by what Plecto last said of them.
func (s *Store) CountRegistrations(ctx context.Context, src Source) (accepted, rejected int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(hash) FILTER (WHERE rejection IS NULL), count(rejection) FROM registrations WHERE source = ?`, src.ID).
		Scan(&accepted, &rejected)
	if err != nil {
		return 0, 0, fmt.Errorf("store: counting the registrations of source %q: %w", src.Name, explain(err))
	}
	return accepted, rejected, nil
}

// Forget makes registrations pending: Plecto is taken never to have accepted them, and their records go to the end of the
// change log.
func (s *Store) Forget(ctx context.Context, src Source, ids []string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		revision, err := revisions(ctx, tx, len(ids))
		if err != nil {
			return err
		}
		for _, id := range ids {
			revision++
			if _, err := tx.ExecContext(ctx, `UPDATE registrations SET hash = NULL WHERE source = ? AND record = ?`, src.ID, id); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE records SET revision = ? WHERE kind = ? AND id = ?`, revision, src.Kind, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: forgetting registrations of source %q: %w", src.Name, err)
	}
	return nil
}

// MemberDays returns the days (UTC) and members of all registrations that Plecto has accepted, each as the day, a space
// and the member's id.
func (s *Store) MemberDays(ctx context.Context) (map[string]bool, error) {
	all := make(map[string]bool)
	err := s.rows(ctx, `SELECT DISTINCT substr(row ->> 'date', 1, 10) || ' ' || (row ->> 'member_api_id') FROM registrations
		WHERE row IS NOT NULL`, nil, func(rows *sql.Rows) error {
		var one sql.NullString
		err := rows.Scan(&one)
		all[one.String] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading members by day: %w", err)
	}
	return all, nil
}
