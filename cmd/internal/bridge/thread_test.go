package bridge

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// posted makes a push that is to succeed, and returns the ids of what it sent, by source and in order. What was told of it
// before, by a count and by a plan, has to be just that.
func (r *rig) posted() map[string][]string {
	r.Helper()
	told := map[string]int{}
	sources, err := r.Store.Sources(r.Context())
	r.must(err)
	for _, src := range sources {
		told[src.Name], err = r.countPending(r.Context(), src)
		r.must(err)
	}
	plans, err := r.Plan(r.Context(), PushOptions{})
	r.must(err)
	ids, before := map[string][]string{}, len(r.posts())
	pushed, err := r.Push(r.Context(), PushOptions{})
	r.must(err)
	posts := r.posts()[before:]
	for i, p := range pushed {
		name := p.Source.Name
		ids[name] = nil
		for _, post := range posts[:p.Requests] {
			ids[name] = append(ids[name], post.ExternalIDs...)
		}
		posts = posts[p.Requests:]
		slices.Sort(ids[name])
		r.equal("of "+name+": counted, planned and sent", []int{told[name], plans[i].New + plans[i].Changed, plans[i].Requests}, []int{p.Sent, p.Sent, p.Requests})
		r.equal("ids sent of "+name, len(ids[name]), p.Sent)
	}
	return ids
}

// One conversation: a question, the answer after thirty seconds, and a note.
const (
	talk     = `{"id":7,"created_at":946684800000,"updated_at":1,"direction":"inbound","status":"open","initial_channel":"email","queue_name":"Returns"}`
	question = `{"id":"q","csid":7,"created_at":946684801000,"direction":"inbound","text":"Hvor er min pakke?"}`
	reply    = `{"id":"r","csid":7,"created_at":946684831000,"direction":"outbound","author_email":"ida@example.com"}`
	note     = `{"id":"n","conversationId":7,"activityTimestamp":"2000-01-01T00:01:00Z","_type":"NoteAdded","author":{"id":"a1"}}`
)

// with returns a body with one member changed.
func with(text, key string, value any) string {
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&members); err != nil {
		panic(err)
	}
	members[key] = value
	return body(members)
}

func TestAChangeSendsAgainWhatItChangesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name              string
		kind, body        string
		talks, says, acts []string // what is sent of conversations, messages and activities
	}{
		{name: "nothing", kind: "messages", body: question},
		{name: "the text of a message", kind: "messages", body: with(question, "text", "Hvor er pakken?")},
		{name: "a question that came a little earlier", kind: "messages", body: with(question, "created_at", 946684800500), says: []string{"q"}},
		{name: "a question that came earlier", kind: "messages", body: with(question, "created_at", 946684791000), talks: []string{"7"}, says: []string{"q", "r"}},
		{name: "a reply that came later", kind: "messages", body: with(reply, "created_at", 946684840000), talks: []string{"7"}, says: []string{"r"}},
		{name: "a reply that was automatic", kind: "messages", body: with(reply, "is_automated_message", true), talks: []string{"7"}, says: []string{"r"}},
		{name: "a reply by someone else", kind: "messages", body: with(reply, "author_email", "bo@example.com"), says: []string{"r"}},
		{name: "a question that was a reply", kind: "messages", body: with(question, "direction", "outbound"), talks: []string{"7"}, says: []string{"q", "r"}},
		{name: "a second question", kind: "messages", body: with(with(question, "id", "s"), "created_at", 946684861000), talks: []string{"7"}, says: []string{"s"}},
		{name: "a question before the first", kind: "messages", body: with(with(question, "id", "s"), "created_at", 946684800000), talks: []string{"7"}, says: []string{"s"}},
		{name: "an automatic message", kind: "messages", body: with(with(reply, "id", "s"), "is_automated_message", true), says: []string{"s"}},
		{name: "a message of another conversation", kind: "messages", body: with(with(question, "id", "s"), "csid", 8), says: []string{"s"}},
		{name: "a time of the conversation", kind: "conversations", body: with(talk, "updated_at", 5000), talks: []string{"7"}},
		{name: "a member of the conversation that no field shows", kind: "conversations", body: with(talk, "subject", "Pakke")},
		{name: "the status", kind: "conversations", body: with(talk, "status", "closed"), talks: []string{"7"}, says: []string{"q", "r"}, acts: []string{"n"}},
		{name: "the queue", kind: "conversations", body: with(talk, "queue_name", "Billing"), talks: []string{"7"}, says: []string{"q", "r"}, acts: []string{"n"}},
		{name: "the assignee", kind: "conversations", body: with(with(talk, "assignee_id", "a1"), "assignee_name", "Ida Holm"), talks: []string{"7"}, says: []string{"q", "r"}, acts: []string{"n"}},
		{name: "the direction", kind: "conversations", body: with(talk, "direction", "outbound"), talks: []string{"7"}, says: []string{"r"}},
		{name: "another activity", kind: "activities", body: with(note, "id", "a"), acts: []string{"a"}},
		{name: "an activity by someone else", kind: "activities", body: with(note, "author", nil), acts: []string{"n"}},
		{name: "what else Dixa tells of an activity", kind: "activities", body: with(note, "attributes", map[string]any{"b": 1})},
		{name: "a reopening", kind: "activities", body: with(note, "_type", "ConversationReopened"), talks: []string{"7"}, acts: []string{"n"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				for _, kind := range Kinds() {
					r.link(kind)
				}
				r.must(r.Store.SaveAgents(r.Context(), []store.Agent{
					{ID: "a1", Name: "Ida Holm", Emails: []string{"ida@example.com"}}, {ID: "a2", Name: "Bo Lund", Emails: []string{"bo@example.com"}},
				}, true))
				keep(r.T, r.Store, []store.Record{
					lift(t, "conversations", talk), lift(t, "messages", question), lift(t, "messages", reply), lift(t, "activities", note),
				})
				sent := func(when string, talks, says, acts []string) {
					r.equal("sent "+when, r.posted(), map[string][]string{"conversations": talks, "messages": says, "activities": acts})
				}
				sent("at first", []string{"7"}, []string{"q", "r"}, []string{"n"})
				keep(r.T, r.Store, []store.Record{lift(t, row.kind, row.body)})
				sent("then", row.talks, row.says, row.acts)
				sent("at last", nil, nil, nil)
			})
		})
	}
}

