package store_test

import (
	"errors"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// link adds a source of messages.
func link(t *testing.T, s *store.Store, name, uuid string) store.Source {
	t.Helper()
	src, err := s.AddSource(t.Context(), store.Source{Name: name, Kind: "messages", UUID: uuid, Title: "Dixa messages"})
	must(t, err)
	return src
}

// source reads a source again.
func source(t *testing.T, s *store.Store, name string) store.Source {
	t.Helper()
	src, err := s.Source(t.Context(), name)
	must(t, err)
	return src
}

func TestASourceIsRememberedAsItWasLinked(t *testing.T) {
	s := open(t)
	link(t, s, "b", "bb")
	link(t, s, "a", "aa")
	all, err := s.Sources(t.Context())
	must(t, err)
	if len(all) != 2 || all[0].Name != "b" || all[1].Name != "a" || all[0].ID == all[1].ID {
		t.Errorf("sources: %+v", all)
	}
	for _, twice := range []store.Source{{Name: "a", Kind: "messages", UUID: "cc"}, {Name: "c", Kind: "messages", UUID: "aa"}} {
		if _, err := s.AddSource(t.Context(), twice); err == nil {
			t.Errorf("%+v was added twice", twice)
		}
	}
	if _, err := s.Source(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a source that is not there: %v", err)
	}
}

func TestWhatPlectoShowsOfASourceIsRemembered(t *testing.T) {
	for name, fields := range map[string][]string{"fields": {"Status", "Tags"}, "no fields": {}, "fields not shown": nil} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			src := link(t, s, "a", "aa")
			src.Title, src.Fields = "Support", fields
			must(t, s.Describe(t.Context(), src))
			got := source(t, s, "a")
			equal(t, "title", got.Title, "Support")
			equal(t, "fields", got.Fields, fields)
		})
	}
}

func TestARemovedSourceForgetsItsRegistrations(t *testing.T) {
	s := open(t)
	a, b := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	for _, src := range []store.Source{a, b} {
		must(t, s.Mark(t.Context(), src, 1, []store.Registration{{Record: "m1", Hash: 1}}))
	}
	must(t, s.RemoveSource(t.Context(), a))
	// The same data source linked again may get the same number: it must not find the old marks.
	again := link(t, s, "a", "aa")
	for src, want := range map[*store.Source]int{&again: 0, &b: 1} {
		known, err := s.Registrations(t.Context(), *src, []string{"m1"})
		must(t, err)
		equal(t, "registrations known of "+src.Name, len(known), want)
	}
}

func TestASourcesPlaceNeverMovesBack(t *testing.T) {
	s := open(t)
	src := link(t, s, "a", "aa")
	for _, row := range []struct{ place, want int64 }{{5, 5}, {3, 5}, {0, 5}, {8, 8}} {
		must(t, s.Mark(t.Context(), src, row.place, nil))
		equal(t, "the place", source(t, s, "a").Place, row.want)
	}
	remapped, err := s.Remap(t.Context(), src, "other")
	must(t, err)
	if got := source(t, s, "a"); got.Place != 0 || got.Mapping != "other" || got.Accepted != 0 || remapped.Place != 0 {
		t.Errorf("after another mapping: %+v", got)
	}
}

func TestAMarkSaysWhatPlectoLastSaid(t *testing.T) {
	s := open(t)
	src := link(t, s, "a", "aa")
	accepted := func(hash uint64) store.Registration { return store.Registration{Record: "m1", Hash: hash} }
	rejected := func(hash uint64, words string) store.Registration {
		return store.Registration{Record: "m1", Rejected: hash, Rejection: words}
	}
	const big = 1<<64 - 2 // SQLite's integers are signed
	for _, row := range []struct {
		name              string
		mark, want        store.Registration
		accepted, refused int
	}{
		{"refused", rejected(big, "bad date"), rejected(big, "bad date"), 0, 1},
		{"accepted after that", accepted(big), accepted(big), 1, 0},
		{"changed and refused", rejected(3, "bad again"), store.Registration{Record: "m1", Hash: big, Rejected: 3, Rejection: "bad again"}, 0, 1},
		{"changed and accepted", accepted(4), accepted(4), 1, 0},
	} {
		must(t, s.Mark(t.Context(), src, 1, []store.Registration{row.mark}))
		known, err := s.Registrations(t.Context(), src, []string{"m1", "m2"})
		must(t, err)
		equal(t, row.name, known, map[string]store.Registration{"m1": row.want})
		accepted, refused, err := s.CountRegistrations(t.Context(), src)
		must(t, err)
		all, err := s.Rejected(t.Context(), src)
		must(t, err)
		equal(t, row.name+": counted as accepted and as refused, and listed as such", []int{accepted, refused, len(all)}, []int{row.accepted, row.refused, row.refused})
	}
	equal(t, "accepted in all", source(t, s, "a").Accepted, int64(2))
}

func TestBehindCountsTheRecordsPastASourcesPlace(t *testing.T) {
	s := open(t)
	src := link(t, s, "a", "aa")
	w := span(t, s, "import", "messages", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 1}, whole(messages(0, 10)...))
	w.Kind = "conversations"
	save(t, s, store.Answer{Window: w, Request: 2}, store.Batch{Records: []store.Record{version("conversations", 1, 1)}})
	src.Place = 4
	behind, err := s.Behind(t.Context(), src.Kind, src.Place)
	must(t, err)
	equal(t, "records behind", behind, 6)
}

func TestAgentsKeepWhatIsKnownOfThem(t *testing.T) {
	s := open(t)
	for _, row := range []struct {
		agent   store.Agent
		current bool
	}{
		{store.Agent{ID: "2", Name: "Ida Holm", Emails: []string{"ida@example.com"}}, true},
		{store.Agent{ID: "1", Name: "Bo", Emails: []string{"bo@example.com"}}, false},
		{store.Agent{ID: "2", Name: "Ida Lund", Emails: []string{"lund@example.com", "ida@example.com"}}, true},
		{store.Agent{ID: "2", Name: "Ida H.", Emails: []string{"h@example.com"}}, false},
		{store.Agent{ID: "3", Name: "Åse"}, true},
	} {
		must(t, s.SaveAgents(t.Context(), []store.Agent{row.agent}, row.current))
	}
	all, err := s.Agents(t.Context())
	must(t, err)
	equal(t, "agents", all, []store.Agent{
		{ID: "1", Name: "Bo", Emails: []string{"bo@example.com"}},
		{ID: "2", Name: "Ida Lund", Emails: []string{"ida@example.com", "lund@example.com", "h@example.com"}},
		{ID: "3", Name: "Åse"},
	})
}

func TestListsInTheCacheAreJSON(t *testing.T) {
	s := open(t)
	link(t, s, "a", "aa")
	must(t, s.SaveAgents(t.Context(), []store.Agent{{ID: "1", Name: "Bo"}}, true))
	for _, change := range []string{`UPDATE sources SET fields = 'Status'`, `UPDATE agents SET emails = 'bo@example.com'`} {
		if _, err := raw(t, s.Path()).Exec(change); err == nil {
			t.Errorf("the cache takes %s", change)
		}
	}
}
