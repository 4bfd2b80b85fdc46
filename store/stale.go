package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Registrations is the part of what is stale that is fetched and waits to be pushed.
const Registrations = "registrations"

// A Stale is something that an event says has changed, until that is fetched and pushed.
type Stale struct {
	// Part is what is to be done: the kind of record to fetch, or Registrations to push.
	Part    string
	CSID    int64
	Message string    // the message that was added, where the part is messages
	Since   time.Time // when the oldest event that it stands for was received
	// ChangedAt is how new what is fetched has to be; zero where any will do.
	ChangedAt time.Time
	Mark      int64 // rises with each event that it stands for, and with each fetch that is to be pushed
}

// Stale returns what is stale of a part, longest first.
func (s *Store) Stale(ctx context.Context, part string, limit int) ([]Stale, error) {
	var all []Stale
	err := s.rows(ctx, `SELECT part, csid, message, since, changed_at, mark FROM stale WHERE part = ? ORDER BY since, csid, message LIMIT ?`, []any{part, limit}, func(rows *sql.Rows) error {
		var one Stale
		var since, changed int64
		err := rows.Scan(&one.Part, &one.CSID, &one.Message, &since, &changed, &one.Mark)
		one.Since, one.ChangedAt = at(since), at(changed)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading what is stale: %w", err)
	}
	return all, nil
}

// Settle ends what was stale as it was read: an event that has come since leaves it stale. What was fetched is to be
// pushed from then on.
func (s *Store) Settle(ctx context.Context, done []Stale) error {
	if len(done) == 0 {
		return nil
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		column := "applied_at"
		for _, one := range done {
			if err := settle(ctx, tx, one); err != nil {
				return err
			}
			if one.Part == Registrations {
				column = "pushed_at"
				continue
			}
			if err := stale(ctx, tx, Stale{Part: Registrations, CSID: one.CSID, Since: one.Since, Mark: one.Mark}); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE cache SET `+column+` = ?`, millis(time.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: settling what is stale: %w", err)
	}
	return nil
}

func settle(ctx context.Context, tx *sql.Tx, one Stale) error {
	key := []any{one.Part, one.CSID, one.Message, one.Mark}
	if _, err := tx.ExecContext(ctx, `DELETE FROM stale WHERE part = ? AND csid = ? AND message = ? AND mark = ?`, key...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE stale SET since = newest WHERE part = ? AND csid = ? AND message = ? AND mark > ?`, key...)
	return err
}

// ToPush has conversations pushed, whatever they are stale for: their CSID and Since.
func (s *Store) ToPush(ctx context.Context, all []Stale) error {
	if len(all) == 0 {
		return nil
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, one := range all {
			if err := stale(ctx, tx, Stale{Part: Registrations, CSID: one.CSID, Since: one.Since, Mark: one.Mark}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: saying what is to be pushed: %w", err)
	}
	return nil
}

// stale has a conversation pushed. Its mark rises even where the event is the same: a push may be under way that read
// what one part of the event had fetched, and not what another has since.
func stale(ctx context.Context, tx *sql.Tx, one Stale) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO stale (part, csid, message, since, newest, changed_at, mark) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET since = min(since, excluded.since), newest = max(newest, excluded.newest), mark = max(mark, excluded.mark) + 1`,
		one.Part, one.CSID, one.Message, millis(one.Since), millis(one.Since), millis(one.ChangedAt), one.Mark)
	return err
}

// LetGo ends what was stale as it was read, although it was not fetched.
func (s *Store) LetGo(ctx context.Context, gone []Stale) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, one := range gone {
			if err := settle(ctx, tx, one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: letting go of what is stale: %w", err)
	}
	return nil
}
