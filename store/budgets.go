package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"
)

// A Budget allows Limit requests in any span of Per. It lives in the cache, so that it holds over restarts and over
// processes.
type Budget struct {
	Name  string
	Limit int // 0 lifts it; holds are obeyed all the same
	Per   time.Duration
	// Burst is how many of them may go out at once, where that is less: no more in the part of Per that is theirs.
	Burst int
	// Live is set for what keeps everything current. Beside the receiver all else spends no more than a share.
	Live bool
}

// Span is Per and a little: the service counts a request when it arrives, which may be later after it was sent for one
// than for the next.
func (b Budget) Span() time.Duration { return wider(b.Per) }

func wider(d time.Duration) time.Duration { return d + max(d/100, 100*time.Millisecond) }

// requestsKept is how long requests stay in the cache: longer than any budget counts them.
const requestsKept = 24 * time.Hour

// maxHold bounds holds: one that lasts longer comes from a clock that was ahead, or from a service that means for ever.
const maxHold = 24 * time.Hour

// Spend takes one request from a budget at once, and returns its number and when it counts from. Numbers rise: a higher
// one was sent later. Where nothing is left it takes none, returns number 0 and the moment to try again.
func (s *Store) Spend(ctx context.Context, b Budget) (request int64, when time.Time, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		now := time.Now()
		// A clock set back makes requests of the future: they count from now on.
		if _, err := tx.ExecContext(ctx, `UPDATE requests SET at = ? WHERE budget = ? AND at > ?`, millis(now), b.Name, millis(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM holds WHERE budget = ? AND until > ?`, b.Name, millis(now.Add(maxHold))); err != nil {
			return err
		}
		free, err := freeAt(ctx, tx, b, now)
		if err != nil {
			return err
		}
		if free.After(now) {
			request, when = 0, free
			return nil
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE budget = ? AND at < ?`, b.Name, millis(now.Add(-requestsKept))); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO requests (budget, at, live) VALUES (?, ?, ?)`, b.Name, millis(now), b.Live)
		if err != nil {
			return err
		}
		request, err = res.LastInsertId()
		when = now
		return err
	})
	if err != nil {
		return 0, when, fmt.Errorf("store: spending from the budget %s: %w", b.Name, err)
	}
	return request, when, nil
}

// Refund gives a request back that was taken from a budget and not made.
func (s *Store) Refund(ctx context.Context, request int64) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM requests WHERE id = ?`, request)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: giving a request back: %w", err)
	}
	return nil
}

// A querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// freeAt returns when a budget has a request to spend: now, or when it was told to wait until, or when the oldest
// request that still counts leaves the span.
func freeAt(ctx context.Context, q querier, b Budget, now time.Time) (time.Time, error) {
	free := now
	var ms int64
	err := q.QueryRowContext(ctx, `SELECT until FROM holds WHERE budget = ?`, b.Name).Scan(&ms)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return free, err
	}
	if held := at(ms); held.After(free) {
		free = held
	}
	if b.Limit <= 0 {
		return free, nil
	}
	rules := []rule{{limit: b.Limit, span: b.Span()}, {limit: b.Burst, span: wider(b.Per * time.Duration(b.Burst) / time.Duration(b.Limit))}}
	if !b.Live {
		share, err := b.share(ctx, q, now)
		if err != nil {
			return free, err
		}
		rules = append(rules, share...)
	}
	for _, r := range rules {
		if r.limit <= 0 || r.limit > b.Limit {
			continue
		}
		query := `SELECT at FROM requests WHERE budget = ? ORDER BY at DESC LIMIT 1 OFFSET ?`
		if r.backfill {
			query = `SELECT at FROM requests WHERE budget = ? AND live = 0 ORDER BY at DESC LIMIT 1 OFFSET ?`
		}
		err = q.QueryRowContext(ctx, query, b.Name, r.limit-1).Scan(&ms)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return free, err
		}
		leaves := time.UnixMilli(min(ms, millis(now))).Add(r.span)
		if r.backfill && leaves.After(now.Add(b.window())) {
			leaves = now.Add(b.window()) // the share may be another by then
		}
		if leaves.After(free) {
			free = leaves
		}
	}
	return free, nil
}

// A rule allows limit requests in any span: of all, or of those of backfills.
type rule struct {
	limit    int
	span     time.Duration
	backfill bool
}

// window is the stretch of time in which a backfill spends its share evenly beside the receiver, and in which the use of
// live requests is measured: a tenth of the span, but no less than a minute of it.
func (b Budget) window() time.Duration { return min(b.Span(), max(b.Span()/10, wider(time.Minute))) }

// share returns what a backfill is held to while the receiver runs: it leaves to live requests as many as they made
// lately, and at least a tenth. Where that is all, it still gets one in ten spans, so as to come to an end some day.
func (b Budget) share(ctx context.Context, q querier, now time.Time) ([]rule, error) {
	if on, err := serving(ctx, q, now); err != nil || !on {
		return nil, err
	}
	var lately, last int
	if err := q.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE at > ?) FROM requests WHERE budget = ? AND live = 1 AND at > ?`,
		millis(now.Add(-b.window())), b.Name, millis(now.Add(-b.Span()))).Scan(&lately, &last); err != nil {
		return nil, err
	}
	windows := float64(b.Span()) / float64(b.window())
	live := max(lately, int(math.Ceil(float64(last)*windows)), (b.Limit+9)/10)
	share := b.Limit - live
	if share <= 0 {
		return []rule{{1, 10 * b.Span(), true}}, nil
	}
	return []rule{{share, b.Span(), true}, {int(math.Ceil(float64(share) / windows)), b.window(), true}}, nil
}

// Hold keeps everyone from spending from a budget before a moment, as the service asked, but no longer than a day.
func (s *Store) Hold(ctx context.Context, b Budget, until time.Time) error {
	ms := min(millis(until.Add(time.Millisecond-1)), millis(time.Now().Add(maxHold)))
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO holds (budget, until) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`, b.Name, ms)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: holding the budget %s: %w", b.Name, err)
	}
	return nil
}

// Used returns how many requests of a budget count just now, and when one is free.
func (s *Store) Used(ctx context.Context, b Budget) (used int, free time.Time, err error) {
	now := time.Now()
	if free, err = freeAt(ctx, s.reader, b, now); err == nil {
		err = s.reader.QueryRowContext(ctx, `SELECT count(*) FROM requests WHERE budget = ? AND at > ?`, b.Name, millis(now.Add(-b.Span()))).Scan(&used)
	}
	if err != nil {
		return 0, free, fmt.Errorf("store: reading the budget %s: %w", b.Name, explain(err))
	}
	return used, free, nil
}
