package store_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// kinds are all there are, in the order in which the tests save them.
var kinds = []string{"conversations", "messages", "activities"}

// belonging is a record of a kind that belongs to a conversation.
func belonging(kind string, n int, csid int64, more string) store.Record {
	id := fmt.Sprintf("%.1s%d", kind, n)
	return store.Record{Kind: kind, ID: id, CSID: csid, CreatedAt: hour(n).UnixMilli(), Body: fmt.Sprintf(`{"id":%q,"csid":%d%s}`, id, csid, more)}
}

// put saves records of several kinds, each kind's in an answer of its own.
func put(t *testing.T, s *store.Store, records ...store.Record) {
	t.Helper()
	for _, kind := range kinds {
		of := slices.DeleteFunc(slices.Clone(records), func(r store.Record) bool { return r.Kind != kind })
		if len(of) == 0 {
			continue
		}
		request, _, err := s.Spend(t.Context(), store.Budget{Name: kind})
		must(t, err)
		save(t, s, store.Answer{Window: span(t, s, "import", kind, hour(0), hour(1000)), Request: request}, whole(of...))
	}
}

// log reads the change log from a revision to its end, in pages of limit entries of each kind.
func log(t *testing.T, s *store.Store, kinds []string, after int64, limit int) []store.Change {
	t.Helper()
	var all []store.Change
	for {
		page, through, err := s.Changes(t.Context(), kinds, after, limit)
		must(t, err)
		if len(page) == 0 {
			equal(t, "through, at the end", through, int64(0))
			return all
		}
		equal(t, "through", through, page[len(page)-1].Revision)
		if page[0].Revision <= after {
			t.Fatalf("revision %d comes after %d", page[0].Revision, after)
		}
		of := map[string]int{}
		for _, c := range page {
			if of[c.Kind]++; of[c.Kind] > limit {
				t.Fatalf("a page has more than %d of %s", limit, c.Kind)
			}
		}
		all, after = append(all, page...), through
	}
}

func TestPagesOfTheChangeLogLoseAndDoubleNothing(t *testing.T) {
	seeded(t, 10, func(t *testing.T, r *rand.Rand) {
		s := open(t)
		var want []store.Change
		kind := kinds[0]
		for answer := range r.IntN(70) {
			if r.IntN(9) == 0 {
				kind = kinds[r.IntN(len(kinds))]
			}
			n := r.IntN(12)
			record := belonging(kind, n, int64(n%4), fmt.Sprintf(`,"answer":%d`, answer))
			put(t, s, record)
			want = slices.DeleteFunc(want, func(c store.Change) bool { return c.Kind == kind && c.ID == record.ID })
			want = append(want, store.Change{Kind: kind, ID: record.ID, CSID: record.CSID})
		}
		asked := kinds[:1+r.IntN(len(kinds))]
		want = slices.DeleteFunc(want, func(c store.Change) bool { return !slices.Contains(asked, c.Kind) })
		got := log(t, s, asked, 0, 1+r.IntN(7))
		for i := range got {
			if i > 0 && got[i].Revision <= got[i-1].Revision {
				t.Errorf("revision %d comes after %d", got[i].Revision, got[i-1].Revision)
			}
			got[i].Revision = 0
		}
		if len(got)+len(want) > 0 {
			equal(t, "the change log", got, want)
		}
	})
}

