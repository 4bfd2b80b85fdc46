package bridge

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAReceiverThatIsKilledLeavesWhatItDidNotDoToTheNext(t *testing.T) {
	for name, reach := range map[string]func(l *liveRig) (reached <-chan struct{}){
		"between the event and the request": func(l *liveRig) <-chan struct{} {
			now := make(chan struct{})
			close(now)
			return now
		},
		"while the answer comes": func(l *liveRig) <-chan struct{} {
			stalled := make(chan struct{}, 1)
			l.dixa.Fault(dixatest.Fault{
				Endpoint: dixatest.ConversationExport, Request: len(l.exports(dixatest.ConversationExport)) + 1, Do: dixatest.Stall, Bytes: 20,
				Hit: func() { close(stalled) },
			})
			return stalled
		},
		"between the request and the push": func(l *liveRig) <-chan struct{} {
			l.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Stall: true})
			return l.plecto.Reached("registrations", len(l.posts())+1)
		},
		"between the push and its mark": func(l *liveRig) <-chan struct{} {
			l.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Stall: true, AfterStoring: true})
			return l.plecto.Reached("registrations", len(l.posts())+1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations", "messages"}, func(l *liveRig) {
				first, done := l.beside()
				defer done()
				live, err := first.NewLive(l.Context(), LiveOptions{Every: time.Hour})
				l.must(err)
				defer live.inbox.Close() // which says nothing to the cache
				ctx, kill := context.WithCancel(l.Context())
				ended := make(chan struct{})
				run := name != "between the event and the request"
				go func() {
					defer close(ended)
					if run {
						live.Run(ctx)
					}
				}()
				defer func() { kill(); <-ended }()
				time.Sleep(time.Second)
				reached := reach(l)
				const conversations = 30
				var events []dixa.Event
				for n := 1; n <= conversations; n++ {
					e := l.change(n)
					e.Type, e.MessageID, e.MessageAt = messageAdded, fmt.Sprint("m", n), e.At
					l.put("messages", fmt.Sprintf(`{"id":"m%d","csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email"}`, n, n, e.At.UnixMilli()))
					events = append(events, e)
				}
				l.tell(live, events...)
				l.comes(reached)
				kill()
				<-ended
				l.dixa.Heal()
				_, stop := l.serve(LiveOptions{Every: time.Hour})
				defer stop()
				l.drained(time.Minute)
				time.Sleep(time.Second)
				stop()
				for n := 1; n <= conversations; n++ {
					for _, row := range []string{fmt.Sprint("conversations ", n), fmt.Sprint("messages m", n)} {
						if len(l.posted[row]) == 0 {
							l.Errorf("%s was not sent", row)
						}
					}
				}
				l.same("in the end")
			})
		})
	}
}

func TestALiveThatIsStoppedAtOnceEndsInOrder(t *testing.T) {
	living(t, []string{"conversations"}, func(l *liveRig) {
		_, stop := l.serve(LiveOptions{})
		stop()
		now, err := l.Store.Live(l.Context())
		l.must(err)
		l.equal("serving", now.Serving, false)
	})
}
