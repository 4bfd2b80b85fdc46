package bridge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// shows are the values that Plecto has of a record in some fields.
func (r *rig) shows(src store.Source, id string, titles ...string) string {
	r.Helper()
	for _, row := range r.plecto.Registrations(src.UUID) {
		if row.ExternalID == id {
			var values []string
			for _, title := range titles {
				values = append(values, fmt.Sprint(row.Fields[title]))
			}
			return strings.Join(values, " ")
		}
	}
	return "no row"
}

// figuresOfMessages are the titles of the fields of conversations that are made of messages.
var figuresOfMessages = []string{"First response seconds", "Messages in", "Messages out", "One touch"}

// oldConversation is one that began with the world, and whose last message is of the end of the hundred days.
func oldConversation(updated time.Time) string {
	return fmt.Sprintf(`{"id":1,"created_at":%d,"updated_at":%d,"status":"closed","direction":"inbound","last_message_created_at":%d}`,
		hour(0).UnixMilli(), updated.UnixMilli(), hour(2398).UnixMilli())
}

func oldMessage(id string, n int, direction string) string {
	return fmt.Sprintf(`{"id":%q,"csid":1,"created_at":%d,"direction":%q}`, id, hour(n).UnixMilli(), direction)
}

func TestHalfAConversationHasNoFiguresUntilTheRestIsImported(t *testing.T) {
	bubble(t, func(r *rig) {
		talks, says := r.link("conversations"), r.link("messages")
		r.put("messages", oldMessage("a", 0, "inbound"), oldMessage("b", 1, "outbound"), oldMessage("c", 2396, "inbound"), oldMessage("d", 2398, "outbound"))
		r.synced() // which has the messages of the last thirty days
		time.Sleep(time.Hour)
		r.put("conversations", oldConversation(time.Now().Add(-time.Minute)))
		r.synced()
		r.equal("figures of a half", r.shows(talks, "1", figuresOfMessages...), "<nil> <nil> <nil> <nil>")
		r.equal("first reply, and time since the one before", r.shows(says, "d", "First reply", "Since previous seconds"), "<nil> 7200")
		r.imported(Range{From: start, To: start.Add(80 * day), Kinds: []string{"messages"}})
		r.posted()
		r.equal("figures of the whole", r.shows(talks, "1", figuresOfMessages...), "3600 2 2 false")
		r.equal("the first reply", r.shows(says, "b", "First reply", "Since previous seconds"), "true 3600")
		r.equal("a later reply", r.shows(says, "d", "First reply", "Since previous seconds"), "false 7200")
		r.settled()
	})
}

// The messages of an answer that broke off are in the cache before it is known that they are all.
func TestFiguresComeWhenTheRestOfTheirTimeIsCoveredThoughNoMessageChanges(t *testing.T) {
	for name, covered := range map[string][2]store.Span{
		"beyond all that is covered": {{From: start, To: hour(3)}, {From: hour(3), To: hour(9)}},
		"before a gap":               {{From: start, To: hour(3)}, {From: hour(3), To: hour(8)}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				src := r.link("conversations")
				if name == "before a gap" {
					keepOf(r.T, r.Store, []store.Record{lift(t, "messages", message(20, ""))}, store.Span{From: hour(10), To: hour(30)})
				}
				answer := lift(t, "messages", oldMessage("b", 4, "outbound"))
				keepOf(r.T, r.Store, []store.Record{lift(t, "conversations", with(oldConversation(start), "last_message_created_at", hour(4).UnixMilli()))}, covered[0])
				keepOf(r.T, r.Store, []store.Record{lift(t, "messages", oldMessage("a", 0, "inbound"))}, covered[0])
				keepOf(r.T, r.Store, []store.Record{answer}, store.Span{From: hour(3), To: hour(3)})
				r.posted()
				r.equal("figures at first", r.shows(src, "1", figuresOfMessages...), "<nil> <nil> <nil> <nil>")
				keepOf(r.T, r.Store, []store.Record{answer}, covered[1])
				r.posted()
				r.equal("figures then", r.shows(src, "1", figuresOfMessages...), "14400 1 1 true")
				r.settled()
			})
		})
	}
}

func TestOnlyWhatIsMadeOfMessagesIsMappedAgainForABackfillAndNothingForASync(t *testing.T) {
	for _, row := range []struct {
		kind, fields string
		again        bool
	}{
		{"conversations", "", true},
		{"conversations", "status,messages_in", true},
		{"conversations", "status,close_seconds", false},
		{"messages", "", true},
		{"messages", "since_previous_seconds", true},
		{"messages", "direction,queue_name", false},
		{"activities", "", false},
	} {
		t.Run(row.kind+" "+row.fields, func(t *testing.T) {
			bubble(t, func(r *rig) {
				keys, err := r.Choose(r.Context(), row.kind, row.fields)
				r.must(err)
				src, _, err := r.Link(r.Context(), row.kind, r.plecto.AddDataSource("Dixa"), "", &store.Choice{Keys: keys})
				r.must(err)
				digest := func() string {
					m, err := r.mapping(r.Context(), src)
					r.must(err)
					return m.digest
				}
				one := []store.Record{lift(t, "messages", message(1000, ""))}
				keepOf(r.T, r.Store, one, store.Span{From: hour(1000), To: hour(2000)})
				before := digest()
				keepOf(r.T, r.Store, one, store.Span{From: hour(1999), To: hour(2100)})
				r.equal("as before, after a sync", digest() == before, true)
				keepOf(r.T, r.Store, one, store.Span{From: hour(900), To: hour(1000)})
				adjacent := digest()
				r.equal("another, after a backfill", adjacent != before, row.again)
				keepOf(r.T, r.Store, one, store.Span{From: hour(0), To: hour(100)})
				r.equal("another, after a backfill of long before", digest() != adjacent, row.again)
			})
		})
	}
}

func TestAPushSaysWhichFieldsStayEmptyWithoutMessages(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("conversations")
		for n := range 150 {
			r.put("conversations", conversation(n, hour(n)))
		}
		r.imported(Range{From: start, To: hour(200), Kinds: []string{"conversations"}})
		log := r.warned()
		warned := func(want int) {
			r.Helper()
			r.pushed()
			r.equal("warnings", strings.Count(log.String(), "one_touch first_response_seconds messages_in messages_out"), want)
			log.Reset()
		}
		warned(1)
		warned(0) // there is nothing to send
		r.imported(Range{From: start, To: hour(200), Kinds: []string{"messages"}})
		r.put("conversations", conversation(150, hour(151)))
		r.imported(Range{From: start, To: hour(201), Kinds: []string{"conversations"}})
		warned(0)
	})
	bubble(t, func(r *rig) {
		_, _, err := r.Link(r.Context(), "conversations", r.plecto.AddDataSource("Dixa"), "", &store.Choice{Keys: []string{"status"}})
		r.must(err)
		r.put("conversations", conversation(0, hour(1)))
		r.imported(Range{From: start, To: hour(10), Kinds: []string{"conversations"}})
		log := r.warned()
		r.pushed()
		r.equal("warnings without such fields", log.String(), "")
	})
}
