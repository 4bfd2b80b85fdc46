package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrRead: another process reads the file, so that what it reads cannot be taken away.
var ErrRead = errors.New("another process reads the file")

// A Residue tells what may be left in the file of what was erased.
type Residue struct {
	Held    bool      // free pages or the log may hold something
	Size    int64     // of the file, in bytes
	WipedAt time.Time // when it was wiped last
}

// Residue returns what may be left in the file.
func (s *Store) Residue(ctx context.Context) (r Residue, err error) {
	var wiped int64
	err = s.reader.QueryRowContext(ctx, `SELECT removals > wiped, coalesce(wiped_at, 0) FROM cache`).Scan(&r.Held, &wiped)
	if err != nil {
		return r, fmt.Errorf("store: reading what is erased: %w", explain(err))
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return r, fmt.Errorf("store: reading what is erased: %w", err)
	}
	r.Size, r.WipedAt = info.Size(), at(wiped)
	return r, nil
}

// Wipe makes the file anew from what is in it, so that nothing that was removed or replaced is left in free pages or in
// the log. It reads and writes all of it, and while it does so takes twice as much free space as the file is large: once
// among the temporary files, once for the log. ErrFull says that there is less, ErrRead that another process is in the way.
// https://sqlite.org/lang_vacuum.html
func (s *Store) Wipe(ctx context.Context) error {
	err := s.wipe(ctx)
	if errors.Is(err, ErrFull) {
		err = fmt.Errorf("it takes twice the file's size, in part where temporary files are: %w", err)
	}
	if err != nil {
		return fmt.Errorf("store: wiping %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) wipe(ctx context.Context) error {
	var removals int64
	if err := s.reader.QueryRowContext(ctx, `SELECT removals FROM cache`).Scan(&removals); err != nil {
		return explain(err)
	}
	if err := vacuum(ctx, s.path); err != nil {
		return explain(err)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE cache SET wiped = ?, wiped_at = ?`, removals, millis(time.Now()))
		return err
	})
}

func vacuum(ctx context.Context, path string) error {
	// A connection of its own: the writer keeps what is temporary in memory, and this is as large as the file.
	db, err := connect(path, "_busy_timeout", busyTimeout, "_pragma", "temp_store(FILE)", "_pragma", "cache_size(-8192)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `VACUUM`); err != nil {
		if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code()&0xff == sqlite3.SQLITE_BUSY {
			return fmt.Errorf("%w (%w)", ErrRead, err)
		}
		return err
	}
	var busy, log, moved int
	if err := db.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("%w, and its log cannot be emptied before that ends", ErrRead)
	}
	return nil
}
