package store_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// start is when the ranges of these tests begin.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// hour is so many hours after start.
func hour(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

// open opens a new cache, which the end of the test closes.
func open(t *testing.T) *store.Store { return openAt(t, filepath.Join(t.TempDir(), "cache.db")) }

func openAt(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// raw is a connection of someone else to the same file.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	return db
}

// exec changes a cache behind the store's back.
func exec(t *testing.T, path, query string, args ...any) {
	t.Helper()
	_, err := raw(t, path).Exec(query, args...)
	must(t, err)
}

// content is what the cache is made of on disk.
func content(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.ReadFile(path)
	must(t, err)
	wal, err := os.ReadFile(path + "-wal")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{file, wal}, []byte("|"))
}

// span is a run of one window.
func span(t *testing.T, s *store.Store, command, kind string, from, to time.Time) store.Window {
	t.Helper()
	return windows(t, s, store.Run{Command: command, Kinds: []string{kind}, Starts: from, Ends: to, Began: to}, from, to)[0]
}

// windows begins a run whose windows, of its only kind, have these edges.
func windows(t *testing.T, s *store.Store, r store.Run, edges ...time.Time) []store.Window {
	t.Helper()
	var all []store.Window
	for i := range edges[1:] {
		all = append(all, store.Window{Kind: r.Kinds[0], By: "created", Starts: edges[i], Ends: edges[i+1]})
	}
	r, err := s.StartRun(t.Context(), r, all)
	must(t, err)
	all, err = s.WindowsLeft(t.Context(), r)
	must(t, err)
	return all
}

// save writes an answer that was asked for when its window was over.
func save(t *testing.T, s *store.Store, a store.Answer, batches ...store.Batch) store.Saved {
	t.Helper()
	if a.Asked.IsZero() {
		a.Asked = a.Window.Ends
	}
	arriving := make(chan store.Batch, len(batches))
	for _, b := range batches {
		arriving <- b
	}
	close(arriving)
	saved, err := s.Save(t.Context(), a, arriving)
	must(t, err)
	return saved
}

// message is one that was created at start plus n hours.
func message(n int, text string) store.Record {
	id := fmt.Sprintf("m%d", n)
	return store.Record{
		Kind: "messages", ID: id, CSID: int64(n), CreatedAt: hour(n).UnixMilli(),
		Body: fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"text":%q}`, id, n, hour(n).UnixMilli(), text),
	}
}

// messages are those from one number up to another.
func messages(from, to int) []store.Record {
	var all []store.Record
	for n := from; n < to; n++ {
		all = append(all, message(n, "hi"))
	}
	return all
}

// whole is a batch that ends an answer.
func whole(records ...store.Record) store.Batch { return store.Batch{Records: records, Whole: true} }

// body is what the cache holds of a record, empty where it has none.
func body(t *testing.T, s *store.Store, kind, id string) string {
	t.Helper()
	found, err := s.RecordsByID(t.Context(), kind, []string{id})
	must(t, err)
	if len(found) == 0 {
		return ""
	}
	return found[0].Body
}

// changed are the records of a kind that changed after a revision, in order; limit of them at most.
func changed(s *store.Store, ctx context.Context, kind string, after int64, limit int) ([]store.Record, error) {
	changes, _, err := s.Changes(ctx, []string{kind}, after, limit)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, c := range changes {
		ids = append(ids, c.ID)
	}
	found, err := s.RecordsByID(ctx, kind, ids)
	slices.SortFunc(found, func(a, b store.Record) int { return cmp.Compare(a.Revision, b.Revision) })
	return found, err
}

// seeded calls check with as many sources of chance as a property needs to be tried, each named by its seed.
func seeded(t *testing.T, seeds int, check func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	for seed := range uint64(seeds) {
		check(t, rand.New(rand.NewPCG(seed, seed)))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
