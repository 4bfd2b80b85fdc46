package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestTheSameBytesAgainWriteNothing(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(200))
	batch := store.Batch{Records: messages(0, 120), Aside: []store.Aside{{ID: "x", Reason: "bad", Body: []byte("{\xff")}}}
	save(t, s, store.Answer{Window: w, Request: 1}, batch)
	before := content(t, s.Path())

	saved := save(t, s, store.Answer{Window: w, Request: 2, Since: 2}, batch)

	equal(t, "what was saved", saved, store.Saved{Records: 120, Aside: 1})
	if !bytes.Equal(content(t, s.Path()), before) {
		t.Error("the file was written to")
	}
}

// A versioned body tells from which version it is.
func version(kind string, updated int64, request int) store.Record {
	return store.Record{
		Kind: kind, ID: "7", CSID: 7, CreatedAt: start.UnixMilli(), UpdatedAt: updated,
		Body: fmt.Sprintf(`{"id":7,"updated_at":%d,"answer":%d}`, updated, request),
	}
}

func TestAnOlderBodyNeverReplacesANewer(t *testing.T) {
	for _, row := range []struct {
		name                      string
		firstUpdated, thenUpdated int64
		firstRequest, thenRequest int
		replaced                  bool
	}{
		{"updated later", 1000, 2000, 1, 2, true},
		{"updated later, asked for earlier", 1000, 2000, 2, 1, true},
		{"updated earlier, asked for later", 2000, 1000, 1, 2, false},
		{"updated at once, asked for later", 1000, 1000, 1, 2, true},
		{"updated at once, asked for earlier", 1000, 1000, 2, 1, false},
		{"no time of update, asked for later", 0, 0, 1, 2, true},
		{"no time of update, asked for earlier", 0, 0, 2, 1, false},
		{"the time of update is gone, asked for later", 1000, 0, 1, 2, true},
		{"the time of update is gone, asked for earlier", 1000, 0, 2, 1, false},
		{"a time of update is new, asked for earlier", 0, 1000, 2, 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			w := span(t, s, "import", "conversations", hour(0), hour(1))
			first, then := version("conversations", row.firstUpdated, row.firstRequest), version("conversations", row.thenUpdated, row.thenRequest)
			save(t, s, store.Answer{Window: w, Request: int64(row.firstRequest)}, store.Batch{Records: []store.Record{first}})
			saved := save(t, s, store.Answer{Window: w, Request: int64(row.thenRequest)}, store.Batch{Records: []store.Record{then}})
			want, changed := first.Body, 0
			if row.replaced {
				want, changed = then.Body, 1
			}
			equal(t, "the body kept", body(t, s, "conversations", "7"), want)
			equal(t, "records changed", saved.Changed, changed)
		})
	}
}

// Dixa's time of creation should not change; where it does, the id still tells the record.
func TestARecordIsTheSameWhenItSaysAnotherTimeOfCreation(t *testing.T) {
	for _, among := range []int{0, 120} { // alone, and among as many as one statement takes
		s := open(t)
		w := span(t, s, "import", "messages", hour(0), hour(1000))
		save(t, s, store.Answer{Window: w, Request: 2}, store.Batch{Records: []store.Record{message(500, "first")}})
		for _, row := range []struct {
			request int64
			text    string
			want    string
		}{{3, "moved", "moved"}, {1, "older", "moved"}} {
			moved := message(700+int(row.request), row.text)
			moved.ID = "m500"
			save(t, s, store.Answer{Window: w, Request: row.request}, store.Batch{Records: append(messages(0, among), moved)})
			want := message(703, row.want)
			equal(t, "the body", body(t, s, "messages", "m500"), want.Body)
		}
		records, _, err := s.Count(t.Context(), "messages")
		must(t, err)
		equal(t, "records", records, among+1)
	}
}

