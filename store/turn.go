package store

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// turnPoll is how often a turn is asked for while another process has it: less than what lies between two turns of a
// backfill, so that none keeps the others out.
const turnPoll = 2 * time.Millisecond

// Turn waits until no other process, and nobody else in this one, is between reading registrations and marking what
// Plecto said of them, and returns a function that ends the turn. The kernel ends it when the process ends. Without turns
// an older registration could be sent after a newer one.
func (s *Store) Turn(ctx context.Context) (done func(), err error) {
	file, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		return nil, fmt.Errorf("store: waiting for a turn: %w", err)
	}
	l := flock.New(file+".turn", flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, turnPoll); err != nil {
		l.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("store: waiting for a turn: %w", err)
	}
	return func() { l.Close() }, nil
}

// A Version tells whether what a source's registrations are made of may have changed.
type Version struct {
	Revision int64 // the newest of any record
	Marks    int64 // rises whenever Plecto's word on registrations of the source is written down
}

// Version returns the present version of a source.
func (s *Store) Version(ctx context.Context, src Source) (v Version, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT revision, coalesce((SELECT marks FROM sources WHERE id = ?), 0) FROM cache`, src.ID).Scan(&v.Revision, &v.Marks)
	if err != nil {
		return v, fmt.Errorf("store: reading the version of source %q: %w", src.Name, explain(err))
	}
	return v, nil
}
