//go:build unix

package store_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// Windows keeps no permissions like these.
func TestOnlyTheOwnerCanReadWhatOpenMakes(t *testing.T) {
	old := syscall.Umask(0) // so that the modes are those asked for
	defer syscall.Umask(old)
	folder := filepath.Join(t.TempDir(), "state", "dixa2plecto")
	s := openAt(t, filepath.Join(folder, "cache.db"))
	release, err := store.Lock(t.Context(), s.Path(), 0)
	must(t, err)
	defer release()
	save(t, s, store.Answer{Window: span(t, s, "import", "messages", hour(0), hour(1)), Request: 1}, whole(messages(0, 1)...))
	for _, dir := range []string{filepath.Dir(folder), folder} {
		info, err := os.Stat(dir)
		must(t, err)
		equal(t, "the mode of "+dir, info.Mode().Perm(), os.FileMode(0o700))
	}
	files, err := os.ReadDir(folder)
	must(t, err)
	if len(files) < 4 { // the file, its log with an index, and the lock
		t.Errorf("files: %v", files)
	}
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		equal(t, "the mode of "+f.Name(), info.Mode().Perm(), os.FileMode(0o600))
	}
}
