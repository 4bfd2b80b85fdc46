package bridge

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// A world makes conversations with all that is awkward in them.
type world struct{ *rand.Rand }

// one returns one of some values, each as likely; a value that is there twice is twice as likely.
func one[T any](w world, of ...T) T { return of[w.IntN(len(of))] }

// moment is a time within minutes of the beginning of a conversation, often the same as another.
func (w world) moment(begin int64) int64 {
	return begin + one(w, 0, 0, 1000, 1000, 999, 60_000, int64(w.IntN(300_000)), int64(w.IntN(5))*1000)
}

// told is a moment as Dixa might tell it, or not tell it; often one before the beginning.
func (w world) told(begin int64) any {
	at := w.moment(begin) - one[int64](w, 0, 0, 0, 2000)
	return one[any](w, at, at, at, at, fmt.Sprint(at), float64(at), nil, 0, absent)
}

// absent is the value of a member that is left out.
const absent = "\x00"

// body makes JSON of members, without those that are absent.
func body(members map[string]any) string {
	for key, value := range members {
		if value == absent {
			delete(members, key)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// thread makes the records of one conversation.
func (w world) thread(csid int64) []store.Record {
	begin := start.UnixMilli() + csid*1000
	var all []store.Record
	add := func(kind, id string, at int64, members map[string]any) {
		all = append(all, store.Record{Kind: kind, ID: id, CSID: csid, CreatedAt: at, Body: body(members)})
	}
	if w.IntN(10) > 0 {
		add("conversations", fmt.Sprint(csid), begin, w.conversation(csid, begin))
	}
	for n := range one(w, 0, 1, 2, 3, 4, 5, 12) {
		at := w.moment(begin)
		id := fmt.Sprintf("m%d-%d-%d", csid, w.IntN(10), n)
		add("messages", id, at, w.message(id, csid, at))
	}
	for n := range one(w, 0, 0, 0, 1, 3) {
		at := w.moment(begin)
		id := fmt.Sprintf("a%d-%d", csid, n)
		add("activities", id, at, map[string]any{
			"id": id, "conversationId": csid, "activityTimestamp": time.UnixMilli(at).UTC(),
			"_type":        one[any](w, absent, nil, "", "ConversationClosed", "ConversationReopened", "ConversationAssigned"),
			"activityType": one[any](w, absent, nil, "ConversationReopened", "conversationreopened", "NoteAdded"),
		})
	}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func (w world) conversation(csid, begin int64) map[string]any {
	return map[string]any{
		"id": csid, "created_at": one[any](w, begin, begin, fmt.Sprint(begin)),
		"status":    one[any](w, "open", "closed", "closed", "Closed", "CLOSED", "pending", "", nil, absent),
		"direction": one[any](w, "inbound", "inbound", "inbound", "Inbound", "outbound", "OUTBOUND", nil, "", absent),
		"queued_at": w.told(begin), "assigned_at": w.told(begin), "closed_at": w.told(begin), "last_message_created_at": w.told(begin),
		"ratings": w.ratings(begin),
	}
}

func (w world) message(id string, csid, at int64) map[string]any {
	return map[string]any{
		"id": id, "csid": csid, "created_at": at,
		"direction":            one[any](w, "inbound", "inbound", "inbound", "outbound", "outbound", "outbound", "Inbound", "OUTBOUND", "internal", nil, "", absent),
		"is_automated_message": one[any](w, false, false, false, absent, absent, nil, true, true, "true", "False", "1", 1, 0, "yes", "no", "perhaps"),
		"author_email":         one[any](w, "ida@example.com", "mette@example.com", nil, absent),
	}
}

func (w world) ratings(begin int64) any {
	switch w.IntN(8) {
	case 0:
		return absent
	case 1:
		return nil
	case 2:
		return one[any](w, "5", 5, map[string]any{"rating_score": 5, "rating_type": "CSAT", "rating_status": "Rated"})
	}
	all := []any{}
	for range w.IntN(5) {
		if w.IntN(12) == 0 {
			all = append(all, one[any](w, nil, 5, "CSAT", []int{5}))
			continue
		}
		rating := map[string]any{
			"rating_score":              one[any](w, 1, 2, 3, 3.5, 4, 5, 5, 5.0, "4", "2", "good", "", 0, -1, 6, 10, nil, absent),
			"rating_type":               one[any](w, "CSAT", "CSAT", "Csat", "csat", "stars", "STARS", "NPS", "CES", "ThumbsUpOrDown", nil, absent),
			"rating_status":             one[any](w, "Rated", "Rated", "rated", "RATED", "Offered", "Scheduled", "Cancelled", "", nil, absent),
			"rating_rated_timestamp":    w.told(begin),
			"rating_modified_timestamp": w.told(begin),
			"rating_created_timestamp":  w.told(begin),
		}
		body(rating)
		all = append(all, rating)
	}
	return all
}

// keep saves records as they would come in a later answer than those before, to a request for the first day.
func keep(t *testing.T, s *store.Store, records []store.Record) {
	t.Helper()
	keepOf(t, s, records, store.Span{From: start, To: start.Add(day)})
}

// keepOf saves records as they would come in a later answer than those before, to a request for a stretch of time.
func keepOf(t *testing.T, s *store.Store, records []store.Record, span store.Span) {
	t.Helper()
	of := map[string][]store.Record{}
	for _, r := range records {
		of[r.Kind] = append(of[r.Kind], r)
	}
	for _, kind := range Kinds() {
		if len(of[kind]) == 0 {
			continue
		}
		run := store.Run{Command: "import", Kinds: []string{kind}, Starts: span.From, Ends: span.To, Began: span.To}
		run, err := s.StartRun(t.Context(), run, []store.Window{{Kind: kind, By: "created", Starts: run.Starts, Ends: run.Ends}})
		if err != nil {
			t.Fatal(err)
		}
		left, err := s.WindowsLeft(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		request, _, err := s.Spend(t.Context(), store.Budget{Name: kind})
		if err != nil {
			t.Fatal(err)
		}
		batches := make(chan store.Batch, 1)
		batches <- store.Batch{Records: of[kind], Whole: true}
		close(batches)
		if _, err := s.Save(t.Context(), store.Answer{Window: left[0], Request: request, Asked: span.To}, batches); err != nil {
			t.Fatal(err)
		}
	}
}

// computedBy says which view of testdata/computed.sql computes the fields of a kind.
var computedBy = map[string]string{"conversations": "computed_conversations", "messages": "computed_messages"}

// computedKeys are the fields that the views compute, in the order of their columns.
var computedKeys = map[string][]string{
	"conversations": {
		"first_response_seconds", "assignment_seconds", "queue_seconds", "close_seconds", "messages_in", "messages_out",
		"one_touch", "reopened", "closed", "csat_score", "satisfied",
	},
	"messages": {"since_previous_seconds", "first_reply"},
}

// An oracle computes the fields once more, with SQL, from the file of a cache.
type oracle struct{ *sql.Conn }

func newOracle(t *testing.T, cache string) oracle {
	t.Helper()
	script, err := os.ReadFile("testdata/computed.sql")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", cache)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = conn.ExecContext(t.Context(), string(script)) // whose views belong to one connection
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); db.Close() })
	return oracle{conn}
}

// figures returns the computed fields of all records of a kind by id, as SQLite has them.
func (o oracle) figures(t *testing.T, kind string) map[string][]any {
	t.Helper()
	query := "SELECT id"
	for _, key := range computedKeys[kind] {
		query += ", " + key
	}
	rows, err := o.QueryContext(context.WithoutCancel(t.Context()), query+" FROM "+computedBy[kind])
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string][]any{}
	for rows.Next() {
		var id string
		figures := make([]any, len(computedKeys[kind]))
		into := []any{&id}
		for i := range figures {
			into = append(into, &figures[i])
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all[id] = figures
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// asSQLite is a value of a registration as SQLite would have it.
func asSQLite(value any) any {
	switch v := value.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	}
	return value
}

// spans are stretches of the time of a thousand conversations: a long one, and then some that overlap, meet, or have a gap
// before them, in no order.
func (w world) spans() (all []store.Span) {
	for at, end := start, start.Add(10*time.Minute); at.Before(start.Add(20 * time.Minute)); {
		all = append(all, store.Span{From: at, To: end})
		at = end.Add(one(w, -time.Millisecond, 0, time.Millisecond, 4*time.Second, 30*time.Second))
		end = at.Add(one(w, time.Second, time.Minute, 5*time.Minute))
	}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

func TestComputedFieldsAreThoseOfTheSQLScript(t *testing.T) {
	t.Parallel()
	const worlds = 1000
	cache := filepath.Join(t.TempDir(), "cache.db")
	s, err := store.Open(t.Context(), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := world{rand.New(rand.NewPCG(4711, 1))}
	var records []store.Record
	want := map[string]int{}
	for n := range worlds {
		records = append(records, w.thread(int64(n+1))...)
	}
	for n := range 20 { // which name no conversation
		at := w.moment(start.UnixMilli())
		id := fmt.Sprintf("alone%d", n)
		m := w.message(id, 0, at)
		m["csid"] = nil
		records = append(records, store.Record{Kind: "messages", ID: id, CreatedAt: at, Body: body(m)})
	}
	w.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
	for _, r := range records {
		want[r.Kind]++
	}
	// A request for no time at all brings the records, and covers nothing.
	keepOf(t, s, records, store.Span{From: start.Add(day), To: start.Add(day)})
	for _, span := range w.spans() {
		keepOf(t, s, []store.Record{records[slices.IndexFunc(records, func(r store.Record) bool { return r.Kind == "messages" })]}, span)
	}
	b := &Bridge{Store: s}
	o := newOracle(t, cache)
	for i, kind := range []string{"conversations", "messages"} {
		src, _, err := b.Link(t.Context(), kind, fmt.Sprintf("%032x", i+1), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.mapping(t.Context(), src)
		if err != nil {
			t.Fatal(err)
		}
		figures := o.figures(t, kind)
		seen := map[string]bool{}
		values := map[string]map[string]int{}
		for step, err := range b.walk(t.Context(), m) {
			if err != nil {
				t.Fatal(err)
			}
			for _, it := range step.items {
				if seen[it.record.ID] {
					t.Errorf("%s %s is walked over twice", kind, it.record.ID)
				}
				seen[it.record.ID] = true
				for n, key := range computedKeys[kind] {
					got := asSQLite(valueOf(t, it, m, key))
					if want := asSQLite(figures[it.record.ID][n]); !reflect.DeepEqual(got, want) {
						t.Errorf("%s of %s %s is %v, and %v by the script: %s", key, kind, it.record.ID, got, want, it.record.Body)
					}
					if values[key] == nil {
						values[key] = map[string]int{}
					}
					values[key][fmt.Sprint(got)]++
				}
			}
		}
		if len(seen) != want[kind] || len(figures) != want[kind] {
			t.Errorf("%d %s: the mapping made %d, the script %d", want[kind], kind, len(seen), len(figures))
		}
		for key, of := range values {
			if len(of) < 2 || of["<nil>"] == want[kind] {
				t.Errorf("the worlds show too little of %s: %v", key, of)
			}
		}
	}
}

// valueOf is the value of a field of a registration by the field's key.
func valueOf(t *testing.T, it item, m *mapping, key string) any {
	t.Helper()
	for i, f := range m.fields {
		if f.Key == key {
			return it.row.Fields[i].Value
		}
	}
	t.Fatalf("there is no field %s", key)
	return nil
}