func TestTheNewestVersionStaysInWhateverOrderTheyCome(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "conversations", hour(0), hour(1))
	n := 0
	seeded(t, 100, func(t *testing.T, r *rand.Rand) {
		n++
		kind := []string{"conversations", "messages"}[r.IntN(2)]
		type answer struct {
			record  store.Record
			request int
		}
		versions := make([]answer, 2+r.IntN(5))
		for i := range versions {
			updated := int64(0)
			if kind == "conversations" {
				updated = 1000 + r.Int64N(4) // so that some are equal
			}
			versions[i] = answer{version(kind, updated, i+1), i + 1}
			versions[i].record.ID = fmt.Sprint(n)
		}
		newest := slices.MaxFunc(versions, func(a, b answer) int {
			if a.record.UpdatedAt != b.record.UpdatedAt {
				return int(a.record.UpdatedAt - b.record.UpdatedAt)
			}
			return a.request - b.request
		})
		r.Shuffle(len(versions), func(i, j int) { versions[i], versions[j] = versions[j], versions[i] })
		w.Kind = kind
		for _, v := range versions {
			save(t, s, store.Answer{Window: w, Request: int64(v.request)}, store.Batch{Records: []store.Record{v.record}})
		}
		equal(t, "the body kept", body(t, s, kind, fmt.Sprint(n)), newest.record.Body)
	})
}

func TestOfARecordTwiceInABatchTheNewerIsKept(t *testing.T) {
	older, newer := version("conversations", 1000, 1), version("conversations", 2000, 2)
	for name, records := range map[string][]store.Record{"newer last": {older, newer}, "newer first": {newer, older}} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			w := span(t, s, "import", "conversations", hour(0), hour(1))
			saved := save(t, s, store.Answer{Window: w, Request: 1}, whole(records...))
			equal(t, "what was saved", saved, store.Saved{Records: 1, Changed: 1})
			equal(t, "the body kept", body(t, s, "conversations", "7"), newer.Body)
		})
	}
}

func TestARecordCountsOnceInARun(t *testing.T) {
	s := open(t)
	all := windows(t, s, store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(20), Began: hour(20)}, hour(0), hour(10), hour(20))
	// The request asks for a little more than the window, so that the record at the edge comes with both; and a record
	// comes twice in one answer, in two batches.
	first, second := messages(0, 11), messages(10, 20)
	for _, row := range []struct {
		name               string
		since              int64
		records1, records2 []store.Record
		want1, want2       store.Saved
	}{
		{"first import", 1, first, second, store.Saved{Records: 11, Changed: 11}, store.Saved{Records: 9, Changed: 9}},
		{"import again, nothing new", 3, first, second, store.Saved{Records: 10}, store.Saved{Records: 10}},
		{"import again, the one at the edge changed", 5, append(messages(0, 10), message(10, "new")), append(messages(11, 20), message(10, "new")),
			store.Saved{Records: 11, Changed: 1}, store.Saved{Records: 9}},
	} {
		got1 := save(t, s, store.Answer{Window: all[0], Request: row.since, Since: row.since}, store.Batch{Records: row.records1}, whole())
		got2 := save(t, s, store.Answer{Window: all[1], Request: row.since + 1, Since: row.since}, store.Batch{Records: row.records2}, whole())
		equal(t, row.name+", first window", got1, row.want1)
		equal(t, row.name+", second window", got2, row.want2)
	}
}

func TestRecordsFromOutsideTheRangeAreKeptAndCounted(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(10), hour(20))
	for request, want := range map[int64]store.Saved{1: {Records: 3, Changed: 3}} {
		equal(t, "what was saved", save(t, s, store.Answer{Window: w, Request: request, Since: request}, whole(messages(8, 11)...)), want)
	}
	equal(t, "what was saved again", save(t, s, store.Answer{Window: w, Request: 2, Since: 2}, whole(messages(8, 11)...)), store.Saved{Records: 3})
}

