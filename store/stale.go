package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// Registrations is the part of what is stale that is fetched and waits to be pushed.
const Registrations = "registrations"

// A Stale is something that an event says has changed, until that is fetched and pushed.
type Stale struct {
	// Part is what is to be done: the kind of record to fetch, or Registrations to push.
	Part string
	CSID int64
	// Item is the message that was added, where the part is messages, and the id of the source to push to in registrations.
	Item  string
	Since time.Time // when the oldest event that it stands for was received
	// ChangedAt is how new what is fetched has to be; zero where any will do.
	ChangedAt time.Time
	Wait      time.Duration // for the last try after another; see [Store.Later]
	// Fetched says that it came, if not as new as the event perhaps: it is not stale any more, and only asked for again.
	Fetched bool
	Push    bool  // has [Store.Later] push it
	Mark    int64 // rises with each event that it stands for, and with each fetch that is to be pushed
}

// Stale returns what of a part is to be tried by now, what was not tried yet and longest stale first, and when the next of
// the rest is: zero where there is none.
func (s *Store) Stale(ctx context.Context, part string, now time.Time, limit int) (due []Stale, next time.Time, err error) {
	err = s.rows(ctx, `SELECT part, csid, item, since, changed_at, mark, wait, fetched FROM stale WHERE part = ? AND next_at <= ? ORDER BY wait, since, csid, item LIMIT ?`,
		[]any{part, millis(now), limit}, func(rows *sql.Rows) error {
			var one Stale
			var since, changed, wait int64
			err := rows.Scan(&one.Part, &one.CSID, &one.Item, &since, &changed, &one.Mark, &wait, &one.Fetched)
			one.Since, one.ChangedAt, one.Wait = at(since), at(changed), time.Duration(wait)*time.Millisecond
			due = append(due, one)
			return err
		})
	var soonest sql.NullInt64
	if err == nil {
		err = s.reader.QueryRowContext(ctx, `SELECT min(next_at) FROM stale WHERE part = ? AND next_at > ?`, part, millis(now)).Scan(&soonest)
	}
	if err != nil {
		return nil, next, fmt.Errorf("store: reading what is stale: %w", explain(err))
	}
	return due, at(soonest.Int64), nil
}

// Settle ends what was stale as it was read: an event that has come since leaves it stale. What was fetched is to be
// pushed to every source from then on.
func (s *Store) Settle(ctx context.Context, done []Stale) error {
	return s.each(ctx, "settling what is stale", done, func(tx *sql.Tx, one Stale) error {
		if err := settle(ctx, tx, one); err != nil {
			return err
		}
		if one.Part != Registrations {
			return fetched(ctx, tx, one)
		}
		_, err := tx.ExecContext(ctx, `UPDATE cache SET pushed_at = ?`, millis(time.Now()))
		return err
	})
}

func settle(ctx context.Context, tx *sql.Tx, one Stale) error {
	key := []any{one.Part, one.CSID, one.Item, one.Mark}
	if _, err := tx.ExecContext(ctx, `DELETE FROM stale WHERE part = ? AND csid = ? AND item = ? AND mark = ?`, key...); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE stale SET since = newest WHERE part = ? AND csid = ? AND item = ? AND mark > ?`, key...)
	return err
}

// Later has what is stale tried again after its Wait, unless an event has come since it was read. What is to Push
// goes to every source.
func (s *Store) Later(ctx context.Context, all []Stale) error {
	now := time.Now()
	return s.each(ctx, "putting off what is stale", all, func(tx *sql.Tx, one Stale) error {
		_, err := tx.ExecContext(ctx, `UPDATE stale SET wait = ?, next_at = ?, fetched = ? WHERE part = ? AND csid = ? AND item = ? AND mark = ?`,
			one.Wait.Milliseconds(), millis(now.Add(one.Wait)), one.Fetched, one.Part, one.CSID, one.Item, one.Mark)
		if err != nil || !one.Push {
			return err
		}
		return fetched(ctx, tx, one)
	})
}

// fetched says that what an event told of is fetched, and is to be pushed.
func fetched(ctx context.Context, tx *sql.Tx, one Stale) error {
	if _, err := tx.ExecContext(ctx, `UPDATE cache SET applied_at = ?`, millis(time.Now())); err != nil {
		return err
	}
	return toPush(ctx, tx, one)
}

// staleRows is how much of what is stale one transaction takes: between two, events are stored.
const staleRows = 200

func (s *Store) each(ctx context.Context, doing string, all []Stale, do func(*sql.Tx, Stale) error) error {
	for chunk := range slices.Chunk(all, staleRows) {
		err := s.tx(ctx, func(tx *sql.Tx) error {
			for _, one := range chunk {
				if err := do(tx, one); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("store: %s: %w", doing, err)
		}
	}
	return nil
}

// toPush has a conversation pushed. Its mark rises even where the event is the same: a push may be under way that read
// what one part of the event had fetched, and not what another has since.
func toPush(ctx context.Context, tx *sql.Tx, one Stale) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO stale (part, csid, item, since, newest, changed_at, mark)
		SELECT ?1, ?2, id, ?3, ?3, 0, ?4 FROM sources WHERE true
		ON CONFLICT DO UPDATE SET since = min(since, excluded.since), newest = max(newest, excluded.newest), mark = max(mark, excluded.mark) + 1,
			wait = 0, next_at = 0`, Registrations, one.CSID, millis(one.Since), one.Mark)
	return err
}

// LetGo ends what was stale as it was read, although it was not fetched.
func (s *Store) LetGo(ctx context.Context, gone []Stale) error {
	return s.each(ctx, "letting go of what is stale", gone, func(tx *sql.Tx, one Stale) error { return settle(ctx, tx, one) })
}
