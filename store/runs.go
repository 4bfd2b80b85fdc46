package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Run is one command's range with all its kinds.
type Run struct {
	ID      int64
	Command string
	Kinds   []string
	// Starts is the first instant of the range, Ends the first after it.
	Starts, Ends time.Time
	// Open says that the range was asked for up to now, so that its end differs each time.
	Open       bool
	Began      time.Time
	FinishedAt time.Time
}

// A Window is a span of a run that one export request asks for.
type Window struct {
	ID           int64
	Run          Run
	Kind         string
	By           string // the time Dixa filters on: created, updated
	Starts, Ends time.Time
}

// counts reports whether a record that the cache holds already counts as read with this window: one at the edge comes
// with both neighbours, and counts where it lies.
func (w Window) counts(r Record) bool {
	t := r.CreatedAt
	if w.By == "updated" && r.UpdatedAt != 0 {
		t = r.UpdatedAt
	}
	within := func(from, to time.Time) bool { return from.UnixMilli() <= t && t < to.UnixMilli() }
	return within(w.Starts, w.Ends) || !within(w.Run.Starts, w.Run.Ends)
}

// StartRun begins a run with its windows. The first import of a kind also sets where sync starts for it. Unfinished runs
// that the new one does again are given up: imports of the same range, and every sync or serve. An import or sync without
// windows is finished at once.
func (s *Store) StartRun(ctx context.Context, r Run, windows []Window) (Run, error) {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		kinds := strings.Join(r.Kinds, ",")
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET replaced_at = ? WHERE command = ? AND finished_at IS NULL AND replaced_at IS NULL
			AND (command IN ('sync', 'serve') OR kinds = ? AND starts = ? AND open = ? AND (open OR ends = ?))`,
			millis(r.Began), r.Command, kinds, millis(r.Starts), r.Open, millis(r.Ends)); err != nil {
			return err
		}
		if len(windows) == 0 && r.Command != "serve" {
			r.FinishedAt = r.Began
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO runs (command, kinds, starts, ends, open, began_at, finished_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			r.Command, kinds, millis(r.Starts), millis(r.Ends), r.Open, millis(r.Began), orNull(millis(r.FinishedAt)))
		if err != nil {
			return err
		}
		if r.ID, err = res.LastInsertId(); err != nil {
			return err
		}
		for _, kind := range r.Kinds {
			if r.Command != "import" {
				break
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO synced (kind, until) VALUES (?, ?) ON CONFLICT DO NOTHING`, kind, millis(r.Began)); err != nil {
				return err
			}
		}
		return insertWindows(ctx, tx, r.ID, windows)
	})
	if err != nil {
		return r, fmt.Errorf("store: starting a run: %w", err)
	}
	return r, nil
}

func insertWindows(ctx context.Context, tx *sql.Tx, run int64, windows []Window) error {
	for _, w := range windows {
		if _, err := tx.ExecContext(ctx, `INSERT INTO windows (run, kind, by, starts, ends) VALUES (?, ?, ?, ?, ?)`,
			run, w.Kind, w.By, millis(w.Starts), millis(w.Ends)); err != nil {
			return err
		}
	}
	return nil
}

// UnfinishedRun returns the newest run of the same command, kinds and range that was neither finished nor given up, with
// its windows that are left in the order of time; ok is false where there is none. The end of the range does not matter
// for an open run.
func (s *Store) UnfinishedRun(ctx context.Context, r Run) (found Run, left []Window, ok bool, err error) {
	found = r
	var starts, ends, began int64
	err = s.reader.QueryRowContext(ctx, `SELECT id, starts, ends, began_at FROM runs
		WHERE command = ? AND kinds = ? AND starts = ? AND open = ? AND (open OR ends = ?)
			AND finished_at IS NULL AND replaced_at IS NULL ORDER BY id DESC LIMIT 1`,
		r.Command, strings.Join(r.Kinds, ","), millis(r.Starts), r.Open, millis(r.Ends)).Scan(&found.ID, &starts, &ends, &began)
	if errors.Is(err, sql.ErrNoRows) {
		return r, nil, false, nil
	}
	if err == nil {
		found.Starts, found.Ends, found.Began = at(starts), at(ends), at(began)
		left, err = s.WindowsLeft(ctx, found)
	}
	if err != nil {
		return r, nil, false, fmt.Errorf("store: looking for an unfinished run: %w", explain(err))
	}
	return found, left, true, nil
}