func TestRevisionsRiseAndAreNeverUsedAgain(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(200))
	last, request := int64(0), int64(0)
	for _, records := range [][]store.Record{
		messages(0, 120),      // more than one statement takes
		{message(3, "again")}, // one that is there
		{message(3, "again")}, // nothing new
		{message(1, "a"), message(1, "b"), message(300, "")}, // one twice
	} {
		request++
		saved := save(t, s, store.Answer{Window: w, Request: request}, store.Batch{Records: records})
		later, err := changed(s, t.Context(), "messages", last, 1000)
		must(t, err)
		equal(t, "records behind the last revision", len(later), saved.Changed)
		for _, r := range later {
			if r.Revision <= last {
				t.Fatalf("revision %d comes after %d", r.Revision, last)
			}
			last = r.Revision
		}
	}
	path := s.Path()
	exec(t, path, `DELETE FROM records`)
	save(t, openAt(t, path), store.Answer{Window: w, Request: 9}, store.Batch{Records: messages(0, 1)})
	again, err := changed(s, t.Context(), "messages", last, 10)
	must(t, err)
	equal(t, "records behind the last revision after all were deleted", len(again), 1)
}

func TestTheChangeLogIsReadInPages(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 1}, store.Batch{Records: messages(0, 10)})
	save(t, s, store.Answer{Window: w, Request: 2}, store.Batch{Records: []store.Record{message(0, "again")}})
	var order []string
	for after := int64(0); ; {
		page, err := changed(s, t.Context(), "messages", after, 4)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			order, after = append(order, r.ID), r.Revision
		}
	}
	equal(t, "the change log", order, strings.Fields("m1 m2 m3 m4 m5 m6 m7 m8 m9 m0"))
	newest, found, err := s.Newest(t.Context(), "messages")
	must(t, err)
	equal(t, "the newest", []any{newest.ID, found}, []any{"m0", true})
	_, found, err = s.Newest(t.Context(), "conversations")
	must(t, err)
	equal(t, "a newest of a kind without records", found, false)
}

func TestManyRecordsAreFoundById(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(250))
	save(t, s, store.Answer{Window: w, Request: 1}, store.Batch{Records: messages(0, 250)})
	ids := []string{"nobody"}
	for n := range 250 {
		ids = append(ids, fmt.Sprintf("m%d", n))
	}
	found, err := s.RecordsByID(t.Context(), "messages", ids)
	must(t, err)
	equal(t, "records found", len(found), 250)
}

func TestABitFlippedInABodyIsFoundOnReading(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 1}, store.Batch{Records: messages(0, 10)})
	// "hi" becomes "hh" in one of them.
	exec(t, s.Path(), `UPDATE records SET body = replace(body, '"hi"', '"hh"') WHERE id = 'm4'`)
	for name, read := range map[string]func() error{
		"by revision": func() error { _, err := changed(s, t.Context(), "messages", 0, 100); return err },
		"by id":       func() error { _, err := s.RecordsByID(t.Context(), "messages", []string{"m4"}); return err },
	} {
		if err := read(); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}

func TestWhatCouldNotBeTakenOverIsKeptUntilItComesBackWhole(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	bad := store.Batch{Whole: true, Aside: []store.Aside{
		{ID: "m1", Reason: "its text is not UTF-8", Body: []byte("{\"id\":\"m1\",\"text\":\"\xff\"}")},
		{ID: "m2", Reason: "it has no created_at", Body: []byte(`{"id":"m2"}`)},
		{Reason: "it has no id", Body: []byte(`{}`)},
	}}
	equal(t, "what was saved", save(t, s, store.Answer{Window: w, Request: 1}, bad), store.Saved{Aside: 3})
	save(t, s, store.Answer{Window: w, Request: 2}, bad)
	aside, err := s.Aside(t.Context(), 10)
	must(t, err)
	equal(t, "what is set aside", aside, []store.AsideElement{
		{Kind: "messages", ID: "m1", Reason: "its text is not UTF-8"}, {Kind: "messages", ID: "m2", Reason: "it has no created_at"}, {Kind: "messages", Reason: "it has no id"},
	})
	save(t, s, store.Answer{Window: w, Request: 3}, whole(message(1, "hi")))
	records, left, err := s.Count(t.Context(), "messages")
	must(t, err)
	equal(t, "records and what is left aside", []int{records, left}, []int{1, 2})

	save(t, s, store.Answer{Window: w, Request: 4}, bad)
	save(t, s, store.Answer{Window: w, Request: 5}, whole(message(1, "hi"))) // the same as before it went bad
	_, left, err = s.Count(t.Context(), "messages")
	must(t, err)
	equal(t, "what is left aside", left, 2)
}
