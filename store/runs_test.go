package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestAWindowIsDoneOnlyWithItsWholeAnswer(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	left := func() int {
		all, err := s.WindowsLeft(t.Context(), w.Run)
		must(t, err)
		return len(all)
	}
	save(t, s, store.Answer{Window: w, Request: 1}, store.Batch{Records: messages(0, 5)}, store.Batch{Records: messages(5, 9)})
	equal(t, "windows left after an answer that was cut", left(), 1)
	_, _, ok, err := s.UnfinishedRun(t.Context(), w.Run)
	must(t, err)
	equal(t, "the run is unfinished", ok, true)

	save(t, s, store.Answer{Window: w, Request: 2}, store.Batch{Records: messages(0, 5)}, whole(messages(5, 10)...))
	equal(t, "windows left after a whole answer", left(), 0)
}

func TestARunGoesOnUntilItIsSaidToBeFinished(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 1}, whole(messages(0, 5)...))
	_, left, ok, err := s.UnfinishedRun(t.Context(), w.Run)
	must(t, err)
	equal(t, "the run is unfinished, with nothing left", []any{ok, len(left)}, []any{true, 0})
	must(t, s.FinishRun(t.Context(), w.Run))
	_, _, ok, err = s.UnfinishedRun(t.Context(), w.Run)
	must(t, err)
	equal(t, "the run is unfinished", ok, false)
}

// The last record and the mark of its window stand or fall together: a trigger stands for whatever may go wrong.
func TestAWindowIsDoneInTheTransactionOfItsLastRecord(t *testing.T) {
	for _, broken := range []string{"INSERT ON records", "UPDATE ON windows"} {
		s := open(t)
		w := span(t, s, "import", "messages", hour(0), hour(10))
		exec(t, s.Path(), `CREATE TRIGGER broken BEFORE `+broken+` BEGIN SELECT raise(ABORT, 'on purpose'); END`)
		arriving := make(chan store.Batch, 1)
		arriving <- whole(messages(0, 10)...)
		close(arriving)
		if _, err := s.Save(t.Context(), store.Answer{Window: w, Request: 1, Asked: w.Ends}, arriving); err == nil {
			t.Fatalf("no error with a trigger on %s", broken)
		}
		records, _, err := s.Count(t.Context(), "messages")
		must(t, err)
		left, err := s.WindowsLeft(t.Context(), w.Run)
		must(t, err)
		equal(t, "records and windows left with a trigger on "+broken, []int{records, len(left)}, []int{0, 1})
	}
}

func TestResumeFindsExactlyTheUnfinishedRun(t *testing.T) {
	run := store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(10), Began: hour(20)}
	with := func(change func(*store.Run)) store.Run {
		r := run
		change(&r)
		return r
	}
	open1 := with(func(r *store.Run) { r.Open = true })
	for _, row := range []struct {
		name         string
		began, asked store.Run
		found        bool
	}{
		{"the same", run, run, true},
		{"another command", run, with(func(r *store.Run) { r.Command = "sync" }), false},
		{"other kinds", run, with(func(r *store.Run) { r.Kinds = []string{"conversations", "messages"} }), false},
		{"another start", run, with(func(r *store.Run) { r.Starts = hour(1) }), false},
		{"another end", run, with(func(r *store.Run) { r.Ends = hour(11) }), false},
		{"up to now, of one with an end", run, open1, false},
		{"with an end, of one up to now", open1, run, false},
		{"up to now, a while later", open1, with(func(r *store.Run) { r.Open, r.Ends = true, hour(12) }), true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			all := windows(t, s, row.began, hour(0), hour(4), hour(7), hour(10))
			save(t, s, store.Answer{Window: all[0], Request: 1}, whole())
			found, left, ok, err := s.UnfinishedRun(t.Context(), row.asked)
			must(t, err)
			if ok != row.found {
				t.Fatalf("found: %v, want %v", ok, row.found)
			}
			if ok {
				equal(t, "the run", found, all[0].Run)
				equal(t, "its windows left", ids(left), ids(all[1:]))
			}
		})
	}
}

func ids(all []store.Window) (ids []int64) {
	for _, w := range all {
		ids = append(ids, w.ID)
	}
	return ids
}