// Of two kinds that are read one after the other, the second might hold a change that came after one of the first which
// was not there yet.
func TestTheChangeLogHasNoGapsWhileAnotherProcessWrites(t *testing.T) {
	s := open(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		other, err := store.Open(t.Context(), s.Path())
		if err != nil {
			t.Error(err)
			return
		}
		defer other.Close()
		for n := range 300 {
			arriving := make(chan store.Batch, 1)
			arriving <- store.Batch{Records: []store.Record{belonging(kinds[n%2], n, 1, "")}}
			close(arriving)
			w := store.Window{Kind: kinds[n%2], By: "created", Starts: hour(0), Ends: hour(1)}
			if _, err := other.Save(t.Context(), store.Answer{Window: w, Request: int64(n + 1)}, arriving); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for writing := true; writing; {
		select {
		case <-done:
			writing = false
		default:
		}
		page, through, err := s.Changes(t.Context(), kinds, 0, 10_000)
		must(t, err)
		if int64(len(page)) != through { // each record took one revision
			t.Errorf("there are %d changes through revision %d", len(page), through)
		}
	}
}

func TestTheRecordsOfAConversationAreFoundTogether(t *testing.T) {
	s := open(t)
	var all []store.Record
	for csid := range int64(250) {
		for n := range 3 {
			all = append(all, belonging(kinds[n], int(csid)*3+n, csid+1, ""))
		}
	}
	all = append(all, belonging("messages", 999, 0, ""))
	put(t, s, all...)
	var csids []int64
	for csid := range int64(300) {
		csids = append(csids, 300-csid)
	}
	for asked := range len(kinds) {
		found, err := s.RecordsOf(t.Context(), kinds[:asked+1], csids)
		must(t, err)
		equal(t, "records found", len(found), 250*(asked+1))
		runs := len(slices.CompactFunc(slices.Clone(found), func(a, b store.Record) bool { return a.CSID == b.CSID }))
		equal(t, "runs of one conversation", runs, 250)
		for _, r := range found {
			if !slices.Contains(kinds[:asked+1], r.Kind) {
				t.Fatalf("of %v: one of %s", kinds[:asked+1], r.Kind)
			}
		}
	}
	none, err := s.RecordsOf(t.Context(), kinds, nil)
	must(t, err)
	equal(t, "records of no conversation", len(none), 0)
}

func TestRecordsAreReadInPagesByTheirTime(t *testing.T) {
	seeded(t, 10, func(t *testing.T, r *rand.Rand) {
		s := open(t)
		var want []store.Record
		for n := range r.IntN(60) {
			one := belonging("messages", n, 1, "")
			one.CreatedAt = hour(r.IntN(6)).UnixMilli() // so that many are equal
			want = append(want, one)
		}
		put(t, s, append(want, belonging("activities", 3, 1, ""))...)
		asked := store.Span{}
		if r.IntN(2) == 0 {
			asked.From = hour(r.IntN(4))
		}
		if r.IntN(2) == 0 {
			asked.To = hour(3 + r.IntN(4))
		}
		want = slices.DeleteFunc(want, func(r store.Record) bool {
			return !asked.From.IsZero() && r.CreatedAt < asked.From.UnixMilli() || !asked.To.IsZero() && r.CreatedAt >= asked.To.UnixMilli()
		})
		slices.SortFunc(want, func(a, b store.Record) int {
			return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		var last store.Record
		got := 0
		for limit := 1 + r.IntN(9); ; {
			page, err := s.RecordsBetween(t.Context(), "messages", asked, last, limit)
			must(t, err)
			if len(page) == 0 {
				break
			}
			for _, one := range page {
				if got >= len(want) || one.ID != want[got].ID {
					t.Fatalf("%s is at place %d of %d", one.ID, got, len(want))
				}
				got, last = got+1, one
			}
		}
		equal(t, "records read", got, len(want))
		counted, err := s.CountBetween(t.Context(), "messages", asked)
		must(t, err)
		equal(t, "records counted", counted, len(want))
	})
}

func TestCustomAttributesAreFoundWhateverBodiesLookLike(t *testing.T) {
	s := open(t)
	var all []store.Record
	for n, fields := range []string{
		`[{"identifier":"order","value":"7"},{"identifier":"brand","value":["a","b"]}]`,
		`[{"identifier":"order","value":null},{"identifier":"søster ☕"}]`,
		`[]`, `null`, `"order2"`, `7`, `{}`, `{"identifier":"order3"}`,
		`[null,"order4",[{"identifier":"order5"}],{"identifier":null},{"identifier":8},{"identifier":["order6"]},{"value":1},{}]`,
	} {
		all = append(all, belonging("conversations", n, int64(n), `,"custom_fields":`+fields))
	}
	put(t, s, append(all, belonging("conversations", 99, 99, ""), belonging("messages", 1, 1, `,"custom_fields":[{"identifier":"none of these"}]`))...)
	got, err := s.CustomAttributes(t.Context())
	must(t, err)
	equal(t, "identifiers", got, []string{"brand", "order", "søster ☕"})
	got, err = open(t).CustomAttributes(t.Context())
	must(t, err)
	equal(t, "identifiers in an empty cache", len(got), 0)
}
