package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrLocked says that another process holds the cache.
var ErrLocked = errors.New("another run holds this cache")

// Lock takes the cache at path for one run that writes to it, and returns a function that lets it go. The kernel lets
// go of it when the process ends, however it ends. Where another process holds it, Lock tries for wait, and then
// returns ErrLocked with who holds it.
func Lock(ctx context.Context, path string, wait time.Duration) (release func(), err error) {
	return lock(ctx, path, ".lock", wait)
}

// LockReceiver takes the cache at path for its one receiver, as Lock does for the one run beside it.
func LockReceiver(ctx context.Context, path string) (release func(), err error) {
	return lock(ctx, path, ".serve", 0)
}

func lock(ctx context.Context, path, suffix string, wait time.Duration) (release func(), err error) {
	if err := touch(path); err != nil {
		return nil, fmt.Errorf("store: locking %s: %w", path, err)
	}
	// By another name the cache is the same one.
	file, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("store: locking %s: %w", path, err)
	}
	l := flock.New(file+suffix, flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err == nil && !got && wait > 0 {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		got, err = l.TryLockContext(ctx, 100*time.Millisecond)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store: locking %s: %w", path, err)
	}
	if !got {
		return nil, fmt.Errorf("store: locking %s: %w%s", path, ErrLocked, holder(l.Path()))
	}
	// Only for the other's message, and not where the system keeps even us from writing: the lock is the kernel's.
	note := fmt.Sprintf("process %d since %s", os.Getpid(), time.Now().UTC().Format(time.RFC3339))
	_ = os.WriteFile(l.Path(), []byte(note), 0o600)
	return func() { l.Unlock() }, nil
}

// holder tells what the holder of a lock wrote into it.
func holder(path string) string {
	note, err := os.ReadFile(path)
	if err != nil || len(note) == 0 || len(note) > 100 {
		return ""
	}
	return ": " + strings.TrimSpace(string(note))
}
