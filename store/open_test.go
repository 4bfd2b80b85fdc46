package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/pressly/goose/v3"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestACacheIsThereAgainWhenItIsOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	s, err := store.Open(t.Context(), path)
	must(t, err)
	connection := s.Connection()
	if !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(connection) {
		t.Errorf("the connection %q is not a random UUID", connection)
	}
	link(t, s, "a", "aa")
	must(t, s.Close())
	if _, err := os.Stat(path + "-wal"); !os.IsNotExist(err) {
		t.Errorf("after closing, the log is still beside the file: %v", err)
	}
	s = openAt(t, path)
	equal(t, "the connection", s.Connection(), connection)
	equal(t, "the source's UUID", source(t, s, "a").UUID, "aa")
	if other := open(t).Connection(); other == connection {
		t.Error("another cache has the same connection")
	}
}

// cache is the content of a cache with some records.
func cache(t *testing.T) []byte {
	path := filepath.Join(t.TempDir(), "cache.db")
	s, err := store.Open(t.Context(), path)
	must(t, err)
	save(t, s, store.Answer{Window: span(t, s, "import", "messages", hour(0), hour(1)), Request: 1}, whole(messages(0, 200)...))
	must(t, s.Close())
	return content(t, path)
}

// altered is what becomes of a file by some SQL.
func altered(t *testing.T, file []byte, query string) []byte {
	path := filepath.Join(t.TempDir(), "cache.db")
	must(t, os.WriteFile(path, bytes.TrimSuffix(file, []byte("|")), 0o600))
	db := raw(t, path)
	_, err := db.Exec(query)
	must(t, err)
	must(t, db.Close())
	return content(t, path)
}

