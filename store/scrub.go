package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// scrubThreads is how many conversations one transaction of Scrub takes.
const scrubThreads = 100

// Unscrubbed returns the erased conversations of which something may still have content.
func (s *Store) Unscrubbed(ctx context.Context) (csids []int64, err error) {
	err = s.rows(ctx, `SELECT csid FROM erased WHERE scrubbed_at IS NULL ORDER BY csid`, nil, func(rows *sql.Rows) error {
		var csid int64
		err := rows.Scan(&csid)
		csids = append(csids, csid)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: reading what is erased: %w", err)
	}
	return csids, nil
}

// Scrub replaces the bodies of all that belongs to erased conversations by those that scrub makes of them, and forgets how
// their registrations looked and what Plecto said of them. It counts by kind the records of which it removed something;
// they go to the end of the change log.
func (s *Store) Scrub(ctx context.Context, csids []int64, scrub func(Record) (body string, err error)) (scrubbed map[string]int, err error) {
	scrubbed = make(map[string]int)
	for chunk := range slices.Chunk(csids, scrubThreads) {
		var kinds []string
		err := s.tx(ctx, func(tx *sql.Tx) (err error) {
			kinds, err = scrubRecords(ctx, tx, chunk, scrub)
			return err
		})
		if err != nil {
			return scrubbed, fmt.Errorf("store: scrubbing conversations: %w", err)
		}
		for _, kind := range kinds {
			scrubbed[kind]++
		}
	}
	return scrubbed, nil
}

// scrubRecords returns the kind of each record that it scrubbed.
func scrubRecords(ctx context.Context, tx *sql.Tx, csids []int64, scrub func(Record) (body string, err error)) (scrubbed []string, err error) {
	list, err := json.Marshal(csids)
	if err != nil {
		return nil, err
	}
	records, err := scanRecords(tx.QueryContext(ctx, `SELECT `+bodyColumns+` FROM records WHERE csid IN (SELECT value FROM json_each(?))`, string(list)))
	if err != nil {
		return nil, err
	}
	waiting, err := unscrubbed(ctx, tx, string(list))
	if err != nil {
		return nil, err
	}
	revision, err := revisions(ctx, tx, len(records))
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		body, err := scrub(r)
		if err != nil {
			return nil, err
		}
		differs, forgotten := body != r.Body, false
		// A body that came without content may have replaced one whose registration still shows it.
		if differs || waiting[r.CSID] {
			if forgotten, err = forgetContent(ctx, tx, r); err != nil {
				return nil, err
			}
		}
		if !differs && !forgotten {
			continue
		}
		revision++
		if _, err := tx.ExecContext(ctx, `UPDATE records SET body = ?, hash = ?, revision = ? WHERE kind = ? AND id = ?`,
			body, hashOf(body), revision, r.Kind, r.ID); err != nil {
			return nil, err
		}
		scrubbed = append(scrubbed, r.Kind)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE erased SET scrubbed_at = ? WHERE csid IN (SELECT value FROM json_each(?)) AND scrubbed_at IS NULL`,
		millis(time.Now()), string(list)); err != nil {
		return nil, err
	}
	return scrubbed, removed(ctx, tx, len(scrubbed))
}

// unscrubbed returns those of some conversations, a JSON array, that were not scrubbed since they were erased.
func unscrubbed(ctx context.Context, tx *sql.Tx, list string) (map[int64]bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT csid FROM erased WHERE csid IN (SELECT value FROM json_each(?)) AND scrubbed_at IS NULL`, list)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	waiting := make(map[int64]bool)
	for rows.Next() {
		var csid int64
		if err := rows.Scan(&csid); err != nil {
			return nil, err
		}
		waiting[csid] = true
	}
	return waiting, rows.Err()
}

// forgetContent forgets how the registrations of a record looked, and what Plecto said of them; it reports whether there
// was anything to forget.
func forgetContent(ctx context.Context, tx *sql.Tx, r Record) (bool, error) {
	res, err := tx.ExecContext(ctx, `UPDATE registrations SET row = NULL, rejected = NULL, rejection = iif(rejection IS NULL, NULL, 'erased')
		WHERE record = ? AND source IN (SELECT id FROM sources WHERE kind = ?) AND (row IS NOT NULL OR rejection IS NOT NULL)`, r.ID, r.Kind)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// removed notes that content was removed, of which the free space of the file may have a copy.
func removed(ctx context.Context, tx *sql.Tx, n int) error {
	_, err := tx.ExecContext(ctx, `UPDATE cache SET removals = removals + ?`, n)
	return err
}

// ScrubAside lets go of elements that are set aside and belong to something erased, as far as belongs can tell.
func (s *Store) ScrubAside(ctx context.Context, belongs func(body []byte) bool) (n int, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		found, err := asideOf(ctx, tx, belongs)
		if err != nil {
			return err
		}
		for _, id := range found {
			if _, err := tx.ExecContext(ctx, `DELETE FROM aside WHERE rowid = ?`, id); err != nil {
				return err
			}
		}
		n = len(found)
		return removed(ctx, tx, n)
	})
	if err != nil {
		return 0, fmt.Errorf("store: scrubbing what is set aside: %w", err)
	}
	return n, nil
}

// asideOf returns the rowids of the elements set aside that belong to something erased.
func asideOf(ctx context.Context, tx *sql.Tx, belongs func(body []byte) bool) (found []int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT rowid, body FROM aside`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return nil, err
		}
		if belongs(body) {
			found = append(found, id)
		}
	}
	return found, errors.Join(rows.Err(), rows.Close())
}
