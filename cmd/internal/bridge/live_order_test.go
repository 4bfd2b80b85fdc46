//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// chapters are the states of one conversation, one event each.
var chapters = []struct{ event, status string }{
	{"CONVERSATION_CREATED", "open"}, {messageAdded, "open"}, {"CONVERSATION_PENDING", "pending"}, {"CONVERSATION_OPEN", "open"},
	{"CONVERSATION_CLOSED", "closed"},
}

func TestAnyOrderOfAConversationsEventsEndsInTheSameRow(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		orders := fewer(fewer(10_000))
		live, stop := l.serve(LiveOptions{Every: 24 * time.Hour})
		defer stop()
		time.Sleep(time.Second)
		began := time.Now()
		moment := func(chapter int) time.Time { return began.Add(time.Duration(chapter) * 20 * time.Second) }
		tell := func(chapter int) {
			for csid := range orders {
				at, status := moment(chapter).UnixMilli(), chapters[chapter].status
				l.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":%q,"initial_channel":"email"}`, 1+csid, began.UnixMilli(), at, status))
			}
		}
		// Each conversation has an order of its own, some events twice in it. Of those that have happened by then, half are
		// delivered while it goes on, and the rest when all is over.
		random := rand.New(rand.NewPCG(3, 3))
		waiting := make([][]dixa.Event, orders)
		for csid := range waiting {
			for n, c := range chapters {
				e := dixa.Event{ID: fmt.Sprintf("%d-%d", csid, n), Type: c.event, CSID: int64(1 + csid), At: moment(n)}
				for range 1 + random.IntN(5)/4 {
					waiting[csid] = append(waiting[csid], e)
				}
			}
			random.Shuffle(len(waiting[csid]), func(i, j int) { waiting[csid][i], waiting[csid][j] = waiting[csid][j], waiting[csid][i] })
		}
		applied := map[string]int{}
		var mu sync.Mutex
		deliver := func(most int) { // of each conversation
			for some := range slices.Chunk(waiting, 200) {
				var all sync.WaitGroup
				for i, events := range some {
					var now, later []dixa.Event
					for _, e := range events {
						if len(now) < most && !e.At.After(time.Now()) {
							now = append(now, e)
						} else {
							later = append(later, e)
						}
					}
					some[i] = later
					all.Go(func() {
						for _, e := range now {
							fresh, err := live.Receive(e)
							if err != nil {
								l.Errorf("receiving: %v", err)
							}
							if fresh {
								mu.Lock()
								applied[e.ID]++
								mu.Unlock()
							}
						}
					})
				}
				all.Wait()
			}
		}
		for _, at := range []struct{ chapter, most int }{{2, 2}, {4, 2 * len(chapters)}} {
			time.Sleep(time.Until(moment(at.chapter)))
			tell(at.chapter)
			deliver(at.most)
		}
		l.drained(5 * time.Minute)
		l.equal("events applied", len(applied), orders*len(chapters))
		for id, times := range applied {
			if times != 1 {
				l.Errorf("%s was applied %d times", id, times)
			}
		}
		rows := map[string]int{}
		for _, reg := range l.registrations() {
			rows[fmt.Sprint(reg.Date, reg.Member, reg.Fields)]++
		}
		if len(rows) != 1 {
			l.Errorf("%d orders end in %d rows", orders, len(rows))
		}
		for row, n := range rows {
			l.equal("rows as "+row, n, orders)
		}
	})
}

// registrations are those of the first source.
func (l *liveRig) registrations() []plectotest.Registration {
	return l.plecto.Registrations(l.plecto.DataSources()[0].UUID)
}

func TestWhateverIsDeliveredOfTheEventsPlectoEqualsDixaAfterARefresh(t *testing.T) {
	t.Parallel()
	const every = 20 * time.Second
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		live, stop := l.serve(LiveOptions{Every: every})
		defer stop()
		messages := 0
		// In a bubble there is no deadline to ask for.
		rapid.Check(struct{ rapid.TB }{l.T}, func(r *rapid.T) {
			type delivery struct {
				event dixa.Event
				at    int // the step in which it is delivered
			}
			var waiting []delivery
			steps := rapid.IntRange(1, 12).Draw(r, "steps")
			for step := range steps {
				n := rapid.IntRange(1, 5).Draw(r, "conversation")
				e := l.change(n)
				if rapid.Bool().Draw(r, "message") {
					messages++
					e.Type, e.MessageID, e.MessageAt = messageAdded, fmt.Sprint("m", messages), e.At
					l.put("messages", fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email"}`, e.MessageID, n, e.At.UnixMilli()))
				}
				for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(r, "times") {
					waiting = append(waiting, delivery{e, step + rapid.IntRange(0, 4).Draw(r, "late")})
				}
				time.Sleep(time.Duration(rapid.SampledFrom([]int{0, 1, 50, 300, 2000, 8000}).Draw(r, "pause")) * time.Millisecond)
				for _, d := range waiting {
					if d.at != step && step < steps-1 || d.at < step {
						continue
					}
					if _, err := live.Receive(d.event); err != nil {
						r.Fatalf("receiving: %v", err)
					}
				}
			}
			time.Sleep(every + time.Second)
			l.drained(time.Minute)
			if v, err := l.Verify(l.Context(), VerifyOptions{Dixa: true}); err != nil {
				r.Fatalf("%v: %v", err, v.Differences)
			}
		})
	})
}
