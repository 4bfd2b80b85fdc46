package bridge

import (
	"cmp"
	"slices"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A thread is a conversation with what belongs to it, as far as it is in the cache. What Plecto cannot join or compute is
// made from it.
type thread struct {
	conversation object // nil where it is not there (yet)
	// whole says that no message is known to be missing: where the conversation is there, the cache covers the time from
	// its creation to its last message.
	whole   bool
	covered coverage
	records []threadRecord
	turns   []*turn // in the order of time
	byID    map[string]*turn
	in, out int64 // messages, automated ones left out
	// firstResponse is the time from the first inbound message to the first later outbound one, in seconds.
	firstResponse any
	reopened      bool // as the activity log tells
}

type threadRecord struct {
	store.Record
	object object
}

// A turn is what counts of a message among the others of its conversation.
type turn struct {
	id            string
	at            int64 // Unix milliseconds
	inbound       bool
	outbound      bool
	sincePrevious any
	firstReply    bool
}

// coverage is the stretches of time of which all messages are in the cache.
type coverage []store.Span

// unbroken reports whether one stretch has both of two moments, in Unix milliseconds.
func (c coverage) unbroken(from, to int64) bool {
	return slices.ContainsFunc(c, func(s store.Span) bool {
		return from >= s.From.UnixMilli() && to < s.To.UnixMilli()
	})
}

// newThread makes a thread of the records of one conversation.
func newThread(records []store.Record, covered coverage) (*thread, error) {
	t := &thread{byID: map[string]*turn{}, covered: covered, whole: true}
	for _, r := range records {
		o, err := parse(r.Body)
		if err != nil {
			return nil, err
		}
		t.records = append(t.records, threadRecord{r, o})
		switch r.Kind {
		case string(dixa.Conversations):
			t.conversation = o
			t.whole = covered.unbroken(r.CreatedAt, max(r.CreatedAt, o.millis("last_message_created_at")))
		case string(dixa.Messages):
			m := &turn{id: r.ID, at: r.CreatedAt}
			if o.yesNo("is_automated_message") != true {
				m.inbound, m.outbound = o.is("direction", "inbound"), o.is("direction", "outbound")
			}
			t.turns = append(t.turns, m)
			t.byID[m.id] = m
		case string(dixa.Activities):
			t.reopened = t.reopened || strings.EqualFold(activityType(o), "ConversationReopened")
		}
	}
	// Of two at the same moment the inbound one is first: an answer does not come before its question.
	slices.SortFunc(t.turns, func(a, b *turn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), -cmp.Compare(order(a), order(b)), strings.Compare(a.id, b.id))
	})
	t.count()
	return t, nil
}

func order(m *turn) int {
	if m.inbound {
		return 1
	}
	return 0
}

// count walks the messages in the order of time, automated ones left out.
func (t *thread) count() {
	var lastIn, lastOut, question *turn
	answered := t.conversation.is("direction", "outbound") // there is no first response where the team began
	for _, m := range t.turns {
		switch {
		case m.inbound:
			t.in++
			m.sincePrevious = t.since(lastOut, m)
			if question == nil {
				question = m
			}
			lastIn = m
		case m.outbound:
			t.out++
			m.sincePrevious = t.since(lastIn, m)
			if !answered && question != nil {
				m.firstReply, t.firstResponse = true, between(question.at, m.at)
			}
			answered, lastOut = true, m
		}
	}
}

// since is the time between two messages, in seconds; nothing without the earlier one, and where there may have been
// another between them.
func (t *thread) since(earlier, later *turn) any {
	if earlier == nil || !t.whole && !t.covered.unbroken(earlier.at, later.at) {
		return nil
	}
	return between(earlier.at, later.at)
}

// between returns the whole seconds from one moment to another, both in Unix milliseconds; nothing where one is missing
// or the second comes before the first.
func between(from, to int64) any {
	if from <= 0 || to < from {
		return nil
	}
	return (to - from) / 1000
}

// A subject is a record in its thread, ready to be mapped.
type subject struct {
	object
	record store.Record
	thread *thread
	author store.Agent // who wrote a message or did an activity, where that was an agent
}

// turn is what the thread knows of a message.
func (s subject) turn() turn {
	if m := s.thread.byID[s.record.ID]; m != nil {
		return *m
	}
	return turn{}
}