func TestAConversationLargerThanABatchIsNotLeftHalfSent(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		var all []store.Record
		for n := range 250 {
			all = append(all, lift(t, "messages", with(with(question, "id", fmt.Sprint("m", n)), "csid", 7+n/120)))
		}
		keep(r.T, r.Store, all)
		r.Patience = 0
		heal := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: 3, Count: -1, Status: 503})
		if _, err := r.Push(r.Context(), PushOptions{}); !Temporary(err) {
			r.Errorf("the push that is cut off: %v", err)
		}
		r.equal("registrations then", len(r.plecto.Registrations(src.UUID)), 200)
		heal()
		r.equal("the next push", tally(r.pushed()), "50 sent, 200 unchanged, 0 rejected, 1 requests")
	})
}

// The same in whatever conversations, by what the SQL script sees.
func TestARecordIsPendingWhereAFigureChangesAndNowhereElse(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		for i, kind := range []string{"conversations", "messages"} {
			uuid := r.plecto.AddDataSource("Dixa " + kind)
			_, _, err := r.Link(r.Context(), kind, uuid, "", &store.Choice{Keys: computedKeys[kind], Member: []string{Nobody, Assignee}[i]})
			r.must(err)
		}
		w, o := world{rand.New(rand.NewPCG(17, 4))}, newOracle(r.T, r.file)
		there := map[string]store.Record{}
		figures := func() map[string]map[string][]any {
			all := map[string]map[string][]any{}
			for kind := range computedKeys {
				all[kind] = o.figures(r.T, kind)
				for id, of := range all[kind] {
					all[kind][id] = append(of, there[kind+id].CreatedAt/1000) // the date goes out to the second
				}
			}
			return all
		}
		before := figures()
		changes := 0
		for round := range 60 {
			var news []store.Record
			if round%6 == 0 {
				news = w.thread(int64(round + 1))
			} else {
				for range one(w, 1, 1, 1, 2, 5) {
					key := one(w, slices.Sorted(maps.Keys(there))...)
					news = append(news, w.changed(there[key]))
				}
			}
			for _, n := range news {
				there[n.Kind+n.ID] = n
			}
			keep(r.T, r.Store, news)
			after, want := figures(), map[string][]string{"conversations": nil, "messages": nil}
			for kind, all := range after {
				for id, of := range all {
					if !reflect.DeepEqual(of, before[kind][id]) {
						want[kind] = append(want[kind], id)
						changes++
					}
				}
				slices.Sort(want[kind])
			}
			r.equal(fmt.Sprint("sent in round ", round), r.posted(), want)
			before = after
		}
		if changes < 60 {
			r.Errorf("only %d rows changed in all", changes)
		}
	})
}

