package bridge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// erasable runs a test with sources of every field there is, and a conversation that is full of content everywhere.
func erasable(t *testing.T, test func(*liveRig, *planter)) {
	t.Helper()
	living(t, nil, func(l *liveRig) {
		for _, kind := range Kinds() {
			_, err := l.Add(l.Context(), AddOptions{Kind: kind, Choice: store.Choice{Keys: keysOf(Fields(kind))}})
			l.must(err)
		}
		p := &planter{rig: l.rig}
		l.happens(p)
		p.fetched(start, start.Add(10*day))
		test(l, p)
	})
}

// happens makes a conversation change once more, with new content, and returns the events that tell of it.
func (l *liveRig) happens(p *planter) []dixa.Event {
	n := len(p.planted) // which no message had before
	p.conversation(1, time.Now(), nil)
	p.message(1, n, map[string]any{"created_at": time.Now().UnixMilli()})
	p.activity(1, n)
	e := event(messageAdded, 1)
	e.MessageID, e.MessageAt = messageID(1, n), e.At
	return []dixa.Event{e, event("CONVERSATION_CLOSED", 1)}
}

func TestContentErasedWhileItIsOnItsWayDoesNotComeBack(t *testing.T) {
	for name, stall := range map[string]func(l *liveRig, release <-chan struct{}) (reached <-chan struct{}){
		"from Dixa, a conversation": func(l *liveRig, release <-chan struct{}) <-chan struct{} {
			return l.stalls(dixatest.ConversationExport, release)
		},
		"from Dixa, a message": func(l *liveRig, release <-chan struct{}) <-chan struct{} {
			return l.stalls(dixatest.MessageExport, release)
		},
		"to Plecto": func(l *liveRig, release <-chan struct{}) <-chan struct{} {
			n := len(l.posts()) + 1
			l.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: n, Hold: release})
			return l.plecto.Reached("registrations", n)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			erasable(t, func(l *liveRig, p *planter) {
				live, stop := l.serve(LiveOptions{Every: 10 * time.Minute})
				defer stop()
				time.Sleep(time.Minute)
				l.drained(time.Minute)
				release := make(chan struct{})
				reached := stall(l, release)
				l.tell(live, l.happens(p)...)
				l.comes(reached)
				other, done := l.beside()
				defer done()
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := other.Erase(context.WithoutCancel(l.Context()), Erasure{CSIDs: []int64{1}}); err != nil {
						l.Errorf("erasing: %v", err)
					}
				})
				time.Sleep(5 * time.Second)
				close(release)
				all.Wait()
				l.drained(time.Minute)
				time.Sleep(time.Second)
				p.gone("when it was there")
				l.tell(live, l.happens(p)...)
				l.drained(time.Minute)
				p.gone("after it changed once more")
				time.Sleep(10 * time.Minute) // the next refresh wipes the file
				l.drained(time.Minute)
				p.nowhere("after a refresh")
			})
		})
	}
}

// stalls keeps the next answer of an endpoint, of which the beginning is sent.
func (l *liveRig) stalls(endpoint string, release <-chan struct{}) (reached <-chan struct{}) {
	stalled := make(chan struct{})
	l.dixa.Fault(dixatest.Fault{
		Endpoint: endpoint, Request: len(l.exports(endpoint)) + 1, Do: dixatest.Stall, Bytes: 20, Release: release,
		Hit: func() { close(stalled) },
	})
	return stalled
}

// gone makes sure that nothing planted is left in a record or in Plecto. Free space of the file may still have it.
func (p *planter) gone(when string) {
	p.Helper()
	var records strings.Builder
	for _, kind := range Kinds() {
		fmt.Fprintln(&records, p.records(kind))
	}
	_, there := p.found()
	if here := p.within([]byte(records.String())); len(here)+len(there) > 0 {
		p.Errorf("%s: in records there still are %v, in Plecto %v", when, here, there)
	}
}
