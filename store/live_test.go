package store_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// live is how current everything is.
func live(t *testing.T, s *store.Store) store.Live {
	t.Helper()
	l, err := s.Live(t.Context())
	must(t, err)
	return l
}

// Every step is a second after the one before it.
func TestLiveTellsHowCurrentEverythingIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		link(t, s, "messages", "0123456789abcdef0123456789abcdef")
		in, began := inbox(t, s), time.Now().UTC()
		equal(t, "before anything", live(t, s), store.Live{})
		second := func(n int) time.Time { return began.Add(time.Duration(n) * time.Second) }
		var want store.Live
		for _, step := range []struct {
			name string
			do   func()
			then func()
		}{
			{"a beat", func() { must(t, s.Beat(t.Context())) }, func() { want.Serving, want.AliveAt = true, second(0) }},
			{"an event", func() { receive(t, in, event("1", 7, "conversations", "messages")) },
				func() { want.ReceivedAt, want.Stale, want.OldestStale = second(1), 1, second(1) }},
			{"another", func() { receive(t, in, event("2", 8, "conversations")) }, func() { want.ReceivedAt, want.Stale = second(2), 2 }},
			{"both are fetched", func() { must(t, s.Settle(t.Context(), stale(t, s, "conversations"))) },
				func() { want.AppliedAt, want.Stale, want.Unpushed, want.OldestUnpushed = second(3), 1, 2, second(1) }},
			{"one is pushed", func() { must(t, s.Settle(t.Context(), stale(t, s, store.Registrations)[:1])) },
				func() { want.PushedAt, want.Unpushed, want.OldestUnpushed = second(4), 1, second(2) }},
			{"a message is let go", func() { must(t, s.LetGo(t.Context(), stale(t, s, "messages"))) },
				func() { want.Stale, want.OldestStale = 0, time.Time{} }},
			{"the other is pushed", func() { must(t, s.Settle(t.Context(), stale(t, s, store.Registrations))) },
				func() { want.PushedAt, want.Unpushed, want.OldestUnpushed = second(6), 0, time.Time{} }},
			{"a refresh", func() { must(t, s.Refreshed(t.Context())) }, func() { want.RefreshedAt = second(7) }},
			{"the end", func() { must(t, s.Rest(t.Context())) }, func() { want.Serving, want.AliveAt = false, second(8) }},
		} {
			step.do()
			step.then()
			equal(t, step.name, live(t, s), want)
			time.Sleep(time.Second)
		}
	})
}

func TestTheReceiverRunsForHalfAMinuteAfterItSaidSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		must(t, s.Beat(t.Context()))
		for _, row := range []struct {
			after time.Duration
			runs  bool
		}{{0, true}, {29 * time.Second, true}, {time.Second, false}, {time.Hour, false}} {
			time.Sleep(row.after)
			equal(t, fmt.Sprint("it runs, ", row.after, " later"), live(t, s).Serving, row.runs)
		}
		must(t, s.Beat(t.Context()))
		equal(t, "it runs when it says so again", live(t, s).Serving, true)
		must(t, s.Rest(t.Context()))
		equal(t, "it runs after its end", live(t, s).Serving, false)
	})
}

// Each bubble begins at the same moment: to the cache, the clock of the second is set back by the time that the first took.
func TestABeatFromAClockThatWasAheadIsNotBelievedForLong(t *testing.T) {
	for _, row := range []struct {
		ahead time.Duration
		runs  bool
	}{{20 * time.Second, true}, {time.Minute, false}, {24 * time.Hour, false}} {
		path := filepath.Join(t.TempDir(), "cache.db")
		synctest.Test(t, func(t *testing.T) {
			s := openAt(t, path)
			time.Sleep(row.ahead)
			must(t, s.Beat(t.Context()))
		})
		synctest.Test(t, func(t *testing.T) {
			s := openAt(t, path)
			equal(t, fmt.Sprint("it runs by a beat ", row.ahead, " ahead"), live(t, s).Serving, row.runs)
			must(t, s.Beat(t.Context()))
			equal(t, "and after another", live(t, s).Serving, true)
		})
	}
}

