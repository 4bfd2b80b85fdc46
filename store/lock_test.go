package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestACacheIsLockedByOneRunAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "cache.db")
	release, err := store.Lock(t.Context(), path, 0)
	must(t, err)
	_, err = store.Lock(t.Context(), path, 0)
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("the second lock: %v", err)
	}
	other, err := store.Lock(t.Context(), path+"2", 0)
	must(t, err)
	other()
	release()
	release, err = store.Lock(t.Context(), path, 0)
	must(t, err)
	release()
}

func TestACacheHasOneReceiverBesideOneRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "cache.db")
	release, err := store.LockReceiver(t.Context(), path)
	must(t, err)
	_, err = store.LockReceiver(t.Context(), path)
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", os.Getpid())) {
		t.Errorf("a second receiver: %v", err)
	}
	run, err := store.Lock(t.Context(), path, 0)
	must(t, err)
	run()
	release()
	release, err = store.LockReceiver(t.Context(), path)
	must(t, err)
	release()
}

func TestALockIsWaitedForAsLongAsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	synctest.Test(t, func(t *testing.T) {
		release, err := store.Lock(t.Context(), path, 0)
		must(t, err)
		began := time.Now()
		_, err = store.Lock(t.Context(), path, 5*time.Second)
		if took := time.Since(began); !errors.Is(err, store.ErrLocked) || took != 5*time.Second {
			t.Errorf("after %v: %v", took, err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err = store.Lock(ctx, path, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that is given up: %v", err)
		}

		began = time.Now()
		time.AfterFunc(3*time.Second, release)
		release, err = store.Lock(t.Context(), path, time.Minute)
		must(t, err)
		if took := time.Since(began); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("a lock let go of after 3 s was had after %v", took)
		}
		release()
	})
}

func TestALinkToACacheHasTheSameLock(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "cache.db"), filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	release, err := store.Lock(t.Context(), link, 0) // the first makes the file
	must(t, err)
	defer release()
	if _, err := store.Lock(t.Context(), path, 0); !errors.Is(err, store.ErrLocked) {
		t.Errorf("the second lock: %v", err)
	}
}
