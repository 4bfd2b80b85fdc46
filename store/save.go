package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// An Answer is Dixa's reply to one window's request.
type Answer struct {
	Window  Window
	Request int64     // from [Store.Spend]: a higher one was sent later
	Asked   time.Time // when the request was sent
	// Since is the first request of the command: records that it or a later one has brought are not counted again.
	Since int64
}

// A Batch is a stretch of an answer.
type Batch struct {
	Records []Record
	Aside   []Aside
	// Whole says that the answer ended as it should: nothing of the window is missing.
	Whole bool
}

// An Aside is an element of an export that could not be taken over as a record. It is kept until it comes back whole.
type Aside struct {
	ID     string // empty where none could be read
	Reason string
	Body   []byte
}

// Saved counts what became of an answer.
type Saved struct {
	Records int // distinct records read
	Changed int // of them, new or different
	Aside   int // could not be taken over
}

// Rows of one transaction, one statement and one look-up. Larger transactions write each index page fewer times;
// beyond these figures nothing is gained.
const (
	commitRows = 20000
	insertRows = 50
	lookupRows = 100
)

// Save writes the batches of an answer as they arrive, and with the one that is Whole marks the window done in the
// same transaction. It returns when batches is closed, or at the first error.
//
// A body that is there already is not written again. A record is not replaced by an older one: older is the lower
// UpdatedAt or, where one of the two has none, the answer to an earlier request.
//
// A transaction stays open only while batches are waiting, never for the network. Cancelling ctx takes back nothing:
// what has arrived is committed.
func (s *Store) Save(ctx context.Context, a Answer, batches <-chan Batch) (Saved, error) {
	ctx = context.WithoutCancel(ctx)
	var total Saved
	for b := range batches {
		var part Saved
		err := s.tx(ctx, func(tx *sql.Tx) error {
			for rows := 0; ; {
				if err := s.saveBatch(ctx, tx, a, b, &part); err != nil {
					return err
				}
				if rows += len(b.Records); rows >= commitRows {
					return nil
				}
				var more bool
				select {
				case b, more = <-batches:
				default:
				}
				if !more {
					return nil
				}
			}
		})
		if err != nil {
			return total, fmt.Errorf("store: saving %s: %w", a.Window.Kind, err)
		}
		total.Records += part.Records
		total.Changed += part.Changed
		total.Aside += part.Aside
	}
	return total, nil
}

func (s *Store) saveBatch(ctx context.Context, tx *sql.Tx, a Answer, b Batch, saved *Saved) error {
	changed := make([]version, 0, len(b.Records))
	for chunk := range slices.Chunk(newest(b.Records), lookupRows) {
		known, err := s.versions(ctx, tx, a.Window.Kind, chunk)
		if err != nil {
			return err
		}
		for _, v := range chunk {
			v.request = a.Request
			old, there := known[v.ID]
			if !there || old.request < a.Since && (old.hash != v.hash || a.Window.counts(v.Record)) {
				saved.Records++
			}
			if !there || old.hash != v.hash && !v.olderThan(old) {
				changed = append(changed, v)
			}
		}
	}
	if err := s.insert(ctx, tx, a.Window.Kind, changed); err != nil {
		return err
	}
	saved.Changed += len(changed)
	if err := setAside(ctx, tx, a, b, changed); err != nil {
		return err
	}
	saved.Aside += len(b.Aside)
	if b.Whole {
		return finish(ctx, tx, a)
	}
	return nil
}

// A version is what decides which of two bodies of one record is the newer.
type version struct {
	Record
	hash    int64
	request int64
}

func (v version) olderThan(old version) bool {
	if v.UpdatedAt != 0 && old.UpdatedAt != 0 && v.UpdatedAt != old.UpdatedAt {
		return v.UpdatedAt < old.UpdatedAt
	}
	return v.request < old.request
}

// newest hashes the records and keeps the newest of those that share an id.
func newest(records []Record) []version {
	all := make([]version, 0, len(records))
	place := make(map[string]int, len(records))
	for _, r := range records {
		v := version{Record: r, hash: hashOf(r.Body)}
		i, twice := place[r.ID]
		switch {
		case !twice:
			place[r.ID] = len(all)
			all = append(all, v)
		case !v.olderThan(all[i]):
			all[i] = v
		}
	}
	return all
}