// WindowsLeft returns the windows of a run that are not done, in the order of time.
func (s *Store) WindowsLeft(ctx context.Context, r Run) ([]Window, error) {
	var left []Window
	err := s.rows(ctx, `SELECT id, kind, by, starts, ends FROM windows WHERE run = ? AND done_at IS NULL ORDER BY starts, id`, []any{r.ID},
		func(rows *sql.Rows) error {
			w := Window{Run: r}
			var starts, ends int64
			err := rows.Scan(&w.ID, &w.Kind, &w.By, &starts, &ends)
			w.Starts, w.Ends = at(starts), at(ends)
			left = append(left, w)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("store: reading the windows left: %w", err)
	}
	return left, nil
}

// Runs returns the last few runs, newest first.
func (s *Store) Runs(ctx context.Context, limit int) ([]Run, error) {
	var all []Run
	err := s.rows(ctx, `SELECT id, command, kinds, starts, ends, open, began_at, coalesce(finished_at, 0) FROM runs
		WHERE replaced_at IS NULL ORDER BY id DESC LIMIT ?`, []any{limit}, func(rows *sql.Rows) error {
		var r Run
		var kinds string
		var starts, ends, began, finished int64
		err := rows.Scan(&r.ID, &r.Command, &kinds, &starts, &ends, &r.Open, &began, &finished)
		r.Kinds = strings.Split(kinds, ",")
		r.Starts, r.Ends, r.Began, r.FinishedAt = at(starts), at(ends), at(began), at(finished)
		all = append(all, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading the last runs: %w", err)
	}
	return all, nil
}

// ExtendRun moves the end of an open run: the windows in drop, which are not done, make room for those in add.
func (s *Store) ExtendRun(ctx context.Context, r Run, drop, add []Window) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET ends = ? WHERE id = ?`, millis(r.Ends), r.ID); err != nil {
			return err
		}
		for _, w := range drop {
			if _, err := tx.ExecContext(ctx, `DELETE FROM windows WHERE id = ? AND done_at IS NULL`, w.ID); err != nil {
				return err
			}
		}
		return insertWindows(ctx, tx, r.ID, add)
	})
	if err != nil {
		return fmt.Errorf("store: extending a run: %w", err)
	}
	return nil
}

// CoveredTo returns up to where the windows that a run has done for a kind are whole; ok is false where it has done none.
func (s *Store) CoveredTo(ctx context.Context, r Run, kind string) (to time.Time, ok bool, err error) {
	var ms sql.NullInt64
	err = s.reader.QueryRowContext(ctx, `SELECT max(covers) FROM windows WHERE run = ? AND kind = ?`, r.ID, kind).Scan(&ms)
	if err != nil {
		return to, false, fmt.Errorf("store: reading what a run covers: %w", explain(err))
	}
	return at(ms.Int64), ms.Valid, nil
}

// SplitWindow cuts a window that is not done in two, and returns them in the order of time.
func (s *Store) SplitWindow(ctx context.Context, w Window, middle time.Time) (first, second Window, err error) {
	first, second = w, w
	first.Ends, second.Starts = middle, middle
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE windows SET ends = ? WHERE id = ?`, millis(middle), w.ID); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO windows (run, kind, by, starts, ends) VALUES (?, ?, ?, ?, ?)`,
			w.Run.ID, w.Kind, w.By, millis(second.Starts), millis(second.Ends))
		if err != nil {
			return err
		}
		second.ID, err = res.LastInsertId()
		return err
	})
	if err != nil {
		return w, w, fmt.Errorf("store: splitting a window: %w", err)
	}
	return first, second, nil
}

// finish marks the window of an answer done: whole up to its end, or to when the request was sent if that was earlier.
func finish(ctx context.Context, tx *sql.Tx, a Answer) error {
	w, now := a.Window, millis(time.Now())
	covers := min(millis(w.Ends), millis(a.Asked))
	if _, err := tx.ExecContext(ctx, `UPDATE windows SET done_at = ?, covers = ? WHERE id = ?`, now, covers, w.ID); err != nil {
		return err
	}
	if w.Run.Command == "sync" {
		if _, err := tx.ExecContext(ctx, `INSERT INTO synced (kind, until) VALUES (?, ?)
			ON CONFLICT DO UPDATE SET until = iif(until > ?, excluded.until, max(until, excluded.until))`, w.Kind, covers, now); err != nil {
			return err
		}
	}
	return nil
}

// FinishRun marks a run finished: its windows are done, and whoever asked for it is about to be told so. Until then the
// same run goes on, if only to say that nothing is left.
func (s *Store) FinishRun(ctx context.Context, r Run) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE runs SET finished_at = ? WHERE id = ?`, millis(time.Now()), r.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("store: finishing a run: %w", err)
	}
	return nil
}

// Synced returns up to where sync has asked for a kind, which lies in the future where the clock was ahead; ok is false
// where no run of that kind has begun.
func (s *Store) Synced(ctx context.Context, kind string) (until time.Time, ok bool, err error) {
	var ms int64
	err = s.reader.QueryRowContext(ctx, `SELECT until FROM synced WHERE kind = ?`, kind).Scan(&ms)
	if errors.Is(err, sql.ErrNoRows) {
		return until, false, nil
	}
	if err != nil {
		return until, false, fmt.Errorf("store: reading where sync stands: %w", explain(err))
	}
	return at(ms), true, nil
}
