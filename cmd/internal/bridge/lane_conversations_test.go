package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestMoreConversationsThanDixaTakesAtOnceAllArrive(t *testing.T) {
	const stale = 60
	for name, row := range map[string]struct {
		changed  func() time.Time
		event    string
		requests int // at the most
	}{
		// All that changed lately come of one request, after the first event's own and the one that is refused.
		"that have just changed": {time.Now, "CONVERSATION_CLOSED", 3},
		// 59 and 29 and 14 are refused; then there are seven at a time.
		"whose events do not tell how new they are": {func() time.Time { return hour(1) }, "CONVERSATION_SNOOZED", 14},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations"}, func(l *liveRig) {
				l.dixa.Behaviour.MaxCSIDs = 10
				live, stop := l.serve(LiveOptions{})
				defer stop()
				time.Sleep(time.Second)
				before := len(l.exports(dixatest.ConversationExport))
				var events []dixa.Event
				for n := 1; n <= stale; n++ {
					l.put("conversations", conversation(n, row.changed()))
					events = append(events, event(row.event, int64(n)))
				}
				l.tell(live, events...)
				l.drained(2 * time.Minute)
				for n := 1; n <= stale; n++ {
					if len(l.posted[fmt.Sprint("conversations ", n)]) != 1 {
						l.Errorf("conversation %d was sent %d times", n, len(l.posted[fmt.Sprint("conversations ", n)]))
					}
				}
				if n := len(l.exports(dixatest.ConversationExport)) - before; n > row.requests {
					l.Errorf("it took %d requests: %v", n, l.lists())
				}
			})
		})
	}
}

func TestOneConversationThatDixaRefusesHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations"}, func(l *liveRig) {
		warned := l.warned()
		live, stop := l.serve(LiveOptions{})
		defer stop()
		time.Sleep(time.Second)
		const tooLarge = 3_000_000_000 // for the 32 bits that Dixa has for it
		events := []dixa.Event{event("CONVERSATION_CLOSED", tooLarge)}
		for n := 1; n <= 60; n++ {
			l.put("conversations", conversation(n, hour(1)))
			events = append(events, event("CONVERSATION_SNOOZED", int64(n)))
		}
		l.tell(live, events...)
		time.Sleep(3 * time.Minute)
		for n := 1; n <= 60; n++ {
			if len(l.posted[fmt.Sprint("conversations ", n)]) != 1 {
				l.Errorf("conversation %d was sent %d times", n, len(l.posted[fmt.Sprint("conversations ", n)]))
			}
		}
		stale, _, err := l.Store.Stale(l.Context(), "conversations", time.Now().AddDate(1, 0, 0), 100)
		l.must(err)
		if len(stale) != 1 || stale[0].CSID != tooLarge {
			l.Errorf("still stale: %v", stale)
		}
		if !strings.Contains(warned.String(), fmt.Sprintf(`msg="Dixa refuses a conversation" conversation=%d`, tooLarge)) {
			l.Errorf("it is not told: %s", warned)
		}
		// The list is as long as before where nothing in it is refused.
		before := len(l.lists())
		events = nil
		for n := 1; n <= 60; n++ {
			events = append(events, event("CONVERSATION_SNOOZED", int64(n)))
		}
		l.tell(live, events...)
		time.Sleep(2 * time.Second)
		if n := len(l.lists()) - before; n > 2 { // one for the first event, and one for those that came meanwhile
			l.Errorf("60 conversations were asked for with %d lists", n)
		}
	})
}

func TestWhatNeverComesIsLetGoAfterADayWithOneWarning(t *testing.T) {
	for _, part := range Kinds()[:2] {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			living(t, Kinds(), func(l *liveRig) {
				warned := l.warned()
				live, err := l.NewLive(l.Context(), LiveOptions{Every: time.Hour})
				l.must(err)
				e := event(messageAdded, 999)
				e.MessageID, e.MessageAt = "nowhere", e.At
				l.tell(live, e)
				stop := l.work(map[string]*lane{"conversations": live.conversationLane(), "messages": live.logLane(dixa.Messages)}[part])
				stale := func() int {
					all, _, err := l.Store.Stale(l.Context(), part, time.Now().AddDate(1, 0, 0), 10)
					l.must(err)
					return len(all)
				}
				time.Sleep(23 * time.Hour)
				l.equal("stale after 23 hours", stale(), 1)
				l.equal("warnings after 23 hours", warned.String(), "")
				time.Sleep(10 * time.Hour)
				l.equal("stale after 33 hours", stale(), 0)
				l.equal("warnings", strings.Count(warned.String(), "let go"), 1)
				endpoint := map[string]string{"conversations": dixatest.ConversationExport, "messages": dixatest.MessageExport}[part]
				asked := len(l.exports(endpoint))
				if asked > 30 {
					l.Errorf("it was asked for %d times", asked)
				}
				time.Sleep(12 * time.Hour)
				l.equal("asked for after that", len(l.exports(endpoint)), asked)
				stop()
				l.must(live.Close())
			})
		})
	}
}
