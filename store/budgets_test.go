package store_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

var perHour = store.Budget{Name: "registrations", Limit: 60, Per: time.Hour}

// spend takes a request as soon as the budget has one.
func spend(t *testing.T, s *store.Store, b store.Budget) (request int64, at time.Time) {
	t.Helper()
	for {
		request, when, err := s.Spend(t.Context(), b)
		must(t, err)
		if request != 0 {
			return request, when
		}
		if !when.After(time.Now()) {
			t.Fatalf("nothing to spend, and yet to be tried again at %v", when)
		}
		time.Sleep(time.Until(when))
	}
}

// most is the largest number of moments that lie in any span of per.
func most(at []time.Time, per time.Duration) int {
	at = slices.SortedFunc(slices.Values(at), time.Time.Compare)
	most, first := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= per {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Half a day of requests, from two processes that are started anew now and then: neither exceeds the limit nor leaves much of it.
func TestABudgetHoldsOverProcessesAndRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, began := filepath.Join(t.TempDir(), "cache.db"), time.Now()
		const hours = 12
		var mu sync.Mutex
		var spent []time.Time
		var processes sync.WaitGroup
		for n := range uint64(2) {
			processes.Go(func() {
				r := rand.New(rand.NewPCG(n, 0))
				for time.Since(began) < hours*time.Hour {
					s, err := store.Open(t.Context(), path)
					if err != nil {
						t.Error(err)
						return
					}
					for range 1 + r.IntN(100) {
						_, at := spend(t, s, perHour)
						mu.Lock()
						spent = append(spent, at)
						mu.Unlock()
						time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		processes.Wait()
		if got := most(spent, perHour.Per); got > perHour.Limit {
			t.Errorf("%d requests in an hour, allowed are %d", got, perHour.Limit)
		}
		within := slices.DeleteFunc(spent, func(at time.Time) bool { return at.Sub(began) >= hours*time.Hour })
		if allowed := hours * perHour.Limit; len(within) < allowed*95/100 {
			t.Errorf("%d requests in half a day, allowed are %d", len(within), allowed)
		}
	})
}

func TestABudgetIsSpentAtOnceAndFreedByItsOldestRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := open(t), time.Now()
		b := store.Budget{Name: "exports", Limit: 3, Per: time.Minute}
		for range 3 {
			_, at := spend(t, s, b)
			equal(t, "spent after", at.Sub(began), time.Duration(0))
		}
		used, free, err := s.Used(t.Context(), b)
		must(t, err)
		equal(t, "used", used, 3)
		if wait := free.Sub(began); wait < time.Minute || wait > time.Minute*102/100 {
			t.Errorf("the next is free after %v", wait)
		}
		_, at := spend(t, s, b)
		equal(t, "the fourth is spent when said", at, free)
		_, at = spend(t, s, store.Budget{Name: "another", Limit: 3, Per: time.Minute})
		equal(t, "another budget waits for nothing", at, free)
		lifted := b
		lifted.Limit = 0
		for range 100 {
			spend(t, s, lifted)
		}
		equal(t, "a lifted budget waits for nothing", time.Now(), free)
	})
}

func TestRequestNumbersRiseOverRestartsAndBudgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, last := filepath.Join(t.TempDir(), "cache.db"), int64(0)
		for range 3 {
			s, err := store.Open(t.Context(), path)
			must(t, err)
			for _, name := range []string{"a", "b"} {
				request, _ := spend(t, s, store.Budget{Name: name, Limit: 1, Per: time.Hour})
				if request <= last {
					t.Errorf("request %d comes after %d", request, last)
				}
				last = request
			}
			must(t, s.Close())
			time.Sleep(48 * time.Hour) // what is that old is forgotten, but not its number
		}
	})
}

func TestAHoldKeepsEveryProcessWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, began := open(t), time.Now()
		other := openAt(t, one.Path())
		for _, lifted := range []bool{false, true} {
			b := store.Budget{Name: "registrations", Limit: 60, Per: time.Hour}
			if lifted {
				b = store.Budget{Name: "lifted"}
			}
			now := time.Now()
			must(t, one.Hold(t.Context(), b, now.Add(90*time.Second)))
			must(t, one.Hold(t.Context(), b, now.Add(10*time.Second))) // shortens nothing
			_, at := spend(t, other, b)
			equal(t, "spent after", at.Sub(now), 90*time.Second)
			_, at = spend(t, other, store.Budget{Name: "rest", Limit: 60, Per: time.Hour})
			equal(t, "another budget is not held", at.Sub(now), 90*time.Second)
		}
		equal(t, "waited in all", time.Since(began), 180*time.Second)
	})
}

func TestAHoldIsNotShortenedByAFractionOfAMillisecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		until := time.Now().Add(time.Second + 700*time.Microsecond)
		must(t, s.Hold(t.Context(), perHour, until))
		if _, at := spend(t, s, perHour); at.Before(until) {
			t.Errorf("spent %v too early", until.Sub(at))
		}
	})
}

// Each bubble begins at the same moment: to the cache, the clock of the second is set back by the time that the first took.
func TestAClockSetBackDelaysABudgetByNoMoreThanItsSpan(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	for _, slept := range []time.Duration{24 * time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			s := openAt(t, path)
			time.Sleep(slept)
			began := time.Now()
			var spent []time.Time
			for range 2 * perHour.Limit {
				_, at := spend(t, s, perHour)
				spent = append(spent, at)
			}
			if got := most(spent, perHour.Per); got > perHour.Limit {
				t.Errorf("%d requests in an hour, allowed are %d", got, perHour.Limit)
			}
			if took := time.Since(began); took > 3*perHour.Per {
				t.Errorf("two hours' requests took %v", took)
			}
		})
	}
}

// Each bubble begins at the same moment: to the cache, the clock of the second is set back by the time that the first took.
func TestAHoldFromAClockThatWasAheadIsLifted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache.db")
	for _, slept := range []time.Duration{72 * time.Hour, 0} {
		synctest.Test(t, func(t *testing.T) {
			s, began := openAt(t, path), time.Now()
			if slept == 0 {
				_, at := spend(t, s, perHour)
				equal(t, "spent after", at.Sub(began), time.Duration(0))
				return
			}
			time.Sleep(slept)
			must(t, s.Hold(t.Context(), perHour, time.Now().Add(time.Minute)))
		})
	}
}

func TestAHoldLastsADayAtMost(t *testing.T) {
	for _, b := range []store.Budget{perHour, {Name: "lifted"}} {
		synctest.Test(t, func(t *testing.T) {
			s, began := open(t), time.Now()
			time.Sleep(700 * time.Microsecond)
			must(t, s.Hold(t.Context(), b, time.Now().AddDate(10, 0, 0)))
			_, at := spend(t, s, b)
			equal(t, "spent after", at.Sub(began), 24*time.Hour)
		})
	}
}

func TestARequestThatIsGivenBackIsThereForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		two := store.Budget{Name: "registrations", Limit: 2, Per: time.Hour}
		began := time.Now()
		first, _ := spend(t, s, two)
		time.Sleep(time.Minute)
		second, _ := spend(t, s, two)
		must(t, s.Refund(t.Context(), second))
		used, _, err := s.Used(t.Context(), two)
		must(t, err)
		equal(t, "used", used, 1)
		third, at := spend(t, s, two)
		equal(t, "when another is taken", at.Sub(began), time.Minute)
		if third <= first {
			t.Errorf("request %d was sent after request %d", third, first)
		}
		_, at = spend(t, s, two)
		if waited := at.Sub(began); waited < time.Hour {
			t.Errorf("of two an hour the third goes out after %v", waited)
		}
	})
}