// versions looks up what is there of some records, lookupRows at most.
func (s *Store) versions(ctx context.Context, tx *sql.Tx, kind string, records []version) (map[string]version, error) {
	args := make([]any, 1+lookupRows)
	args[0] = kind
	for i, r := range records {
		args[1+i] = r.ID
	}
	rows, err := tx.StmtContext(ctx, s.lookup).QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	known := make(map[string]version, len(records))
	for rows.Next() {
		var v version
		if err := rows.Scan(&v.ID, &v.hash, &v.UpdatedAt, &v.request); err != nil {
			return nil, err
		}
		known[v.ID] = v
	}
	return known, rows.Err()
}

func (s *Store) insert(ctx context.Context, tx *sql.Tx, kind string, records []version) error {
	if len(records) == 0 {
		return nil
	}
	var last int64
	if err := tx.QueryRowContext(ctx, `UPDATE cache SET revision = revision + ? RETURNING revision`, len(records)).Scan(&last); err != nil {
		return err
	}
	next := last - int64(len(records))
	var args []any
	for chunk := range slices.Chunk(records, insertRows) {
		args = args[:0]
		for _, v := range chunk {
			next++
			args = append(args, kind, v.ID, orNull(v.CSID), v.CreatedAt, orNull(v.UpdatedAt), v.request, v.hash, next, v.Body)
		}
		if len(chunk) == insertRows {
			if _, err := tx.StmtContext(ctx, s.insertMany).ExecContext(ctx, args...); err != nil {
				return err
			}
			continue
		}
		one := tx.StmtContext(ctx, s.insertOne)
		for row := range slices.Chunk(args, recordArgs) {
			if _, err := one.ExecContext(ctx, row...); err != nil {
				return err
			}
		}
	}
	return nil
}

// recordArgs counts the columns of a row of records.
const recordArgs = 9

// prepare makes the statements of the import ready.
func (s *Store) prepare(ctx context.Context) error {
	row := "(" + places(recordArgs) + ")"
	insert := func(rows int) string {
		return `INSERT INTO records (kind, id, csid, created_at, updated_at, request, hash, revision, body)
			VALUES ` + strings.TrimSuffix(strings.Repeat(row+",", rows), ",") + `
			ON CONFLICT (kind, id) DO UPDATE SET csid = excluded.csid, created_at = excluded.created_at,
				updated_at = excluded.updated_at, request = excluded.request, hash = excluded.hash,
				revision = excluded.revision, body = excluded.body`
	}
	for st, query := range map[**sql.Stmt]string{
		&s.insertMany: insert(insertRows),
		&s.insertOne:  insert(1),
		&s.lookup:     `SELECT id, hash, coalesce(updated_at, 0), request FROM records WHERE kind = ? AND id IN (` + places(lookupRows) + `)`,
	} {
		var err error
		if *st, err = s.write.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// setAside keeps what could not be taken over, and lets go of what now came back whole.
func setAside(ctx context.Context, tx *sql.Tx, a Answer, b Batch, changed []version) error {
	for _, e := range b.Aside {
		if _, err := tx.ExecContext(ctx, `INSERT INTO aside (kind, hash, id, request, reason, body) VALUES (?, ?, nullif(?, ''), ?, ?, ?)
			ON CONFLICT DO NOTHING`, a.Window.Kind, int64(xxhash.Sum64(e.Body)), e.ID, a.Request, e.Reason, e.Body); err != nil {
			return err
		}
	}
	if len(changed) == 0 {
		return nil
	}
	var any bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM aside WHERE kind = ?)`, a.Window.Kind).Scan(&any); err != nil || !any {
		return err
	}
	for _, v := range changed {
		if _, err := tx.ExecContext(ctx, `DELETE FROM aside WHERE kind = ? AND id = ?`, a.Window.Kind, v.ID); err != nil {
			return err
		}
	}
	return nil
}

func orNull(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}