// changed returns a record as it might be later: nothing of the agents, whom no figure shows.
func (w world) changed(r store.Record) store.Record {
	begin := start.UnixMilli() + r.CSID*1000
	var members map[string]any
	dec := json.NewDecoder(strings.NewReader(r.Body))
	dec.UseNumber()
	if err := dec.Decode(&members); err != nil {
		panic(err)
	}
	var fresh map[string]any
	switch r.Kind {
	case "conversations":
		fresh = w.conversation(r.CSID, begin)
	case "messages":
		at := one(w, r.CreatedAt, w.moment(begin))
		fresh = w.message(r.ID, r.CSID, at)
		r.CreatedAt, members["created_at"] = at, at
	case "activities":
		fresh = map[string]any{"_type": one[any](w, "ConversationReopened", "NoteAdded")}
	}
	key := one(w, slices.Sorted(maps.Keys(fresh))...)
	if key != "created_at" {
		members[key] = fresh[key]
	}
	r.Body = body(members)
	return r
}

func TestARegistrationIsWholeWhateverTheRecordsAre(t *testing.T) {
	w := world{rand.New(rand.NewPCG(2, 71))}
	wild := func() any {
		return one[any](w, nil, "", "NaN", "-Infinity", "1e999", "-5", -5, 0.5, 1e300, json.Number("1e999"), json.Number("-9223372036854775808"),
			json.Number("9223372036854775807"), []any{}, []any{1, nil, "a", []any{"b"}, map[string]any{"c": 1}}, map[string]any{}, map[string]any{"id": []int{1}}, true, "\x01\u2028")
	}
	for n := range 1000 {
		records := w.thread(int64(n + 1))
		for i := range records {
			var members map[string]any
			if err := json.Unmarshal([]byte(records[i].Body), &members); err != nil {
				t.Fatal(err)
			}
			for _, f := range Fields(records[i].Kind) {
				if w.IntN(4) == 0 {
					members[f.Key] = wild()
				}
			}
			for _, key := range []string{"ratings", "author", "custom_fields"} {
				if w.IntN(4) == 0 {
					members[key] = one[any](w, wild(), []any{wild(), wild()}, map[string]any{"id": wild(), "email": wild()})
				}
			}
			records[i].Body = body(members)
		}
		th, err := newThread(records, always)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range th.records {
			m := mapped(r.Kind)
			m.fields = Fields(r.Kind)
			row := m.registration(m.subject(th, r))
			if got, want := names(row), titlesOf(m.fields); !slices.Equal(got, want) {
				t.Fatalf("%s has the keys %v, want %v", r.Body, got, want)
			}
			if text := row.AppendJSON(nil); !json.Valid(text) {
				t.Fatalf("%s becomes %s", r.Body, text)
			}
			for i, f := range m.fields {
				computed := slices.Contains(computedKeys[r.Kind], f.Key)
				switch v := row.Fields[i].Value.(type) {
				case int64:
					if computed && v < 0 {
						t.Errorf("%s of %s is %d", f.Key, r.Body, v)
					}
				case float64:
					if math.IsNaN(v) || math.IsInf(v, 0) || computed && v < 0 {
						t.Errorf("%s of %s is %v", f.Key, r.Body, v)
					}
				}
			}
		}
	}
}

// Imports and pushes run side by side, at random paces, while Dixa's records change and both services fail now and then:
// what Plecto is sent of a record never is older than what it was sent before, and at last it is the newest.
func TestARowNeverGoesBackToAnOlderOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(fewer(2)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { bubble(t, func(r *rig) { r.neverBack(world{rand.New(rand.NewPCG(seed, 8))}) }) })
	}
}

