//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// quiet is an event every few seconds.
func quiet(seed uint64) dixatest.TrafficConfig {
	return dixatest.TrafficConfig{Seed: seed, PerHour: 40}
}

func TestWhatTheReceiverHasMissedIsThereOneCycleAfterItsStart(t *testing.T) {
	t.Parallel()
	living(t, Kinds(), func(l *liveRig) {
		l.documented(3600)
		_, stop := l.serve(LiveOptions{})
		l.office(10*time.Minute, quiet(1))
		l.drained(time.Minute)
		stop()
		l.office(6*time.Hour, dixatest.TrafficConfig{Seed: 2, PerHour: 30})
		if d := l.dixa.Deliveries(); d.Refused < 1000 {
			l.Errorf("while it was down only %d events were not delivered", d.Refused)
		}
		before := map[string]int{}
		for _, endpoint := range []string{dixatest.ConversationExport, dixatest.MessageExport} {
			before[endpoint] = len(l.exports(endpoint))
		}
		posts := len(l.plecto.Requests())
		_, stop = l.serve(LiveOptions{})
		defer stop()
		time.Sleep(2 * time.Minute)
		for endpoint, n := range before {
			l.equal("requests to "+endpoint, len(l.exports(endpoint))-n, 1)
		}
		rows := 0
		for _, src := range l.plecto.DataSources() {
			for _, reg := range l.plecto.Registrations(src.UUID) {
				if time.Since(reg.LastWritten) < 3*time.Minute {
					rows++
				}
			}
		}
		made := 0
		for _, req := range l.plecto.Requests()[posts:] {
			if req.Endpoint == "registrations" {
				made++
			}
		}
		if least := (rows + 99) / 100; made < least || made > least+len(Kinds()) {
			l.Errorf("%d rows took %d requests", rows, made)
		}
		l.limited(3600)
		stop()
		l.same("after one cycle")
	})
}

func TestEventsAreTakenAndNothingIsLostWhileAServiceIsDown(t *testing.T) {
	down := func(l *liveRig, status int) (up func()) {
		l.dixa.Fault(dixatest.Fault{Count: -1, Do: dixatest.Answer, Status: status})
		return l.dixa.Heal
	}
	noPlecto := func(l *liveRig, f plectotest.Fault) (up func()) {
		f.Count = -1
		return l.plecto.Fault(f)
	}
	for name, broken := range some(map[string]func(*liveRig) (mend func()){
		"Dixa":              func(l *liveRig) func() { return down(l, 503) },
		"the token revoked": func(l *liveRig) func() { return down(l, 401) },
		"Plecto":            func(l *liveRig) func() { return noPlecto(l, plectotest.Fault{Status: 503}) },
		"Plecto, cut after it has stored": func(l *liveRig) func() {
			return noPlecto(l, plectotest.Fault{Drop: true, AfterStoring: true})
		},
		"Plecto's limit": func(l *liveRig) func() {
			return noPlecto(l, plectotest.Fault{Status: 429, Header: http.Header{"Retry-After": {"90"}}})
		},
		"both": func(l *liveRig) func() {
			dixa, plecto := down(l, 502), noPlecto(l, plectotest.Fault{Status: 502})
			return func() { dixa(); plecto() }
		},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations", "messages"}, func(l *liveRig) {
				l.documented(3600)
				_, stop := l.serve(LiveOptions{Every: 6 * time.Hour}) // so that the lanes have to do it all
				defer stop()
				l.office(5*time.Minute, quiet(1))
				l.drained(time.Minute)
				mend := broken(l)
				began, asked, posted := time.Now(), len(l.dixa.Requests()), len(l.plecto.Requests())
				l.office(time.Duration(fewer(fewer(60)))*time.Minute, quiet(2))
				now, err := l.Store.Live(l.Context())
				l.must(err)
				if now.Stale+now.Unpushed == 0 || now.OldestStale.IsZero() && now.OldestUnpushed.IsZero() {
					l.Errorf("the cache shows nothing of it: %+v", now)
				}
				d := l.dixa.Deliveries()
				l.equal("answers", l.status, map[int]int{204: d.Emitted})
				if n := len(l.dixa.Requests()) - asked + len(l.plecto.Requests()) - posted; n > 1200 {
					l.Errorf("%d requests in %v", n, time.Since(began))
				}
				mend()
				// The longest wait between two tries, and some minutes for what piled up.
				l.drained(10 * time.Minute)
				l.office(5*time.Minute, quiet(3))
				l.drained(time.Minute)
				time.Sleep(againAfter + time.Minute)
				l.drained(time.Minute)
				conversations, messages := l.waits()
				if late := conversations.most(100); late > time.Hour+15*time.Minute {
					l.Errorf("the last conversation was there after %v", late)
				}
				if late := messages.most(100); late > time.Hour+15*time.Minute {
					l.Errorf("the last message was there after %v", late)
				}
				stop()
				l.same("in the end")
			})
		})
	}
}

func TestARetryAfterOfPlectoHoldsTheEventsToo(t *testing.T) {
	living(t, []string{"conversations"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{})
		defer stop()
		time.Sleep(time.Second)
		l.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Status: 429, Header: http.Header{"Retry-After": {"300"}}})
		began := time.Now()
		for n := range 20 {
			l.tell(live, l.change(1+n))
			time.Sleep(10 * time.Second)
		}
		l.drained(10 * time.Minute)
		var at []time.Duration
		for _, req := range l.posts() {
			at = append(at, req.Time.Sub(began).Round(time.Second))
		}
		if len(at) < 2 || at[0] != 0 || at[1] < 300*time.Second || at[1] > 302*time.Second {
			l.Errorf("registrations were sent after %v", at)
		}
		for n := range 20 {
			if len(l.posted[fmt.Sprint("conversations ", 1+n)]) == 0 {
				l.Errorf("conversation %d was not sent", 1+n)
			}
		}
	})
}