func TestARunThatIsBegunAgainReplacesTheUnfinishedOne(t *testing.T) {
	imports := store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(10), Began: hour(20)}
	later := imports
	later.Ends = hour(11)
	syncs := imports
	syncs.Command = "sync"
	laterSync := later
	laterSync.Command = "sync"
	for _, row := range []struct {
		name        string
		first, then store.Run
		replaced    bool
	}{
		{"an import of the same range", imports, imports, true},
		{"an import of another range", imports, later, false},
		{"a sync", syncs, laterSync, true},
		{"an import by a sync", imports, syncs, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := open(t)
			first := windows(t, s, row.first, hour(0), hour(10))[0].Run
			then := windows(t, s, row.then, hour(0), hour(10))[0]
			must(t, s.FinishRun(t.Context(), then.Run))
			_, _, ok, err := s.UnfinishedRun(t.Context(), first)
			must(t, err)
			equal(t, "the first run is found", ok, !row.replaced)
			shown, err := s.Runs(t.Context(), 10)
			must(t, err)
			equal(t, "a replaced run is shown", len(shown), map[bool]int{true: 1, false: 2}[row.replaced])
		})
	}
}

func TestASplitWindowLeavesBothHalvesToDo(t *testing.T) {
	s := open(t)
	all := windows(t, s, store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(10), Began: hour(10)}, hour(0), hour(4), hour(10))
	first, second, err := s.SplitWindow(t.Context(), all[0], hour(1))
	must(t, err)
	left, err := s.WindowsLeft(t.Context(), all[0].Run)
	must(t, err)
	equal(t, "windows left", left, []store.Window{first, second, all[1]})
	equal(t, "edges", []time.Time{first.Starts, first.Ends, second.Starts, second.Ends}, []time.Time{hour(0), hour(1), hour(1), hour(4)})

	save(t, s, store.Answer{Window: first, Request: 1}, whole())
	spans, err := s.Coverage(t.Context(), "messages")
	must(t, err)
	equal(t, "the coverage after the first half", spans, []store.Span{{From: hour(0), To: hour(1)}})
}

func TestAnOpenRunIsExtended(t *testing.T) {
	s := open(t)
	all := windows(t, s, store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(10), Open: true, Began: hour(10)}, hour(0), hour(4), hour(10))
	save(t, s, store.Answer{Window: all[0], Request: 1}, whole())
	r := all[0].Run
	r.Ends = hour(20)
	// A window that is done meanwhile is not dropped.
	must(t, s.ExtendRun(t.Context(), r, all, []store.Window{{Kind: "messages", By: "created", Starts: hour(4), Ends: hour(20)}}))
	found, left, ok, err := s.UnfinishedRun(t.Context(), r)
	must(t, err)
	equal(t, "found with its new end", []any{ok, found.Ends}, []any{true, hour(20)})
	if len(left) != 1 || left[0].Starts != hour(4) || left[0].Ends != hour(20) {
		t.Errorf("windows left: %v", left)
	}
	to, ok, err := s.CoveredTo(t.Context(), r, "messages")
	must(t, err)
	equal(t, "covered to", []any{to, ok}, []any{hour(4), true})
	_, ok, err = s.CoveredTo(t.Context(), r, "conversations")
	must(t, err)
	equal(t, "covered for another kind", ok, false)
}

func TestSyncsPlaceMovesWithEachWindowAndNeverBack(t *testing.T) {
	s := open(t)
	place := func() time.Time {
		until, ok, err := s.Synced(t.Context(), "messages")
		must(t, err)
		if !ok {
			return time.Time{}
		}
		return until
	}
	equal(t, "the place in a new cache", place(), time.Time{})
	imports := store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(10), Began: hour(20)}
	windows(t, s, imports, hour(0), hour(10))
	equal(t, "the place that the first import sets", place(), hour(20))
	imports.Began = hour(30)
	save(t, s, store.Answer{Window: windows(t, s, imports, hour(0), hour(10))[0], Request: 1}, whole())
	equal(t, "the place after another import", place(), hour(20))

	all := windows(t, s, store.Run{Command: "sync", Kinds: []string{"messages"}, Starts: hour(19), Ends: hour(40), Began: hour(40)}, hour(19), hour(25), hour(40))
	equal(t, "the place when a sync begins", place(), hour(20))
	save(t, s, store.Answer{Window: all[0], Request: 2}, whole())
	equal(t, "the place after its first window", place(), hour(25))
	save(t, s, store.Answer{Window: all[1], Request: 3, Asked: hour(39)}, whole())
	equal(t, "the place after a window that reaches past its request", place(), hour(39))
	save(t, s, store.Answer{Window: span(t, s, "sync", "messages", hour(0), hour(5)), Request: 4}, whole())
	equal(t, "the place after a sync of long ago", place(), hour(39))
}

