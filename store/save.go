package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// An Answer is Dixa's reply to one window's request.
type Answer struct {
	Window  Window
	Request int64     // from [Store.Spend]: a higher one was sent later
	Asked   time.Time // when the request was sent
	// Since is the first request of the command: records that it or a later one has brought are not counted again.
	Since int64
	// Known is when the caller read what is erased, where other commands may run meanwhile: one that fetches the same, or
	// erases what this answer still has. Zero where none may.
	Known time.Time
}

// ErrErased says that a customer was erased while an answer came: it is to be asked for again.
var ErrErased = errors.New("a customer was erased meanwhile")

// A Batch is a stretch of an answer.
type Batch struct {
	Records []Record
	Aside   []Aside
	// Agents are people whom the records name. One that is known keeps its name: records tell how it once was.
	Agents []Agent
	// Erase are conversations of which the records tell that their content is to go: see [Store.Erase].
	Erase []int64
	// Whole says that the answer ended as it should: nothing of the window is missing.
	Whole bool
}

// Saved counts what became of an answer.
type Saved struct {
	// Records counts distinct records read. Only one that the cache held before the command, and that comes unchanged in
	// several batches of the answer, counts with each: nothing is written that could tell, and a window may be too large
	// to remember.
	Records int
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

// room returns how many rows a transaction may have. While the receiver runs they are few, and between two transactions it
// gets the time to store what has come.
func (s *Store) room(ctx context.Context) (rows int, err error) {
	on, err := serving(ctx, s.reader, time.Now())
	if err != nil || !on {
		return commitRows, explain(err)
	}
	time.Sleep(2 * busyPoll)
	return commitRows / 20, nil
}

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
		rows, err := s.room(ctx)
		if err != nil {
			return total, fmt.Errorf("store: saving %s: %w", a.Window.Kind, err)
		}
		var part Saved
		err = s.tx(ctx, func(tx *sql.Tx) error {
			for {
				if err := s.saveBatch(ctx, tx, a, b, &part); err != nil {
					return err
				}
				if rows -= len(b.Records); rows <= 0 {
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
	kind, records := a.Window.Kind, newest(b.Records, a.Request)
	if err := erase(ctx, tx, b.Erase, ""); err != nil { // while what was there before still is
		return err
	}
	known, err := s.known(ctx, tx, kind, records)
	if err != nil {
		return err
	}
	fresh := make([]version, 0, len(records))
	var changed []version
	for _, v := range records {
		old, there := known[v.ID]
		if !there || old.request < a.Since && (old.hash != v.hash || a.Window.counts(v.Record)) {
			saved.Records++
		}
		switch {
		case !there:
			fresh = append(fresh, v)
		case v.replaces(old):
			changed = append(changed, v)
		}
	}
	inserted, there, err := s.insert(ctx, tx, kind, fresh)
	if err != nil {
		return err
	}
	for _, v := range fresh {
		if old, ok := there[v.ID]; ok && v.replaces(old) {
			changed = append(changed, v)
		}
	}
	if err := s.update(ctx, tx, kind, changed); err != nil {
		return err
	}
	if err := saveAgents(ctx, tx, b.Agents, false); err != nil {
		return err
	}
	if !a.Known.IsZero() {
		if err := beside(ctx, tx, a, records); err != nil {
			return err
		}
	}
	saved.Changed += inserted + len(changed)
	saved.Aside += len(b.Aside)
	if err := setAside(ctx, tx, a, b); err != nil || !b.Whole {
		return err
	}
	return finish(ctx, tx, a)
}

// beside says of records that came unchanged that they did, so that the answer to an older request does not replace them,
// and has those scrubbed again that were erased after the caller knew. Whose the conversations of a customer are who was
// erased since, only the caller can tell: ErrErased.
func beside(ctx context.Context, tx *sql.Tx, a Answer, records []version) error {
	ids, csids := make([]string, len(records)), make([]int64, len(records))
	for i, v := range records {
		ids[i], csids[i] = v.ID, v.CSID
	}
	list, err := json.Marshal([]any{ids, csids})
	if err != nil {
		return err
	}
	var customer bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM erased_requesters WHERE asked_at >= ?)`, millis(a.Known)).Scan(&customer); err != nil {
		return err
	}
	if customer {
		return ErrErased
	}
	if _, err := tx.ExecContext(ctx, `UPDATE records SET request = ?1 WHERE kind = ?2 AND request < ?1 AND id IN (SELECT value FROM json_each(?3, '$[0]'))`,
		a.Request, a.Window.Kind, string(list)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE erased SET scrubbed_at = NULL WHERE asked_at >= ? AND csid IN (SELECT value FROM json_each(?, '$[1]'))`,
		millis(a.Known), string(list))
	return err
}

// insert adds records that are not known yet, and returns how many it added. Where some were there after all, created at
// another time than they now say, there holds them by id.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, kind string, fresh []version) (inserted int, there map[string]version, err error) {
	revision, err := revisions(ctx, tx, len(fresh))
	if err != nil {
		return 0, nil, err
	}
	many, one := tx.StmtContext(ctx, s.insertMany), tx.StmtContext(ctx, s.insertOne)
	there = make(map[string]version)
	var args []any
	for chunk := range slices.Chunk(fresh, insertRows) {
		args = args[:0]
		for _, v := range chunk {
			revision++
			args = v.appendColumns(args, kind, revision)
		}
		statement, size := one, recordColumns
		if len(chunk) == insertRows {
			statement, size = many, len(args)
		}
		added := 0
		for rows := range slices.Chunk(args, size) {
			res, err := statement.ExecContext(ctx, rows...)
			if err != nil {
				return 0, nil, err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return 0, nil, err
			}
			added += int(n)
		}
		inserted += added
		if added < len(chunk) {
			found, err := s.byID(ctx, tx, kind, chunk)
			if err != nil {
				return 0, nil, err
			}
			maps.Copy(there, found)
		}
	}
	return inserted, there, nil
}

// update replaces the bodies of records.
func (s *Store) update(ctx context.Context, tx *sql.Tx, kind string, changed []version) error {
	revision, err := revisions(ctx, tx, len(changed))
	if err != nil {
		return err
	}
	statement := tx.StmtContext(ctx, s.updateOne)
	for _, v := range changed {
		revision++
		if _, err := statement.ExecContext(ctx, v.appendColumns(nil, kind, revision)...); err != nil {
			return err
		}
	}
	return nil
}

// revisions takes n revisions and returns the one before them.
func revisions(ctx context.Context, tx *sql.Tx, n int) (before int64, err error) {
	if n == 0 {
		return 0, nil
	}
	err = tx.QueryRowContext(ctx, `UPDATE cache SET revision = revision + ? RETURNING revision - ?`, n, n).Scan(&before)
	return before, err
}

// recordColumns counts the columns of a row of records.
const recordColumns = 9

// appendColumns appends the values of a record's row, those that find it last.
func (v version) appendColumns(args []any, kind string, revision int64) []any {
	return append(args, orNull(v.CSID), v.CreatedAt, orNull(v.UpdatedAt), v.request, v.hash, revision, v.Body, kind, v.ID)
}

// prepare makes the statements of Save ready.
func (s *Store) prepare(ctx context.Context) error {
	// OR IGNORE tells by the number of rows that some were there, and OR FAIL is enough, since any error ends the
	// transaction. Otherwise SQLite keeps each page that a statement touches a second time, to take back that
	// statement alone. https://sqlite.org/tempfiles.html#statement_journal_files
	insert := `INSERT OR IGNORE INTO records (csid, created_at, updated_at, request, hash, revision, body, kind, id) VALUES `
	row := "(" + placeholders(recordColumns) + ")"
	for st, query := range map[**sql.Stmt]string{
		&s.insertMany: insert + strings.Repeat(row+",", insertRows-1) + row,
		&s.insertOne:  insert + row,
		&s.updateOne: `UPDATE OR FAIL records SET csid = ?, created_at = ?, updated_at = ?, request = ?, hash = ?, revision = ?, body = ?
			WHERE kind = ? AND id = ?`,
		&s.selectByID:   `SELECT ` + versionColumns + ` FROM records WHERE kind = ? AND id IN (` + placeholders(lookupRows) + `)`,
		&s.selectByTime: `SELECT ` + versionColumns + ` FROM records WHERE kind = ? AND created_at BETWEEN ? AND ? LIMIT ?`,
	} {
		var err error
		if *st, err = s.writer.PrepareContext(ctx, query); err != nil {
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
