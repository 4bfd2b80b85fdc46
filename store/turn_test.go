package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// turn waits for one.
func turn(t *testing.T, s *store.Store) (done func()) {
	t.Helper()
	done, err := s.Turn(t.Context())
	must(t, err)
	return done
}

func TestOnlyOneHasTheTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	synctest.Test(t, func(t *testing.T) {
		all := []*store.Store{openAt(t, path), openAt(t, path)}
		var takers sync.WaitGroup
		var inside, turns atomic.Int32
		for n := range 8 {
			takers.Go(func() {
				for range 10 {
					done, err := all[n%2].Turn(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					equal(t, "those who have the turn", inside.Add(1), int32(1))
					time.Sleep(time.Millisecond)
					turns.Add(1)
					inside.Add(-1)
					done()
				}
			})
		}
		takers.Wait()
		equal(t, "turns", turns.Load(), int32(80))
	})
}

func TestOnlyOneProcessHasTheTurn(t *testing.T) {
	s := open(t)
	must(t, os.WriteFile(s.Path()+".count", []byte("0"), 0o600))
	others := []*process{begin(t, "take turns", s.Path()), begin(t, "take turns", s.Path())}
	must(t, takeTurns(t.Context(), s.Path(), nil))
	for _, p := range others {
		p.end()
	}
	count, err := os.ReadFile(s.Path() + ".count")
	must(t, err)
	equal(t, "turns", string(count), strconv.Itoa(3*turnsTaken))
}

func TestTheTurnOfAProcessThatIsKilledIsFree(t *testing.T) {
	s := open(t)
	holder := begin(t, "hold a turn", s.Path())
	equal(t, "it says", holder.says(), "it is mine")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Turn(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while another process has the turn: %v", err)
		}
	})
	holder.kill()
	turn(t, s)()

	holder = begin(t, "hold a turn", s.Path())
	holder.says()
	holder.stop()
	turn(t, s)()
}

func TestAWaitForATurnEndsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, path)
		done := turn(t, s)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		began := time.Now()
		time.AfterFunc(time.Second, func() { cancel(why) })
		_, err := s.Turn(ctx)
		if took := time.Since(began); !errors.Is(err, why) || took != time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		done()
		turn(t, s)()
	})
}

func TestALinkToACacheHasTheSameTurn(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "cache.db"), filepath.Join(t.TempDir(), "link.db")
	openAt(t, path)
	if err := os.Symlink(path, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		done := turn(t, openAt(t, path))
		defer done()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := openAt(t, link).Turn(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second turn: %v", err)
		}
	})
}

func TestAVersionMovesWithRecordsAndWithPlectosWord(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	last := map[int64]store.Version{}
	for _, step := range []struct {
		name         string
		do           func()
		moves, other bool
	}{
		{"nothing", func() {}, false, false},
		{"a record", func() { put(t, s, message(1, "hi")) }, true, true},
		{"the same record", func() { put(t, s, message(1, "hi")) }, false, false},
		{"an acceptance", func() { must(t, s.Mark(t.Context(), src, 1, []store.Registration{{Record: "m1", Hash: 1}})) }, true, false},
		{"the same again", func() { must(t, s.Mark(t.Context(), src, 1, []store.Registration{{Record: "m1", Hash: 1}})) }, true, false},
		{"a refusal", func() { must(t, s.Mark(t.Context(), src, 1, []store.Registration{{Record: "m1", Rejection: "no"}})) }, true, false},
		{"a changed record", func() { put(t, s, message(1, "ho")) }, true, true},
		{"one that is forgotten", func() { must(t, s.Forget(t.Context(), src, []string{"m1"})) }, true, true},
		{"one that is scrubbed", func() { must(t, s.Erase(t.Context(), []int64{1})); scrub(t, s, 1) }, true, true},
		{"a beat", func() { must(t, s.Beat(t.Context())) }, false, false},
	} {
		step.do()
		for of, moves := range map[*store.Source]bool{&src: step.moves, &other: step.other} {
			now, err := s.Version(t.Context(), *of)
			must(t, err)
			if before, ok := last[of.ID]; ok {
				equal(t, "the version of "+of.Name+" moves with "+step.name, now != before, moves)
			}
			last[of.ID] = now
		}
	}
}

func TestTheMarkOfASourceThatWasRemappedMeanwhileLeavesItsPlace(t *testing.T) {
	s := open(t)
	src := link(t, s, "a", "aa")
	must(t, s.Mark(t.Context(), src, 5, nil))
	mapped, err := s.Remap(t.Context(), src, "another mapping")
	must(t, err)
	must(t, s.Mark(t.Context(), src, 7, []store.Registration{{Record: "m1", Hash: 1, Row: "{}"}}))
	equal(t, "the place", source(t, s, "a").Place, int64(0))
	known, err := s.Registrations(t.Context(), src, []string{"m1"})
	must(t, err)
	equal(t, "what Plecto accepted", known["m1"].Hash, uint64(1))
	must(t, s.Mark(t.Context(), mapped, 3, nil))
	must(t, s.Mark(t.Context(), mapped, 2, nil))
	equal(t, "the place under the new mapping", source(t, s, "a").Place, int64(3))
}