func TestTheCoverageIsTheUnionOfTheWindowsDone(t *testing.T) {
	seeded(t, 15, func(t *testing.T, r *rand.Rand) {
		s := open(t)
		var covered [48]bool
		for request := range int64(r.IntN(12)) {
			from := r.IntN(40)
			to := from + 1 + r.IntN(8)
			asked := from + r.IntN(12)
			w := span(t, s, "import", "messages", hour(from), hour(to))
			if r.IntN(4) == 0 {
				save(t, s, store.Answer{Window: w, Request: request, Asked: hour(asked)}, store.Batch{})
				continue
			}
			save(t, s, store.Answer{Window: w, Request: request, Asked: hour(asked)}, whole())
			for n := from; n < min(to, asked); n++ {
				covered[n] = true
			}
		}
		var want []store.Span
		for n, is := range covered {
			switch {
			case is && len(want) > 0 && want[len(want)-1].To.Equal(hour(n)):
				want[len(want)-1].To = hour(n + 1)
			case is:
				want = append(want, store.Span{From: hour(n), To: hour(n + 1)})
			}
		}
		got, err := s.Coverage(t.Context(), "messages")
		must(t, err)
		equal(t, "the coverage", got, want)
	})
}

func TestRunsAreShownNewestFirst(t *testing.T) {
	s := open(t)
	for n := range 4 {
		w := span(t, s, "import", "messages", hour(n), hour(n+1))
		if n == 0 {
			must(t, s.FinishRun(t.Context(), w.Run))
		}
	}
	all, err := s.Runs(t.Context(), 3)
	must(t, err)
	equal(t, "runs shown", len(all), 3)
	equal(t, "the newest starts at", all[0].Starts, hour(3))
	all, err = s.Runs(t.Context(), 10)
	must(t, err)
	finished := slices.IndexFunc(all, func(r store.Run) bool { return !r.FinishedAt.IsZero() })
	equal(t, "the finished one", finished, 3)
}

func TestMonthsAreThoseOfTheZone(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(2000))
	// At start it is midnight in UTC: still last year in New York. 31 days later February begins; March has none.
	save(t, s, store.Answer{Window: w, Request: 1}, whole(message(0, ""), message(5, ""), message(31*24, ""), message(100*24, "")))
	newYork, err := time.LoadLocation("America/New_York")
	must(t, err)
	for zone, want := range map[*time.Location]string{
		time.UTC: "[{2026-01 2} {2026-02 1} {2026-03 0} {2026-04 1}]",
		newYork:  "[{2025-12 1} {2026-01 2} {2026-02 0} {2026-03 0} {2026-04 1}]",
	} {
		got, err := s.Months(t.Context(), "messages", zone)
		must(t, err)
		equal(t, "the months in "+zone.String(), fmt.Sprint(got), want)
	}
	none, err := s.Months(t.Context(), "conversations", time.UTC)
	must(t, err)
	equal(t, "the months of a kind without records", len(none), 0)
}

// Midnight may be skipped where the clocks go forward at it: in Asunción on the first of October 2023.
func TestAMonthMayBeginLaterThanMidnight(t *testing.T) {
	s := open(t)
	asuncion, err := time.LoadLocation("America/Asuncion")
	must(t, err)
	october := time.Date(2023, 10, 1, 4, 0, 0, 0, time.UTC) // 01:00 there, right after 23:59 of the day before
	records := []store.Record{message(1, ""), message(2, ""), message(3, "")}
	records[0].CreatedAt = october.UnixMilli() - 1
	records[1].CreatedAt = october.UnixMilli()
	records[2].CreatedAt = time.Date(2023, 11, 1, 12, 0, 0, 0, asuncion).UnixMilli()
	save(t, s, store.Answer{Window: span(t, s, "import", "messages", hour(0), hour(1)), Request: 1}, whole(records...))
	got, err := s.Months(t.Context(), "messages", asuncion)
	must(t, err)
	equal(t, "the months", fmt.Sprint(got), "[{2023-09 1} {2023-10 1} {2023-11 1}]")
}

func TestSyncsPlaceComesBackFromTheFuture(t *testing.T) {
	s := open(t)
	ahead := time.Now().AddDate(10, 0, 0) // as a clock that was ahead leaves it
	save(t, s, store.Answer{Window: span(t, s, "sync", "messages", hour(0), ahead), Request: 1}, whole())
	save(t, s, store.Answer{Window: span(t, s, "sync", "messages", hour(0), hour(10)), Request: 2}, whole())
	until, _, err := s.Synced(t.Context(), "messages")
	must(t, err)
	equal(t, "the place after a sync under a clock that is right", until, hour(10))
}

func TestARunWithoutWindowsIsFinishedAtOnce(t *testing.T) {
	s := open(t)
	r, err := s.StartRun(t.Context(), store.Run{Command: "import", Kinds: []string{"messages"}, Starts: hour(0), Ends: hour(0), Began: hour(20)}, nil)
	must(t, err)
	_, _, ok, err := s.UnfinishedRun(t.Context(), r)
	must(t, err)
	equal(t, "the run is unfinished", ok, false)
	shown, err := s.Runs(t.Context(), 1)
	must(t, err)
	equal(t, "runs shown", shown, []store.Run{r})
	equal(t, "it was finished", r.FinishedAt, hour(20))
}
