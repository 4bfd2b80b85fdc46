package bridge

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAPushAndEventsBesideEachOtherNeverSendAnOlderRowAfterANewer(t *testing.T) {
	t.Parallel()
	for seed := range uint64(fewer(3)) {
		living(t, Kinds(), func(l *liveRig) {
			random := rand.New(rand.NewPCG(seed, 9))
			l.plecto.Behaviour.Latency = time.Duration(1+random.IntN(300)) * time.Millisecond
			l.dixa.Behaviour.SlowFirstByte = time.Duration(random.IntN(2000)) * time.Millisecond
			l.dixa.Behaviour.Lag = time.Duration(random.IntN(2)) * 5 * time.Second
			b := &l.dixa.Behaviour.Webhooks
			b.DuplicateEvery, b.LateBy, b.Seed = 7, 5*time.Second, seed
			_, stop := l.serve(LiveOptions{Every: 2 * time.Minute})
			defer stop()
			other, done := l.beside()
			defer done()
			var all sync.WaitGroup
			defer all.Wait()
			ctx, cancel := context.WithCancel(l.Context())
			defer cancel()
			sent := 0
			all.Go(func() {
				for ctx.Err() == nil {
					var pushed []Pushed
					var err error
					if random.IntN(3) == 0 {
						_, pushed, err = other.Sync(ctx, PushOptions{})
					} else {
						pushed, err = other.Push(ctx, PushOptions{})
					}
					if err != nil && ctx.Err() == nil {
						l.Errorf("the other ended with %v", err)
					}
					for _, p := range pushed {
						sent += p.Sent
					}
					sleep(ctx, time.Now().Add(time.Duration(random.IntN(3000))*time.Millisecond))
				}
			})
			l.office(time.Duration(fewer(4))*15*time.Second, dixatest.TrafficConfig{Seed: seed, PerHour: 360, Speed: 4})
			l.drained(5 * time.Minute)
			time.Sleep(againAfter + 5*time.Second)
			cancel()
			all.Wait()
			l.drained(time.Minute)
			stop()
			if sent == 0 {
				l.Error("the other sent nothing")
			}
			_, err := other.Push(l.Context(), PushOptions{}) // what a refresh brought in its last moment
			l.must(err)
			pushed, err := l.Push(l.Context(), PushOptions{})
			l.must(err)
			for _, p := range pushed {
				l.equal("sent again of "+p.Source.Name, []int{p.Sent, p.Rejected}, []int{0, 0})
			}
			l.same("after both")
		})
	}
}
