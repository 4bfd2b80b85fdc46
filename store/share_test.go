package store_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// beating has the receiver run beside what the bubble does.
func beating(t *testing.T, s *store.Store) {
	t.Helper()
	must(t, s.Beat(t.Context()))
	stop := make(chan struct{})
	var beats sync.WaitGroup
	beats.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Second):
			}
			if err := s.Beat(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(func() { close(stop); beats.Wait() })
}

// forEvents is the budget for what events ask for.
func forEvents(b store.Budget) store.Budget {
	b.Live = true
	return b
}

// lately counts the moments that lie less than a span before now.
func lately(at []time.Time, now time.Time, span time.Duration) (n int) {
	for _, t := range at {
		if t.UnixMilli() > now.Add(-span).UnixMilli() {
			n++
		}
	}
	return n
}

// Whatever came before: a backfill leaves what events used lately, and a tenth; no event waits but for the limit itself.
func TestABackfillKeepsToItsShareWhateverCameBefore(t *testing.T) {
	for _, b := range []store.Budget{
		{Name: "registrations", Limit: 60, Per: time.Hour},
		{Name: "conversation exports", Limit: 10, Per: time.Minute},
		{Name: "message exports", Limit: 3, Per: time.Minute},
		{Name: "one", Limit: 1, Per: time.Minute},
	} {
		seeded(t, 3, func(t *testing.T, r *rand.Rand) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				other := openAt(t, s.Path())
				var live, backfill, all []time.Time
				pause, events := b.Per, 0
				for step := range 250 {
					if step%25 == 0 { // another time of the day
						pause, events = b.Per/time.Duration(1+r.IntN(4*b.Limit)), r.IntN(11)
					}
					time.Sleep(time.Duration(r.Int64N(int64(pause))))
					must(t, s.Beat(t.Context()))
					now := time.Now()
					if r.IntN(10) < events {
						request, _, err := s.Spend(t.Context(), forEvents(b))
						must(t, err)
						if request != 0 {
							live, all = append(live, now), append(all, now)
						} else if lately(all, now, b.Span()) < b.Limit {
							t.Errorf("an event waits at %d of %d", lately(all, now, b.Span()), b.Limit)
						}
						continue
					}
					request, _, err := other.Spend(t.Context(), b)
					must(t, err)
					if request == 0 {
						continue
					}
					backfill, all = append(backfill, now), append(all, now)
					took, share := lately(backfill, now, b.Span()), b.Limit-max(lately(live, now, b.Span()), (b.Limit+9)/10)
					if took > share && lately(backfill, now, 10*b.Span()) > 1 {
						t.Errorf("%s: a backfill takes %d, its share is %d", b.Name, took, share)
					}
				}
				if got := most(all, b.Per); got > b.Limit {
					t.Errorf("%s: %d requests in %v, allowed are %d", b.Name, got, b.Per, b.Limit)
				}
				if len(live) == 0 || len(backfill) == 0 {
					t.Errorf("%s: %d for events and %d for the backfill prove nothing", b.Name, len(live), len(backfill))
				}
			})
		})
	}
}

