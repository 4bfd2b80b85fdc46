// Package dixatest simulates Dixa: an http.Handler that answers as the Exports
// API and the Dixa API do, over a made-up support organisation that is the same
// for the same seed. Where Dixa's documentation is silent, Behaviour has a
// switch; what goes wrong on real networks, Fault brings about on request. Events
// go to webhooks, one at a time by Server.Emit or in plenty by Traffic.
//
// The handler keeps time with time.Now, so inside a testing/synctest bubble its
// limits, pauses and delays run on the bubble's clock.
package dixatest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strconv"
	"sync"
	"time"
)

// Team describes a world to make. The same fields give the same world, byte for
// byte. Zero fields take their defaults.
type Team struct {
	// Seed chooses among worlds.
	Seed uint64
	// From and To bound the world: conversations begin in [From, To) and nothing
	// in it happens at To or later. From is 2025-09-01 UTC when zero, To is 90
	// days after From.
	From, To time.Time
	// ConversationsPerDay is how many begin on an ordinary weekday, about 45 when
	// zero. Mondays bring more, Saturdays and Sundays fewer.
	ConversationsPerDay int
}

// World is what the simulated organisation holds. The zero value holds nothing.
// It is safe for concurrent use; a reply under way is not affected by changes.
type World struct {
	mu            sync.RWMutex
	conversations table
	messages      table
	activities    table
	agents        table
	cast          *cast // nil where the world was not made
}

// NewWorld makes the world that t describes.
func NewWorld(t Team) *World {
	if t.From.IsZero() {
		t.From = time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)
	}
	if t.To.IsZero() {
		t.To = t.From.AddDate(0, 0, 90)
	}
	t.ConversationsPerDay = cmp.Or(t.ConversationsPerDay, 45)
	return newGenerator(t).world()
}

// Put adds one record, or replaces the one with the same id. The kind is
// "conversations" or "messages", and the record one element of that export, or
// "activities" or "agents", and the record one element of the Dixa API's activity
// log or agent list. The record is served as it is.
func (w *World) Put(kind string, record json.RawMessage) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.table(kind)
	if t == nil {
		return fmt.Errorf("dixatest: putting a record: unknown kind %q", kind)
	}
	r, err := parseRow(kind, record)
	if err != nil {
		return fmt.Errorf("dixatest: putting one of %s: %w", kind, err)
	}
	t.put(r)
	return nil
}

// Conversations returns every conversation as the export gives it by default,
// oldest first.
func (w *World) Conversations() []json.RawMessage { return w.all("conversations") }

// Messages returns every message as the export gives it by default, oldest first.
func (w *World) Messages() []json.RawMessage { return w.all("messages") }

// Activities returns every activity as the Dixa API gives it by default, oldest
// first.
func (w *World) Activities() []json.RawMessage { return w.all("activities") }

// Agents returns every agent as the Dixa API gives it.
func (w *World) Agents() []json.RawMessage { return w.all("agents") }

func (w *World) all(kind string) []json.RawMessage {
	w.mu.RLock()
	defer w.mu.RUnlock()
	rows := w.table(kind).rows
	bodies := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		bodies[i] = bytes.Clone(r.body)
	}
	return bodies
}

func (w *World) table(kind string) *table {
	switch kind {
	case "conversations":
		return &w.conversations
	case "messages":
		return &w.messages
	case "activities":
		return &w.activities
	case "agents":
		return &w.agents
	}
	return nil
}

// snapshot returns the rows of a kind that q admits, oldest first.
func (w *World) snapshot(kind string, q query) []row {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var rows []row
	for _, r := range w.table(kind).rows {
		if q.admits(r) {
			rows = append(rows, r)
		}
	}
	return rows
}

// conversation reads one conversation as it is now. It takes the lock whole, as
// all that looks up by id do: the first to look makes the index.
func (w *World) conversation(csid int64, into *conversation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, ok := w.conversations.row(strconv.FormatInt(csid, 10))
	if !ok {
		return fmt.Errorf("there is no conversation %d", csid)
	}
	return json.Unmarshal(r.body, into)
}

// message reads one message of a conversation, the newest for an empty id.
func (w *World) message(csid int64, id string, into *message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := &w.messages
	r, ok := t.row(id)
	for i := len(t.rows) - 1; i >= 0 && !ok && id == ""; i-- {
		r, ok = t.rows[i], t.rows[i].csid == csid
	}
	if !ok || r.csid != csid {
		return fmt.Errorf("conversation %d has no message %q", csid, id)
	}
	return json.Unmarshal(r.body, into)
}

// agentWithEmail finds the agent with an address.
func (w *World) agentWithEmail(email *string) (a agent, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, r := range w.agents.rows {
		if err := json.Unmarshal(r.body, &a); err == nil && email != nil && a.Email == *email {
			return a, true
		}
	}
	return agent{}, false
}

// change puts a conversation as it has become, and what is new of it, all at once.
func (w *World) change(c row, messages, activities []row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conversations.put(c)
	for _, m := range messages {
		w.messages.put(m)
	}
	for _, a := range activities {
		w.activities.put(a)
	}
}

// hire puts agents.
func (w *World) hire(agents []row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range agents {
		w.agents.put(a)
	}
}

// lastCSID is the highest there is, at least firstCSID.
func (w *World) lastCSID() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	last := int64(firstCSID)
	for _, r := range w.conversations.rows {
		last = max(last, r.csid)
	}
	return last
}

// table holds the rows of one kind, ordered by creation and then by id.
type table struct {
	rows []row
	byID map[string]row // nil until asked for
}

func byCreation(a, b row) int {
	return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.csid, b.csid), cmp.Compare(a.id, b.id))
}

// row returns the row with an id.
func (t *table) row(id string) (r row, ok bool) {
	if t.byID == nil {
		t.byID = make(map[string]row, len(t.rows))
		for _, r := range t.rows {
			t.byID[r.id] = r
		}
	}
	r, ok = t.byID[id]
	return r, ok
}

// sort puts the rows in order. They are wide, and code made for them alone would take thirty kilobytes of the program.
func (t *table) sort() {
	sort.Slice(t.rows, func(i, j int) bool { return byCreation(t.rows[i], t.rows[j]) < 0 })
}

func (t *table) put(r row) {
	have, again := t.row(r.id)
	t.byID[r.id] = r
	if again {
		i, _ := slices.BinarySearchFunc(t.rows, have, byCreation)
		if byCreation(have, r) == 0 {
			t.rows[i] = r
			return
		}
		t.rows = slices.Delete(t.rows, i, i+1)
	}
	i, _ := slices.BinarySearchFunc(t.rows, r, byCreation)
	t.rows = slices.Insert(t.rows, i, r)
}

func bodies(rows []row) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, r := range rows {
			if !yield(r.body) {
				return
			}
		}
	}
}
