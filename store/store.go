// Package store is the cache: one SQLite file that holds every record as Dixa exported it, which of them changed when,
// and what Plecto last accepted of each.
//
// Every record carries a revision, a number that rises with every change of any record. A source keeps its place in
// that change log. A record is pending for a source when the registration made from it now is not the one Plecto last
// accepted; all pending records lie behind the source's place, so that finding them is reading on from there.
//
// Exported methods own their transaction. Times are Unix milliseconds in the file and time.Time in Go, except in
// [Record], which keeps Dixa's form.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A Store is an open cache. Its methods may be called from several goroutines, and several processes may have the same
// file open: each transaction is immediate, and waits for the others.
type Store struct {
	path       string
	connection string
	writer     *sql.DB // one connection: waiting happens in Go, never as "database is locked"
	reader     *sql.DB

	insertMany, insertOne, updateOne, selectByID, selectByTime *sql.Stmt
}

// Close writes the log back into the file, so that it is one file to keep or copy, and closes it.
func (s *Store) Close() error {
	var errs []error
	for _, st := range []*sql.Stmt{s.insertMany, s.insertOne, s.updateOne, s.selectByID, s.selectByTime} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Check reads the whole file for structural damage, some hundred megabytes a second, and returns ErrDamaged where
// there is some. Damage in a body is found when it is read.
func (s *Store) Check(ctx context.Context) error {
	if err := quickCheck(ctx, s.reader); err != nil {
		return fmt.Errorf("store: checking %s: %w", s.path, explain(err))
	}
	return nil
}

func quickCheck(ctx context.Context, db *sql.DB) error {
	var found string
	err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	if err == nil && found != "ok" {
		err = fmt.Errorf("%w (%s)", ErrDamaged, found)
	}
	return err
}

// Connection returns the UUID that stands in the webhook address, where Plecto's own integration has its credentials
// UUID: 32 hex digits.
func (s *Store) Connection() string { return s.connection }

// tx runs fn in one immediate transaction.
func (s *Store) tx(ctx context.Context, fn func(*sql.Tx) error) error {
	return transact(ctx, s.writer, fn)
}

// A beginner is a *sql.DB or a *sql.Conn.
type beginner interface {
	BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error)
}

func transact(ctx context.Context, b beginner, fn func(*sql.Tx) error) error {
	tx, err := begin(ctx, b)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback()
	if err := fn(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}

const (
	// busyFor is how long a transaction waits for those of other processes.
	busyFor = 30 * time.Second
	// busyPoll is how often it looks. SQLite itself would look ten times a second in the end, and seldom find the moment
	// between two transactions of an import.
	busyPoll = 2 * time.Millisecond
)

func begin(ctx context.Context, b beginner) (*sql.Tx, error) {
	for enough := time.Now().Add(busyFor); ; {
		tx, err := b.BeginTx(ctx, nil)
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(enough) {
			return tx, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(busyPoll):
		}
	}
}

// explain puts what SQLite says of the file into this package's words.
func explain(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	var known error
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		known = ErrDamaged
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		known = ErrReadOnly
	case sqlite3.SQLITE_FULL:
		known = ErrFull
	case sqlite3.SQLITE_IOERR:
		// That is what SQLite calls a file that has reached its limit, or its owner's.
		if e.Code() != sqlite3.SQLITE_IOERR_WRITE {
			return err
		}
		known = ErrFull
	default:
		return err
	}
	if errors.Is(err, known) {
		return err
	}
	return fmt.Errorf("%w (%w)", known, err)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at turns Unix milliseconds into a time; zero stays the zero time.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// placeholders returns n question marks for a list of values.
func placeholders(n int) string {
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}
