//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAnEventIsNotSettledByAStateOlderThanIt(t *testing.T) {
	t.Parallel()
	const behind = 40 * time.Second
	living(t, []string{"conversations"}, func(l *liveRig) {
		l.state(1, hour(2), "pending")
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		opened := time.Now()
		l.tell(live, event("CONVERSATION_OPEN", 1))
		time.Sleep(30 * time.Second)
		closed := time.Now()
		l.tell(live, event("CONVERSATION_CLOSED", 1))
		time.Sleep(time.Until(opened.Add(behind)))
		l.state(1, opened, "open")
		l.gets(1, "open", time.Minute)
		waiting, _, err := l.Store.Stale(l.Context(), "conversations", time.Now().Add(day), 10)
		l.must(err)
		l.equal("to be asked for while only the first change has come", len(waiting), 1)
		time.Sleep(time.Until(closed.Add(behind)))
		l.state(1, closed, "closed")
		l.gets(1, "closed", time.Minute)
		l.drained(time.Minute)
	})
}

func TestAChangeCloseAfterAnotherIsFetchedWhereItsEventIsStampedEarly(t *testing.T) {
	for _, early := range []time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second} {
		t.Run(early.String(), func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations"}, func(l *liveRig) {
				live, stop := l.serve(LiveOptions{Every: time.Hour})
				defer stop()
				time.Sleep(time.Minute)
				l.state(1, time.Now().Add(early), "pending")
				l.tell(live, event("CONVERSATION_PENDING", 1))
				l.gets(1, "pending", time.Second)
				time.Sleep(early / 2)
				l.state(1, time.Now().Add(early), "closed")
				l.tell(live, event("CONVERSATION_CLOSED", 1))
				l.gets(1, "closed", 2*time.Second)
			})
		})
	}
}

func TestAnActivityThatShowsUpMinutesAfterItsEventIsFetched(t *testing.T) {
	t.Parallel()
	living(t, Kinds(), func(l *liveRig) {
		l.dixa.Behaviour.Lag = 3 * time.Minute
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		e := l.change(1)
		l.put("activities", fmt.Sprintf(`{"id":"a1","conversationId":1,"activityTimestamp":%q,"_type":"NoteAdded","attributes":{"_type":"NoteAdded"}}`, e.At.UTC().Format(time.RFC3339Nano)))
		l.tell(live, e)
		time.Sleep(insistFor)
		if len(l.records("activities")) != 1 {
			l.Fatal("after five minutes the cache does not have it")
		}
		l.drained(time.Minute)
		l.same("five minutes later")
	})
}

func TestThousandsThatNeverComeDoNotKeepAChangeWaiting(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		l.documented(3600)
		live, stop := l.serve(LiveOptions{Every: 24 * time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		var nowhere []dixa.Event
		for n := range staleRead + 500 {
			nowhere = append(nowhere, event("CONVERSATION_CLOSED", int64(1_000_000+n)))
		}
		for some := range slices.Chunk(nowhere, 500) {
			l.tell(live, some...)
		}
		time.Sleep(5 * time.Minute)
		l.tell(live, l.change(7))
		l.gets(7, "open", time.Minute)
	})
}

func TestAConversationThatDixaRefusesSlowsNoOtherAfterTheFirstTime(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		l.documented(3600)
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Second)
		const tooLarge = 3_000_000_000
		for n := 1; n <= 20; n++ {
			l.tell(live, l.change(n))
		}
		l.tell(live, event("CONVERSATION_CLOSED", tooLarge))
		time.Sleep(time.Minute)
		before, began := len(l.lists()), time.Now()
		var waits waits
		for n := 101; n < 101+fewer(300); n++ {
			l.tell(live, l.change(n))
			time.Sleep(time.Second)
			if n%60 == 0 {
				l.tell(live, event("CONVERSATION_CLOSED", tooLarge)) // it is told of again
			}
		}
		changed := func(n int) time.Time { return began.Add(time.Duration(n-101) * time.Second) }
		for n := 101; n < 101+fewer(300); n++ {
			waits = append(waits, l.gets(n, "open", time.Minute).Sub(changed(n)))
		}
		slices.Sort(waits)
		if waits.most(100) > 12*time.Second {
			l.Errorf("the others waited: %v", waits)
		}
		for _, list := range l.lists()[before:] {
			if list != fmt.Sprint(tooLarge) && slices.Contains(strings.Split(list, ","), fmt.Sprint(tooLarge)) {
				l.Errorf("it was asked for with others: %s", list)
			}
		}
	})
}

func TestErasedContentDoesNotComeBackWithARefresh(t *testing.T) {
	held := func(l *liveRig, release <-chan struct{}) (reached <-chan struct{}) {
		hit := make(chan struct{})
		l.dixa.Fault(dixatest.Fault{
			Endpoint: dixatest.ConversationExport, Request: len(l.exports(dixatest.ConversationExport)) + 1,
			Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"60"}}, Hit: sync.OnceFunc(func() { close(hit) }),
		})
		return hit
	}
	answered := func(l *liveRig, release <-chan struct{}) (reached <-chan struct{}) {
		return l.stalls(dixatest.ConversationExport, release)
	}
	const kirsten = "kirsten@example.dk"
	for name, row := range some(map[string]struct {
		erasure Erasure
		refresh func(l *liveRig, release <-chan struct{}) (reached <-chan struct{})
		rested  time.Duration // nothing ran for so long before the refresh, which is the first then
	}{
		"a conversation, while it waits":                  {Erasure{CSIDs: []int64{1}}, held, 0},
		"a conversation, while the first one waits":       {Erasure{CSIDs: []int64{1}}, held, 5 * time.Hour},
		"a conversation, while the answer comes":          {Erasure{CSIDs: []int64{1}}, answered, 0},
		"a customer's new one, while it waits":            {Erasure{Requester: kirsten}, held, 0},
		"a customer's new one, while the answer comes":    {Erasure{Requester: kirsten}, answered, 0},
		"a customer's new one, while the first one waits": {Erasure{Requester: kirsten}, held, 5 * time.Hour},
	}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			erasable(t, func(l *liveRig, p *planter) {
				_, stop := l.serve(LiveOptions{Every: 10 * time.Minute})
				defer func() { stop() }()
				time.Sleep(time.Minute)
				l.drained(time.Minute)
				stopped := row.rested > 0
				if stopped {
					stop()
				}
				if row.erasure.Requester == "" {
					l.happens(p) // without an event, so that a refresh has to bring it
				} else {
					p = &planter{rig: l.rig, name: "kirsten"}
					p.conversation(777, time.Now(), map[string]any{"requester_email": kirsten})
				}
				time.Sleep(row.rested)
				release := make(chan struct{})
				reached := row.refresh(l, release)
				if stopped {
					_, stop = l.serve(LiveOptions{Every: 10 * time.Minute})
				}
				l.comes(reached)
				time.Sleep(time.Second)
				other, done := l.beside()
				defer done()
				_, err := other.Erase(context.WithoutCancel(l.Context()), row.erasure)
				l.must(err)
				close(release)
				time.Sleep(5 * time.Minute)
				p.gone("five minutes later")
				time.Sleep(20 * time.Minute)
				p.gone("after some more")
			})
		})
	}
}