func TestAFileThatCannotServeIsRefusedAndLeftAsItWas(t *testing.T) {
	good := cache(t)
	for _, row := range []struct {
		name    string
		content []byte
		mode    os.FileMode
		want    error
	}{
		{"someone else's database", altered(t, nil, `CREATE TABLE songs (title TEXT)`), 0o600, store.ErrForeign},
		{"someone else's, marked as such", altered(t, nil, `PRAGMA application_id = 77; CREATE TABLE songs (title TEXT)`), 0o600, store.ErrForeign},
		{"a newer cache", altered(t, good, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`), 0o600, store.ErrNewer},
		{"no database", []byte(strings.Repeat("Dear diary, ", 2000)), 0o600, store.ErrDamaged},
		{"a short note", []byte("Dear diary"), 0o600, store.ErrForeign},
		{"a cache cut within its first page", good[:3000], 0o600, store.ErrDamaged},
		{"a cache cut after its first page", good[:8192], 0o600, store.ErrDamaged},
		{"a cache cut in the middle", good[:len(good)/2], 0o600, store.ErrDamaged},
		{"a cache marked read-only", good, 0o400, store.ErrReadOnly},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache.db")
			file := bytes.TrimSuffix(row.content, []byte("|"))
			must(t, os.WriteFile(path, file, row.mode))
			s, err := store.Open(t.Context(), path)
			if !errors.Is(err, row.want) {
				t.Errorf("the error is %v, want %v", err, row.want)
			}
			if err == nil {
				must(t, s.Close())
			}
			left, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(left, file) {
				t.Error("the file was changed")
			}
		})
	}
	if _, err := store.Open(t.Context(), t.TempDir()); !errors.Is(err, store.ErrForeign) {
		t.Errorf("a directory: %v", err)
	}
}

func TestADamagedPageIsFoundByOpeningOrByACheck(t *testing.T) {
	const page = 8192
	good := bytes.TrimSuffix(cache(t), []byte("|"))
	// In simulated time, since goose tries for some seconds to read its table.
	synctest.Test(t, func(t *testing.T) {
		for at := 0; at < len(good); at += page {
			path := filepath.Join(t.TempDir(), "cache.db")
			bad := bytes.Clone(good)
			copy(bad[at:at+page], bytes.Repeat([]byte{0xa5}, page))
			must(t, os.WriteFile(path, bad, 0o600))
			s, err := store.Open(t.Context(), path)
			if err == nil {
				err = s.Check(t.Context())
				must(t, s.Close())
			}
			if !errors.Is(err, store.ErrDamaged) {
				t.Errorf("page %d is damaged, and the error is %v", at/page+1, err)
			}
		}
	})
	must(t, open(t).Check(t.Context()))
}

// migratedTo is a cache of an older version, or one that was only begun.
func migratedTo(t *testing.T, version int64) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cache.db")
	exec(t, path, `PRAGMA application_id = 1681027180`)
	p, err := goose.NewProvider(goose.DialectSQLite3, raw(t, path), os.DirFS("migrations"))
	must(t, err)
	_, err = p.GetDBVersion(t.Context()) // makes goose's own table
	if err == nil && version > 0 {
		_, err = p.UpTo(t.Context(), version)
	}
	must(t, err)
	return content(t, path)
}

// Killed while it makes a cache, the program leaves one of these.
func TestACacheThatWasOnlyBegunIsCompleted(t *testing.T) {
	for name, begun := range map[string][]byte{
		"nothing":            nil,
		"a mark":             altered(t, nil, `PRAGMA application_id = 1681027180`),
		"no tables, no mark": altered(t, nil, `CREATE TABLE t (a); DROP TABLE t`),
		"no migration":       migratedTo(t, 0),
		"one migration":      migratedTo(t, 1),
		"two migrations":     migratedTo(t, 2),
		"all but one":        migratedTo(t, 3),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache.db")
			must(t, os.WriteFile(path, bytes.TrimSuffix(begun, []byte("|")), 0o600))
			s, err := store.Open(t.Context(), path)
			must(t, err)
			must(t, s.Close())
			s = openAt(t, path)
			save(t, s, store.Answer{Window: span(t, s, "import", "messages", hour(0), hour(1)), Request: 1}, whole(message(1, "new")))
			equal(t, "the body", body(t, s, "messages", "m1"), message(1, "new").Body)
		})
	}
}

func TestACacheOfAnOlderVersionServesWithWhatIsInIt(t *testing.T) {
	for version := int64(1); version <= 3; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "cache.db")
			must(t, os.WriteFile(path, bytes.TrimSuffix(altered(t, migratedTo(t, version), `
				UPDATE cache SET revision = 2;
				INSERT INTO records (kind, id, csid, created_at, updated_at, request, hash, revision, body) VALUES
					('conversations', '7', 7, 1767225600000, 1767225600000, 1, 0, 1, '{}'), ('messages', 'm1', 7, 1767225600000, NULL, 2, 0, 2, '{}');
				INSERT INTO sources (id, name, kind, uuid, title, fields, place, mapping, accepted) VALUES (3, 'a', 'messages', 'aa', 'Old', '["Channel"]', 2, 'old', 2);
				INSERT INTO registrations (source, record, hash, sent_at, rejection, rejected) VALUES (3, 'm1', 5, 1767225600000, NULL, NULL), (3, 'm2', NULL, NULL, 'no', 6);
				INSERT INTO requests (id, budget, at) VALUES (41, 'message exports', 1767225600000)`), []byte("|")), 0o600))
			exec(t, path, `UPDATE records SET hash = ?`, int64(xxhash.Sum64String("{}")))
			s := openAt(t, path)

			src := source(t, s, "a")
			equal(t, "the source", src, store.Source{ID: 3, Name: "a", Kind: "messages", UUID: "aa", Title: "Old", Fields: []string{"Channel"},
				Place: 2, Mapping: "old", Accepted: 2, AsText: []string{}})
			known, err := s.Registrations(t.Context(), src, []string{"m1", "m2"})
			must(t, err)
			equal(t, "registrations", known, map[string]store.Registration{"m1": {Record: "m1", Hash: 5}, "m2": {Record: "m2", Rejected: 6, Rejection: "no"}})
			rows, err := s.Rows(t.Context(), src, []string{"m1"})
			must(t, err)
			days, err := s.MemberDays(t.Context())
			must(t, err)
			equal(t, "rows and days that are known", []int{len(rows), len(days)}, []int{0, 0})
			equal(t, "changes behind the place", len(log(t, s, kinds, src.Place, 10)), 0)
			of, err := s.RecordsOf(t.Context(), kinds, []int64{7})
			must(t, err)
			equal(t, "records of the conversation", len(of), 2)

			// And everything new works on what is old.
			must(t, s.Mark(t.Context(), src, 2, []store.Registration{{Record: "m1", Hash: 6, Row: "{}"}, {Record: "m2", Hash: 7, Row: "{}"}}))
			rows, err = s.Rows(t.Context(), src, []string{"m1", "m2"})
			must(t, err)
			equal(t, "rows sent now", len(rows), 2)
			must(t, s.EraseRequester(t.Context(), "mette@example.dk"))
			must(t, s.Erase(t.Context(), []int64{7}))
			erased, err := s.Erased(t.Context())
			must(t, err)
			equal(t, "erased", []bool{erased.Conversation(7), erased.Requester("mette@example.dk", 1)}, []bool{true, true})
			equal(t, "scrubbed", scrub(t, s, 7), map[string]int{"conversations": 1, "messages": 1})
			must(t, s.Wipe(t.Context()))
			request, _, err := s.Spend(t.Context(), perHour)
			must(t, err)
			equal(t, "the next request", request, int64(42))
			equal(t, "how current it is", live(t, s), store.Live{})
			was, err := s.Version(t.Context(), src)
			must(t, err)
			equal(t, "marks since", was.Marks, int64(1))
			must(t, s.Beat(t.Context()))
			receive(t, inbox(t, s), event("e", 7, "conversations"))
			must(t, s.Settle(t.Context(), stale(t, s, "conversations")))
			now := live(t, s)
			equal(t, "it serves, and has to push", []any{now.Serving, now.Stale, now.Unpushed}, []any{true, 0, 1})
		})
	}
}

func TestACacheMayHaveAnyPath(t *testing.T) {
	for _, name := range []string{"a b", "a?b=c&mode=ro", "a#b", "100%25", "søster ☕", "a'b;c", "+a@b:c"} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, `?:`) {
			continue
		}
		path := filepath.Join(t.TempDir(), name, name+".db")
		s, err := store.Open(t.Context(), path)
		must(t, err)
		must(t, s.Close())
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q was not written to: %v", name, err)
		}
	}
	t.Chdir(t.TempDir())
	for _, path := range []string{"cache.db", "./state/cache.db", ":memory:"} {
		if runtime.GOOS == "windows" && strings.Contains(path, ":") {
			continue
		}
		s, err := store.Open(t.Context(), path)
		must(t, err)
		must(t, s.Close())
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q was not written to: %v", path, err)
		}
	}
}

func TestSeveralProcessesMayMakeACacheAtOnce(t *testing.T) {
	for range 2 {
		path := filepath.Join(t.TempDir(), "cache.db")
		var processes sync.WaitGroup
		connections := make([]string, 8)
		for n := range connections {
			processes.Go(func() {
				s, err := store.Open(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				connections[n] = s.Connection()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		processes.Wait()
		for _, c := range connections {
			equal(t, "the connection", c, connections[0])
		}
	}
}

// With a descriptor of its own that it closed, a second handle used to take back the locks of the first, so that another
// process, thinking itself alone, removed the log under it. https://sqlite.org/howtocorrupt.html
func TestWhatIsInTheLogIsThereWhateverElseTheProcessDoesWithTheCache(t *testing.T) {
	for name, touch := range map[string]func(t *testing.T, path string){
		"opened again": func(t *testing.T, path string) {
			s, err := store.Open(t.Context(), path)
			must(t, err)
			must(t, s.Close())
		},
		"locked": func(t *testing.T, path string) {
			release, err := store.Lock(t.Context(), path, 0)
			must(t, err)
			release()
		},
		"locked by a receiver": func(t *testing.T, path string) {
			release, err := store.LockReceiver(t.Context(), path)
			must(t, err)
			release()
		},
		"had for a turn": func(t *testing.T, path string) {
			s, err := store.Open(t.Context(), path)
			must(t, err)
			turn(t, s)()
			must(t, s.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			put(t, s, messages(0, 100)...)
			touch(t, s.Path())
			equal(t, "another process removes the log", begin(t, "remove the log", s.Path()).end(), "false")
			equal(t, "messages for a second process", begin(t, "open and close", s.Path()).end(), "100")
			put(t, s, messages(100, 200)...)
			equal(t, "messages for a third", begin(t, "open and close", s.Path()).end(), "200")
			equal(t, "messages here", len(log(t, s, []string{"messages"}, 0, 1000)), 200)
		})
	}
}

func TestOpeningWaitsNoLongerThanItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	other := raw(t, path)
	other.SetMaxOpenConns(1)
	_, err := other.Exec(`CREATE TABLE t (a); DROP TABLE t; BEGIN IMMEDIATE`)
	must(t, err)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
		defer cancel()
		began := time.Now()
		_, err := store.Open(ctx, path)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 120*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestWhatDixaHadAnonymizedBeforeTheUpgradeIsErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	must(t, os.WriteFile(path, bytes.TrimSuffix(altered(t, migratedTo(t, 2), `
		INSERT INTO records (kind, id, csid, created_at, request, hash, revision, body) VALUES
			('conversations', '7', 7, 1767225600000, 1, 0, 1, '{"anonymized_at":1767225700000}'),
			('conversations', '8', 8, 1767225600000, 1, 0, 2, '{"anonymized_at":null}'),
			('conversations', '9', 9, 1767225600000, 1, 0, 3, '{}'),
			('messages', 'm', 10, 1767225600000, 1, 0, 4, '{"anonymized_at":1767225700000}')`), []byte("|")), 0o600))
	csids, err := openAt(t, path).Unscrubbed(t.Context())
	must(t, err)
	equal(t, "conversations to scrub", csids, []int64{7})
}
