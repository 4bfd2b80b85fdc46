package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Live is how current the receiver keeps everything. Times are zero where there is nothing to tell.
type Live struct {
	Serving     bool      // it runs, as far as can be told
	AliveAt     time.Time // when it last said so
	ReceivedAt  time.Time // when the newest event was received
	AppliedAt   time.Time // when what an event told of was last fetched
	PushedAt    time.Time // when that was last settled with Plecto
	RefreshedAt time.Time // when it last caught up with what was never delivered
	Stale       int       // conversations of which something has to be fetched
	OldestStale time.Time // since when the first of them is
	Unpushed    int       // conversations fetched that are not in Plecto as they are now
	// OldestUnpushed is when the oldest event was received whose conversation is not in Plecto as it is now.
	OldestUnpushed time.Time
}

// aliveFor is how long the receiver counts as running after it last said that it is alive.
const aliveFor = 30 * time.Second

// Live reads how current everything is.
func (s *Store) Live(ctx context.Context) (l Live, err error) {
	var serving bool
	var alive, applied, pushed, refreshed, received, stale, unpushed sql.NullInt64
	err = s.reader.QueryRowContext(ctx, `SELECT serving, alive_at, applied_at, pushed_at, refreshed_at,
		(SELECT max(received_at) FROM events),
		(SELECT count(DISTINCT csid) FROM stale WHERE part <> ? AND fetched = 0), (SELECT min(since) FROM stale WHERE part <> ? AND fetched = 0),
		(SELECT count(DISTINCT csid) FROM stale WHERE part = ?), (SELECT min(since) FROM stale WHERE part = ?) FROM cache`,
		Registrations, Registrations, Registrations, Registrations).
		Scan(&serving, &alive, &applied, &pushed, &refreshed, &received, &l.Stale, &stale, &l.Unpushed, &unpushed)
	if err != nil {
		return l, fmt.Errorf("store: reading how current it is: %w", explain(err))
	}
	l.AliveAt, l.AppliedAt, l.PushedAt, l.RefreshedAt = at(alive.Int64), at(applied.Int64), at(pushed.Int64), at(refreshed.Int64)
	l.ReceivedAt, l.OldestStale, l.OldestUnpushed = at(received.Int64), at(stale.Int64), at(unpushed.Int64)
	l.Serving = serving && running(alive.Int64, time.Now())
	return l, nil
}

func running(alive int64, now time.Time) bool {
	return now.Sub(at(alive)).Abs() < aliveFor
}

// serving reports whether the receiver runs.
func serving(ctx context.Context, q querier, now time.Time) (bool, error) {
	var alive int64
	err := q.QueryRowContext(ctx, `SELECT serving * coalesce(alive_at, 0) FROM cache`).Scan(&alive)
	return err == nil && running(alive, now), err
}

// Beat says that the receiver is alive; it is done often, and shows that the cache can be written to.
func (s *Store) Beat(ctx context.Context) error {
	return s.live(ctx, `UPDATE cache SET serving = 1, alive_at = ?`)
}

// Rest says that the receiver has come to its orderly end.
func (s *Store) Rest(ctx context.Context) error {
	return s.live(ctx, `UPDATE cache SET serving = 0, alive_at = ?`)
}

// Refreshed says that the receiver has caught up with what was never delivered.
func (s *Store) Refreshed(ctx context.Context) error {
	return s.live(ctx, `UPDATE cache SET refreshed_at = ?`)
}

func (s *Store) live(ctx context.Context, update string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, update, millis(time.Now()))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: saying that the receiver is alive: %w", err)
	}
	return nil
}

// An EventCount counts the events of a type that are kept.
type EventCount struct {
	Type   string
	Events int
	Newest time.Time // when the last one was received
}

// EventCounts counts the events kept by their type, in the order of types.
func (s *Store) EventCounts(ctx context.Context) ([]EventCount, error) {
	var all []EventCount
	err := s.rows(ctx, `SELECT type, count(*), max(received_at) FROM events GROUP BY type ORDER BY type`, nil, func(rows *sql.Rows) error {
		var c EventCount
		var newest int64
		err := rows.Scan(&c.Type, &c.Events, &newest)
		c.Newest = at(newest)
		all = append(all, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: counting events: %w", err)
	}
	return all, nil
}

// Cover says that a span of a kind is in the cache whole, as a run of the receiver has asked for it, and moves where sync
// stands. A span that does not go on from there is left out: what is missing between the two, a refresh is about to bring,
// and this with it.
func (s *Store) Cover(ctx context.Context, run Run, kind string, span Span) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		from, to, now := millis(span.From), millis(span.To), millis(time.Now())
		res, err := tx.ExecContext(ctx, `UPDATE synced SET until = max(until, ?) WHERE kind = ? AND until >= ?`, to, kind, from)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		res, err = tx.ExecContext(ctx, `UPDATE windows SET ends = max(ends, ?), covers = max(covers, ?), done_at = ?
			WHERE id = (SELECT max(id) FROM windows WHERE run = ? AND kind = ?) AND starts <= ? AND covers >= ?`, to, to, now, run.ID, kind, from, from)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO windows (run, kind, by, starts, ends, done_at, covers) VALUES (?, ?, 'created', ?, ?, ?, ?)`,
			run.ID, kind, from, to, now, to)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: covering %s: %w", kind, err)
	}
	return nil
}
