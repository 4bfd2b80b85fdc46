package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Why a file cannot serve as a cache.
var (
	ErrDamaged  = errors.New("the cache file is damaged")
	ErrForeign  = errors.New("the file is not a cache of this program")
	ErrNewer    = errors.New("the cache file was made by a newer version of this program")
	ErrReadOnly = errors.New("the cache file is read-only")
	// ErrFull means that the disk (or the file's limit) is full; what was committed before stands.
	ErrFull = errors.New("no space left for the cache file")
)

// applicationID marks the file in SQLite's header: "d2pl".
const applicationID = 0x6432706c

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the cache at path, and makes it, its folder included, where there is none. Files it makes are readable by
// their owner alone. It refuses a file it cannot serve with one of the errors above.
func Open(ctx context.Context, path string) (*Store, error) {
	for try := 1; ; try++ {
		s := &Store{path: path}
		err := s.open(ctx)
		if err == nil {
			return s, nil
		}
		s.Close()
		// Of several processes that make a cache at once, all but one are told that it is busy, and that without a wait.
		if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Code()&0xff != sqlite3.SQLITE_BUSY || try == openTries {
			return nil, fmt.Errorf("store: opening %s: %w", path, explain(err))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("store: opening %s: %w", path, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const (
	// openTries is how often Open tries to get at a cache that others are just making.
	openTries = 200
	// busyTimeout is how many milliseconds SQLite waits for others where nobody else does.
	busyTimeout = "10000"
)

func (s *Store) open(ctx context.Context) error {
	if err := touch(s.path); err != nil {
		return err
	}
	empty, err := check(ctx, s.path)
	if err != nil {
		return err
	}
	// The order is the driver's: page_size has to come before the first write.
	if s.writer, err = connect(s.path, "_busy_timeout", "0", "_txlock", "immediate", "_pragma", "page_size(8192)",
		"_pragma", "cache_size(-16384)", "_pragma", "temp_store(MEMORY)", "_pragma", "secure_delete(1)", "_pragma", "wal_autocheckpoint(16000)",
		"_journal_mode", "WAL", "_synchronous", "NORMAL"); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if empty {
		// Before anything else, so that a cache which was only just begun is known as one.
		if _, err := s.writer.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.reader, err = connect(s.path, "_busy_timeout", busyTimeout, "_pragma", "cache_size(-8192)", "_query_only", "1"); err != nil {
		return err
	}
	s.reader.SetMaxOpenConns(2)
	if err := s.reader.QueryRowContext(ctx, `SELECT connection FROM cache`).Scan(&s.connection); err != nil {
		return err
	}
	return s.prepare(ctx)
}

// touch makes an empty file with its folder, or makes sure that the one there can be written to. It never opens one that is
// there: this process may have it open already, and with any other descriptor that it closes, the kernel takes back the
// locks by which SQLite keeps other processes from removing the log. https://sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_
func touch(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = create(path)
	case err != nil:
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is a folder or a device", ErrForeign)
	case info.Mode().Perm()&0o200 == 0: // the superuser may write to it all the same, but that is not what is meant
		return ErrReadOnly
	default:
		err = writable(path)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w (%w)", ErrReadOnly, err)
	}
	return err
}

func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// connect readies a pool of connections to a file, with settings by name and value. The path is made absolute, since
// some relative ones mean something else to SQLite; a drive letter gets a slash before it, and the authority is empty, so
// that the host of a Windows share is not taken for one. https://sqlite.org/uri.html
func connect(path string, settings ...string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	q := "_foreign_keys=1&_dqs=0&_error_rc=1"
	for i := 0; i < len(settings); i += 2 {
		q += "&" + settings[i] + "=" + url.QueryEscape(settings[i+1])
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return sql.Open("sqlite", "file://"+(&url.URL{Path: path}).EscapedPath()+"?"+q)
}

// check looks whether the file is empty or a cache of this program. It changes nothing: the file may be someone else's.
func check(ctx context.Context, path string) (empty bool, err error) {
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return true, err
	} else if info.Size() < 512 { // https://sqlite.org/fileformat2.html: the smallest page. SQLite would write over less.
		return false, ErrForeign
	}
	empty, err = identify(ctx, path, "ro")
	// A process that was killed while it wrote may have left a journal, which only a writer can roll back.
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Code() == sqlite3.SQLITE_READONLY_ROLLBACK {
		empty, err = identify(ctx, path, "rw")
	}
	return empty, err
}

func identify(ctx context.Context, path, mode string) (empty bool, err error) {
	db, err := connect(path, "_busy_timeout", busyTimeout, "mode", mode)
	if err != nil {
		return false, err
	}
	defer db.Close()
	// In this order: another process may just be making the cache, and marks it before it makes the tables.
	var id, tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return false, err
	}
	if err := db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id); err != nil {
		return false, err
	}
	if id != applicationID && tables > 0 {
		return false, ErrForeign
	}
	return id != applicationID, nil
}

// migrate brings the tables up to this program's version, each step in a transaction of its own.
func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, dir)
	if err != nil {
		return err
	}
	for before := int64(-1); ; {
		current, target, versionErr := p.GetVersions(ctx)
		switch {
		case versionErr != nil:
			// Of a table of versions that cannot be read, goose says that it is there already.
			if damage := quickCheck(ctx, s.writer); damage != nil {
				return damage
			}
			return versionErr
		case current > target:
			return ErrNewer
		case current == target:
			return nil
		case current == before:
			return err
		}
		before = current
		_, err = p.Up(ctx) // fails where another process is quicker by a step: the version then tells
	}
}