// serve begins a receiver's run.
func serve(t *testing.T, s *store.Store) store.Run {
	t.Helper()
	run, err := s.StartRun(t.Context(), store.Run{Command: "serve", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(0), Open: true, Began: hour(0)}, nil)
	must(t, err)
	return run
}

func TestWhatTheReceiverAsksForIsCoveredWhereItGoesOn(t *testing.T) {
	s := open(t)
	span(t, s, "import", "messages", hour(0), hour(2)) // never done, but refreshes go on from its end
	run := serve(t, s)
	for _, row := range []struct {
		name            string
		from, to        int
		windows, synced int
		covered         []store.Span
	}{
		{"one that goes on from there", 2, 3, 1, 3, []store.Span{{From: hour(2), To: hour(3)}}},
		{"one that goes on from that", 3, 5, 1, 5, []store.Span{{From: hour(2), To: hour(5)}}},
		{"one that overlaps it", 4, 6, 1, 6, []store.Span{{From: hour(2), To: hour(6)}}},
		{"one that it has already", 3, 4, 1, 6, []store.Span{{From: hour(2), To: hour(6)}}},
		{"one after a gap", 8, 9, 1, 6, []store.Span{{From: hour(2), To: hour(6)}}},
		{"one that begins before it", 1, 7, 2, 7, []store.Span{{From: hour(1), To: hour(7)}}},
	} {
		must(t, s.Cover(t.Context(), run, "messages", store.Span{From: hour(row.from), To: hour(row.to)}))
		var n int
		must(t, raw(t, s.Path()).QueryRow(`SELECT count(*) FROM windows WHERE run = ?`, run.ID).Scan(&n))
		equal(t, "windows with "+row.name, n, row.windows)
		covered, err := s.Coverage(t.Context(), "messages")
		must(t, err)
		equal(t, "the coverage with "+row.name, covered, row.covered)
		until, _, err := s.Synced(t.Context(), "messages")
		must(t, err)
		equal(t, "where sync stands with "+row.name, until, hour(row.synced))
	}
	must(t, s.Cover(t.Context(), run, "activities", store.Span{From: hour(0), To: hour(1)}))
	_, known, err := s.Synced(t.Context(), "activities")
	must(t, err)
	covered, err := s.Coverage(t.Context(), "activities")
	must(t, err)
	equal(t, "a kind that was never imported stands somewhere, and is covered", []bool{known, len(covered) > 0}, []bool{false, false})
}

func TestTheCoverageIsTheUnionOfWhatTheReceiverCovered(t *testing.T) {
	seeded(t, 10, func(t *testing.T, r *rand.Rand) {
		s := open(t)
		run, synced := serve(t, s), 10
		span(t, s, "import", "messages", hour(0), hour(synced))
		whole := make([]bool, 500)
		for range 40 {
			if r.IntN(8) == 0 {
				run = serve(t, s) // a restart
			}
			from := max(0, synced-10+r.IntN(15))
			to := from + 1 + r.IntN(10)
			must(t, s.Cover(t.Context(), run, "messages", store.Span{From: hour(from), To: hour(to)}))
			if from <= synced {
				synced = max(synced, to)
				for n := from; n < to; n++ {
					whole[n] = true
				}
			}
			until, _, err := s.Synced(t.Context(), "messages")
			must(t, err)
			equal(t, "where sync stands", until, hour(synced))
		}
		var want []store.Span
		for n := 0; n < len(whole); n++ {
			if !whole[n] {
				continue
			}
			end := n + slices.Index(whole[n:], false)
			want = append(want, store.Span{From: hour(n), To: hour(end)})
			n = end
		}
		got, err := s.Coverage(t.Context(), "messages")
		must(t, err)
		equal(t, "the coverage", got, want)
	})
}