func (r *rig) neverBack(w world) {
	const talks = 8
	conversations, messages := r.link("conversations"), r.link("messages")
	r.plecto.Behaviour.Latency = 700 * time.Millisecond
	r.dixa.Behaviour.SlowFirstByte = 900 * time.Millisecond
	versions := map[string]int64{} // by kind and id, as Dixa has them
	began := time.Now().Add(-time.Hour)
	put := func(kind, id string, csid int) {
		versions[kind+id]++
		version := versions[kind+id]
		if kind == "messages" {
			r.put(kind, fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"direction":"inbound","duration":%d}`, id, csid, began.UnixMilli(), version))
			return
		}
		r.put(kind, fmt.Sprintf(`{"id":%s,"created_at":%d,"updated_at":%d,"status":"open","total_duration":%d}`, id, began.UnixMilli(), time.Now().UnixMilli(), version))
	}
	var mu sync.Mutex
	sent := map[string][2]int64{} // the versions and numbers of messages that Plecto was sent
	r.plecto.Refuse = func(row map[string]any) string {
		mu.Lock()
		defer mu.Unlock()
		number := func(name string) int64 {
			text, _ := row[name].(json.Number)
			n, _ := strconv.ParseInt(string(text), 10, 64)
			return n
		}
		id := fmt.Sprint(row["external_id"])
		now := [2]int64{number("Total duration") + number("Duration"), number("Messages in")}
		if then := sent[id]; now[0] < then[0] || now[1] < then[1] {
			r.Errorf("%s went from version and messages %v back to %v", id, then, now)
		}
		sent[id] = now
		return ""
	}
	seed := w.Uint64()
	pace := func(n uint64, most time.Duration, work func(world)) func() {
		return func() {
			w := world{rand.New(rand.NewPCG(seed, n))}
			for end := time.Now().Add(time.Duration(fewer(4)) * time.Minute); time.Now().Before(end); {
				time.Sleep(time.Duration(w.Int64N(int64(most))))
				work(w)
			}
		}
	}
	var all sync.WaitGroup
	all.Go(pace(1, 2*time.Second, func(w world) {
		csid := 1 + w.IntN(talks)
		if w.IntN(2) == 0 {
			put("conversations", strconv.Itoa(csid), csid)
		} else {
			put("messages", fmt.Sprintf("m%d-%d", csid, w.IntN(6)), csid)
		}
	}))
	all.Go(pace(2, 4*time.Second, func(w world) {
		if w.IntN(4) == 0 {
			endpoint := one(w, dixatest.ConversationExport, dixatest.MessageExport)
			r.dixa.Fault(dixatest.Fault{Endpoint: endpoint, Request: len(r.exports(endpoint)) + 1, Do: one(w, dixatest.Cut, dixatest.Short), Bytes: w.Int64N(2000)})
		}
		kinds := one(w, Kinds()[:2], Kinds()[:1], Kinds()[1:2])
		_, err := r.Import(r.Context(), Range{From: began.Add(-time.Minute), To: began.Add(2 * time.Hour), Kinds: kinds, Restart: w.IntN(2) == 0})
		if err != nil && !Temporary(err) {
			r.Errorf("an import: %v", err)
		}
	}))
	all.Go(pace(3, 4*time.Second, func(w world) {
		if w.IntN(4) == 0 {
			r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", AfterStoring: w.IntN(2) == 0, Drop: w.IntN(2) == 0, Status: 503})
		}
		if _, err := r.Push(r.Context(), PushOptions{}); err != nil && !Temporary(err) {
			r.Errorf("a push: %v", err)
		}
	}))
	all.Wait()
	r.dixa.Heal()
	r.imported(Range{From: began.Add(-time.Minute), To: began.Add(2 * time.Hour), Kinds: Kinds()[:2], Restart: true})
	for range 2 { // a fault may be left
		r.pushed()
	}
	for kind, src := range map[string]store.Source{"conversations": conversations, "messages": messages} {
		rows := r.plecto.Registrations(src.UUID)
		for _, row := range rows {
			field := map[string]string{"conversations": "Total duration", "messages": "Duration"}[kind]
			r.equal("the version of "+row.ExternalID, fmt.Sprint(row.Fields[field]), fmt.Sprint(versions[kind+row.ExternalID]))
			delete(versions, kind+row.ExternalID)
		}
	}
	r.equal("records that Plecto lacks", versions, map[string]int64{})
}