// A day's work of a backfill that takes what it can, beside events at a steady pace.
func TestABackfillBesideTheReceiverUsesItsShareEvenly(t *testing.T) {
	for _, every := range []time.Duration{0, 2 * time.Minute, time.Minute / 2} {
		synctest.Test(t, func(t *testing.T) {
			s, began := open(t), time.Now()
			b := store.Budget{Name: "registrations", Limit: 360, Per: time.Hour}
			beating(t, s)
			const hours = 5
			var live, backfill []time.Time
			waited := 0
			var both sync.WaitGroup
			both.Go(func() {
				for every > 0 && time.Since(began) < hours*time.Hour {
					asked := time.Now()
					_, at := spend(t, s, forEvents(b))
					live = append(live, at)
					if wait := at.Sub(asked); wait > 0 {
						waited++
						if wait > b.Per/time.Duration(b.Limit) {
							t.Errorf("an event waits for %v", wait)
						}
					}
					time.Sleep(every)
				}
			})
			for time.Since(began) < hours*time.Hour {
				time.Sleep(time.Millisecond) // never in one moment with an event
				_, at := spend(t, s, b)
				backfill = append(backfill, at)
			}
			both.Wait()
			// A pace that does not divide the hour makes one more at times than an hour ago.
			if waited > len(live)/100 {
				t.Errorf("%d of %d events waited", waited, len(live))
			}
			if got := most(append(live, backfill...), b.Per); got > b.Limit {
				t.Errorf("%d requests in an hour, allowed are %d", got, b.Limit)
			}
			if got := most(backfill, b.Per/10); got > b.Limit/10 {
				t.Errorf("a backfill makes %d requests in a tenth of an hour", got)
			}
			share := b.Limit - b.Limit/10
			if every > 0 {
				share = b.Limit - max(b.Limit/10, int(b.Per/every))
			}
			if got := len(backfill); got < hours*share*90/100 {
				t.Errorf("a backfill beside an event each %v makes %d requests, its share is %d", every, got, hours*share)
			}
		})
	}
}

// Events that would use all of an hour if they went on leave nothing over: a backfill gets one request in ten spans.
func TestABackfillComesToAnEndBesideEventsThatUseEverything(t *testing.T) {
	for _, row := range []struct {
		name string
		ago  time.Duration // when it made the last one
		want int
	}{{"never", 0, 1}, {"five hours ago", 5 * time.Hour, 0}, {"eleven hours ago", 11 * time.Hour, 1}} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t)
			if row.ago > 0 {
				spend(t, s, perHour)
				time.Sleep(row.ago)
			}
			beating(t, s)
			got := 0
			for n := range 50 { // eight in a tenth of an hour
				spend(t, s, forEvents(perHour))
				time.Sleep(45 * time.Second)
				if n < 10 {
					continue
				}
				request, when, err := s.Spend(t.Context(), perHour)
				must(t, err)
				if request != 0 {
					got++
				} else if wait := time.Until(when); wait <= 0 || wait > perHour.Span()/10 {
					t.Errorf("it is told to wait for %v, by when its share may be another", wait)
				}
			}
			equal(t, "requests of a backfill that made the last one "+row.name, got, row.want)
		})
	}
}

func TestWithoutTheReceiverEverythingSpendsTheWholeBudgetAtOnce(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *store.Store){
		"it never ran":   func(*testing.T, *store.Store) {},
		"it has ended":   func(t *testing.T, s *store.Store) { must(t, s.Beat(t.Context())); must(t, s.Rest(t.Context())) },
		"it was killed":  func(t *testing.T, s *store.Store) { must(t, s.Beat(t.Context())); time.Sleep(time.Minute) },
		"it never began": func(t *testing.T, s *store.Store) { must(t, s.Rest(t.Context())) },
	} {
		for _, b := range []store.Budget{perHour, forEvents(perHour)} {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				before(t, s)
				began := time.Now()
				for range b.Limit {
					_, at := spend(t, s, b)
					equal(t, name+": spent after", at.Sub(began), time.Duration(0))
				}
				_, at := spend(t, s, b)
				equal(t, name+": the next after", at.Sub(began), b.Span())
			})
		}
	}
}

func TestTheShareIsThatOfOneBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, began := open(t), time.Now()
		must(t, s.Beat(t.Context()))
		for range perHour.Limit {
			spend(t, s, forEvents(perHour))
		}
		other := perHour
		other.Name = "another"
		for range 5 { // of 54 in an hour
			spend(t, s, other)
		}
		lifted := store.Budget{Name: "lifted"}
		for range 100 {
			spend(t, s, lifted)
		}
		equal(t, "waited", time.Since(began), time.Duration(0))
	})
}
