package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Verification compares the cache with another side over a range, page by page, so that it can go on where it stopped.
type Verification struct {
	ID int64
	// Subject is what is compared; another one with the same Subject and Span is the same verification.
	Subject string
	Span    Span // a zero bound is none
	Began   time.Time
	// Place is where to go on, in the form of the one who compares: how far a list was read, or the end of the last window
	// that was. It is empty at the start.
	Place string
	// SeenAt is when the other side had been read whole; zero before.
	SeenAt time.Time
}

// Seen is an id that the other side has, or was asked for.
type Seen struct {
	ID   string
	Date time.Time
	// Why says in what it differs from the cache, in the words of the one who compares; empty where it does not.
	Why string
}

// forgottenAfter is how long a verification is kept that nobody can go on with: it may still be under way.
const forgottenAfter = 24 * time.Hour

// Verification goes on with the unfinished verification of a subject and span that began since a moment, or begins one.
// Those that began long before are then forgotten.
func (s *Store) Verification(ctx context.Context, subject string, span Span, since time.Time) (v Verification, err error) {
	v = Verification{Subject: subject, Span: span}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		var began, seen int64
		err := tx.QueryRowContext(ctx, `SELECT id, began_at, place, coalesce(seen_at, 0) FROM verifications
			WHERE subject = ? AND starts = ? AND ends = ? AND began_at >= ?`, subject, millis(span.From), millis(span.To), millis(since)).
			Scan(&v.ID, &began, &v.Place, &seen)
		if err == nil {
			v.Began, v.SeenAt = at(began), at(seen)
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM verifications WHERE began_at < ?`, millis(since.Add(-forgottenAfter))); err != nil {
			return err
		}
		v.Began = at(millis(time.Now()))
		res, err := tx.ExecContext(ctx, `INSERT INTO verifications (subject, starts, ends, began_at, place) VALUES (?, ?, ?, ?, '')`,
			subject, millis(span.From), millis(span.To), millis(v.Began))
		if err != nil {
			return err
		}
		v.ID, err = res.LastInsertId()
		return err
	})
	if err != nil {
		return v, fmt.Errorf("store: verifying: %w", err)
	}
	return v, nil
}

// Note keeps what was seen up to Place, and whether that is all. The same id again replaces what was seen of it. It
// returns ErrLocked where another process has concluded the verification.
func (s *Store) Note(ctx context.Context, v Verification, seen []Seen) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if err := there(tx.ExecContext(ctx, `UPDATE verifications SET place = ?, seen_at = ? WHERE id = ? AND began_at = ?`,
			v.Place, orNull(millis(v.SeenAt)), v.ID, millis(v.Began))); err != nil {
			return err
		}
		for _, one := range seen {
			if _, err := tx.ExecContext(ctx, `INSERT INTO seen (verification, id, date, why) VALUES (?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET date = excluded.date, why = excluded.why`, v.ID, one.ID, millis(one.Date), one.Why); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: verifying: %w", err)
	}
	return nil
}

// there tells whether a statement found the verification.
func there(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); n > 0 || err != nil {
		return err
	}
	return fmt.Errorf("%w: it has concluded this verification", ErrLocked)
}

// Seen returns what was seen of some ids.
func (s *Store) Seen(ctx context.Context, v Verification, ids []string) (map[string]Seen, error) {
	all := make(map[string]Seen, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	err := s.seen(ctx, `verification = ? AND id IN (`+placeholders(len(ids))+`)`, args(v.ID, ids), func(one Seen) error {
		all[one.ID] = one
		return nil
	})
	return all, err
}

// CountSeen counts the ids of which something was seen.
func (s *Store) CountSeen(ctx context.Context, v Verification) (n int, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM seen WHERE verification = ?`, v.ID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("store: verifying: %w", explain(err))
	}
	return n, nil
}

// EachSeen calls each for every id of which something was seen, in the order of ids.
func (s *Store) EachSeen(ctx context.Context, v Verification, each func(Seen) error) error {
	return s.seen(ctx, `verification = ? ORDER BY id`, []any{v.ID}, each)
}

func (s *Store) seen(ctx context.Context, where string, args []any, each func(Seen) error) error {
	err := s.rows(ctx, `SELECT id, date, why FROM seen WHERE `+where, args, func(rows *sql.Rows) error {
		var one Seen
		var date int64
		if err := rows.Scan(&one.ID, &date, &one.Why); err != nil {
			return err
		}
		one.Date = at(date)
		return each(one)
	})
	if err != nil {
		return fmt.Errorf("store: verifying: %w", err)
	}
	return nil
}

// SentSince returns which of some records' registrations in a source Plecto has accepted since the verification began.
func (s *Store) SentSince(ctx context.Context, v Verification, src Source, ids []string) (map[string]bool, error) {
	sent := make(map[string]bool)
	for chunk := range slices.Chunk(ids, lookupRows) {
		err := s.rows(ctx, `SELECT record FROM registrations WHERE source = ? AND record IN (`+placeholders(len(chunk))+`) AND sent_at > ?`,
			append(args(src.ID, chunk), millis(v.Began)), func(rows *sql.Rows) error {
				var record string
				err := rows.Scan(&record)
				sent[record] = true
				return err
			})
		if err != nil {
			return nil, fmt.Errorf("store: verifying: %w", err)
		}
	}
	return sent, nil
}

// Conclude forgets a verification. It returns ErrLocked where another process has done so: what was seen was gone then.
func (s *Store) Conclude(ctx context.Context, v Verification) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		return there(tx.ExecContext(ctx, `DELETE FROM verifications WHERE id = ? AND began_at = ?`, v.ID, millis(v.Began)))
	})
	if err != nil {
		return fmt.Errorf("store: verifying: %w", err)
	}
	return nil
}
