package dixatest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestTheActivityLogAdmitsWhatLiesBetweenItsBounds(t *testing.T) {
	for _, row := range []struct {
		from, to int
		after    bool
		before   bool
		want     string
	}{
		{0, 24, false, false, "l1 l2 l3"},
		{2, 2, false, false, "l2"},
		{1, 2, false, false, "l1 l2"},
		{1, 3, true, false, "l2 l3"},
		{1, 3, false, true, "l1 l2"},
		{1, 3, true, true, "l2"},
		{4, 90 * 24, false, false, ""},
	} {
		s := behaving(t, func(b *dixatest.Behaviour) { b.ExclusiveAfter, b.ExclusiveBefore = row.after, row.before })
		if _, ids := readPage(t, s, activitiesBetween(row.from, row.to)); strings.Join(ids, " ") != row.want {
			t.Errorf("%+v: %v", row, ids)
		}
	}
	if _, ids := readPage(t, small(t), activityLog("2025-10-06T03:00:00+02:00", "2025-10-06T02:59:59.999Z")); strings.Join(ids, " ") != "l1 l2" {
		t.Errorf("in another zone: %v", ids)
	}
}

func TestSpansThatTheActivityLogRefuses(t *testing.T) {
	const from, to = "2025-10-06T00:00:00Z", "2025-10-07T00:00:00Z"
	for _, row := range []struct {
		path string
		want int
	}{
		{activitiesBetween(0, 90*24), 200},
		{activityLog(from, "2026-01-04T00:00:01Z"), 400},
		{activityLog(to, from), 400},
		{activityLog(from, ""), 400},
		{activityLog("", to), 400},
		{activityLog(from, "tomorrow"), 400},
		{activityLog(from, "2025-10-07"), 400},
		{activityLog(from, "1759795200000"), 400},
		{"/v1/conversations/activitylog", 400},
		{"/v1/conversations/activitylog?fromDatetime=" + from, 400},
	} {
		got := get(small(t), row.path)
		if got.Code != row.want || row.want == 400 && got.Body.String() != `{"message":"Invalid value in request"}` {
			t.Errorf("%s is answered %d %s, want %d", row.path, got.Code, got.Body, row.want)
		}
	}
}

func TestAnActivityIsSeenOnlyWhenTheLagHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &dixatest.Server{World: new(dixatest.World), Behaviour: dixatest.Behaviour{Lag: time.Minute}}
		put(t, s.World, "activities", fmt.Sprintf(`{"id":"l1","activityTimestamp":%q}`, time.Now().Format(time.RFC3339)))
		path := activityLog(time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339))
		_, before := readPage(t, s, path)
		time.Sleep(time.Minute)
		if _, after := readPage(t, s, path); len(before) != 0 || len(after) != 1 {
			t.Errorf("%v at once, %v a minute later", before, after)
		}
	})
}

func TestABulkOfRowsLeavesTheActivityLogToTheWorld(t *testing.T) {
	s := small(t)
	s.Bulk = &dixatest.Bulk{Messages: 10, Conversations: 10, From: start, To: start.AddDate(0, 0, 1)}
	if _, ids := readPage(t, s, activitiesBetween(0, 24)); len(ids) != 3 {
		t.Errorf("the log has %v", ids)
	}
}

// logged is an activity of a made world.
type logged struct {
	ID           string
	Conversation int64     `json:"conversationId"`
	Time         string    `json:"activityTimestamp"`
	Type         string    `json:"_type"`
	OldType      string    `json:"activityType"`
	Author       record    `json:"author"`
	Attributes   record    `json:"attributes"`
	at           time.Time // Time
}

// logOf returns the activities of a world, by conversation and in the order of time.
func logOf(t *testing.T, w *dixatest.World) map[int64][]logged {
	t.Helper()
	all := map[int64][]logged{}
	seen, before := map[string]bool{}, time.Time{}
	for _, a := range decode[logged](t, array(w.Activities())) {
		plain, ok := strings.CutSuffix(a.Time, "[GMT]")
		at, err := time.Parse("2006-01-02T15:04:05.000Z", plain)
		if a.at = at; err != nil || !ok || at.Before(before) || seen[a.ID] || len(a.ID) != 36 {
			t.Fatalf("%+v: %v, or it is there twice, or older than the one before", a, err)
		}
		if a.Type == "" || a.OldType != a.Type || a.Attributes.text("_type") == "" {
			t.Fatalf("%+v has no type", a)
		}
		seen[a.ID], before = true, at
		all[a.Conversation] = append(all[a.Conversation], a)
	}
	return all
}

// of returns the activities of one type.
func of(log []logged, kinds ...string) (found []logged) {
	for _, a := range log {
		if slices.Contains(kinds, a.Type) {
			found = append(found, a)
		}
	}
	return found
}

// milliseconds is a time in a record.
func (r record) milliseconds(key string) time.Time {
	ms, _ := r[key].(float64)
	return time.UnixMilli(int64(ms))
}

// Who does what; the rest is done by agents. Nobody may be a rule that closes.
var (
	byCustomers = []string{"ConversationCreatedByCustomer", "MessageAddedByCustomer", "ConversationRated", "ConversationReopened"}
	byNobody    = []string{"ConversationAutoreplySent", "ConversationOffered", "ConversationRatingScheduled", "ConversationRatingOffered",
		"ConversationRatingCancelled", "ConversationClosed"}
)

func TestActivitiesTellWhatBecameOfTheirConversations(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 40)})
	log := logOf(t, w)
	messages := map[int64][]record{}
	for _, m := range decode[record](t, array(w.Messages())) {
		csid := int64(m["csid"].(float64))
		messages[csid] = append(messages[csid], m)
	}
	conversations := decode[record](t, array(w.Conversations()))
	if len(log) != len(conversations) {
		t.Errorf("%d conversations have activities, of %d", len(log), len(conversations))
	}
	for _, c := range conversations {
		id := int64(c["id"].(float64))
		own := log[id]
		bad := func(what string) { t.Errorf("%s: %s of conversation %d, %v", what, c.text("status"), id, own) }
		begun := of(own, "ConversationCreatedByCustomer", "ConversationCreatedByAgent")
		if len(begun) != 1 || begun[0].at != c.milliseconds("created_at").UTC() || (begun[0].Type == "ConversationCreatedByAgent") != c.is("direction", "outbound") {
			bad("it begins otherwise")
		}
		for _, a := range own {
			if a.at.Before(c.milliseconds("created_at")) || a.at.After(c.milliseconds("updated_at")) {
				bad(a.Type + " is outside its time")
			}
			if a.Author == nil {
				if !slices.Contains(byNobody, a.Type) {
					bad(a.Type + " is by nobody")
				}
				continue
			}
			customer := a.Author.text("id") == c.text("requester_id")
			if customer && (a.Author.text("name") != c.text("requester_name") || a.Author.text("email") != c.text("requester_email") || a.Author.text("phoneNumber") != c.text("requester_phone_number")) {
				bad("its customer is another")
			}
			if slices.Contains(byCustomers, a.Type) != customer {
				bad(a.Type + " is by somebody else")
			}
			if !customer && !strings.HasSuffix(a.Author.text("email"), "@support.example.com") {
				bad("its agent is none")
			}
		}
		checkMessages(t, own, messages[id])
		assigned := of(own, "ConversationAssigned")
		if (len(assigned) > 0) != c.has("assigned_at") {
			bad("it is assigned otherwise")
		}
		if n := len(assigned); n > 0 && (assigned[n-1].at != c.milliseconds("assigned_at").UTC() || assigned[n-1].Attributes.text("agentId") != c.text("assignee_id")) {
			bad("it is assigned to another")
		}
		closed := of(own, "ConversationClosed")
		if (len(closed) > 0) != c.has("closed_at") || len(closed) > 0 && closed[len(closed)-1].at != c.milliseconds("closed_at").UTC() {
			bad("it is closed otherwise")
		}
		reopened := of(own, "ConversationReopened")
		if len(reopened) > 1 || len(closed) == 2 && len(reopened) == 0 || c.has("closed_at") && !c.is("status", "closed") && len(reopened) == 0 {
			bad("it is reopened otherwise")
		}
		if (len(of(own, "ConversationPending")) == 1) != c.is("status", "pending") {
			bad("it is pending otherwise")
		}
		var tags []any
		for _, a := range of(own, "TagAdded") {
			tags = append(tags, a.Attributes["tagName"])
		}
		if !sameElements(tags, c.list("tags")) {
			bad("its tags are others")
		}
		if n := len(of(own, "NoteAdded")); !c.has("anonymized_at") && n != len(c.list("conversation_wrapup_notes")) {
			bad("its notes are others")
		}
		if rated := of(own, "ConversationRated"); (len(rated) == 1) != c.has("rating_score") || len(rated) == 1 && rated[0].Attributes["ratingScore"] != c["rating_score"] {
			bad("it is rated otherwise")
		}
		offered := of(own, "ConversationOffered")
		answered := of(own, "ConversationOfferAccepted", "ConversationOfferRejected", "ConversationOfferTimeout")
		if len(offered) != len(answered) {
			bad("an offer has no answer")
		}
	}
}

// checkMessages holds messages against the activities that tell of them.
func checkMessages(t *testing.T, own []logged, messages []record) {
	t.Helper()
	told := map[any]logged{}
	for _, a := range of(own, "MessageAddedByCustomer", "MessageAddedByAgent", "ConversationAutoreplySent") {
		told[a.Attributes["messageId"]] = a
	}
	if len(told) != len(messages) {
		t.Errorf("%d messages, of %d that activities tell of", len(messages), len(told))
	}
	for _, m := range messages {
		a, want := told[m["id"]], "MessageAddedByAgent"
		switch {
		case m.is("is_automated_message", true):
			want = "ConversationAutoreplySent"
		case m.is("direction", "inbound"):
			want = "MessageAddedByCustomer"
		}
		if a.Type != want || a.at != m.milliseconds("created_at").UTC() || want == "MessageAddedByAgent" && a.Author.text("email") != m.text("author_email") {
			t.Errorf("%+v is told of by %+v", m, a)
		}
	}
}

func sameElements(a, b []any) bool {
	count := map[any]int{}
	for _, v := range a {
		count[v]++
	}
	for _, v := range b {
		count[v]--
	}
	return !slices.ContainsFunc(slices.Collect(maps.Values(count)), func(n int) bool { return n != 0 })
}

func TestActivitiesOfAnonymisedConversationsNameNoCustomer(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 40)})
	log, looked := logOf(t, w), 0
	for _, c := range decode[record](t, array(w.Conversations())) {
		if !c.has("anonymized_at") {
			continue
		}
		for _, a := range log[int64(c["id"].(float64))] {
			if a.Author.text("id") != c.text("requester_id") {
				continue
			}
			looked++
			if a.Author.has("name") || a.Author.has("email") || a.Author.has("phoneNumber") {
				t.Errorf("%+v names who did it", a)
			}
		}
	}
	if looked == 0 {
		t.Error("no customer of an anonymised conversation did anything")
	}
}

func TestNinetyDaysHoldActivitiesOfEveryTypeThatIsMade(t *testing.T) {
	count := map[string]int{}
	for _, own := range logOf(t, dixatest.NewWorld(dixatest.Team{Seed: 1})) {
		for _, a := range own {
			count[a.Type]++
		}
	}
	// Of the types that Dixa lists: https://docs.dixa.io/openapi/dixa-api
	want := strings.Fields("ConversationCreatedByCustomer ConversationCreatedByAgent ConversationAssigned ConversationUnassigned " +
		"ConversationClaimed ConversationOffered ConversationOfferAccepted ConversationOfferRejected ConversationOfferTimeout " +
		"ConversationClosed ConversationReopened ConversationPending ConversationCustomAttributesUpdated ConversationAutoreplySent " +
		"ConversationRatingScheduled ConversationRatingOffered ConversationRatingCancelled ConversationRated MessageAddedByCustomer " +
		"MessageAddedByAgent NoteAdded TagAdded TransferInitiated TransferSuccessful")
	if got := slices.Sorted(maps.Keys(count)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("the types are %v, want %v", count, want)
	}
}

func TestActivitiesHappenInTheTimeOfTheWorldAndHaveOneShape(t *testing.T) {
	from := start.Add(11 * time.Hour)
	w := dixatest.NewWorld(dixatest.Team{Seed: 3, From: from, To: from.AddDate(0, 0, 20)})
	for _, own := range logOf(t, w) {
		for _, a := range own {
			if a.at.Before(from) || !a.at.Before(from.AddDate(0, 0, 20)) {
				t.Errorf("%+v is outside the world", a)
			}
		}
	}
	checkFields(t, "id conversationId activityTimestamp activityType _type author attributes", w.Activities())
}

func TestPutActivitiesAreServedLikeThoseMade(t *testing.T) {
	made := dixatest.NewWorld(dixatest.Team{Seed: 5, From: start, To: start.AddDate(0, 0, 5)})
	again := new(dixatest.World)
	for _, a := range made.Activities() {
		if err := again.Put("activities", a); err != nil {
			t.Fatal(err)
		}
	}
	put(t, again, "activities", string(made.Activities()[0])) // takes the place of itself
	b := unlimited
	b.ActivitiesPerPage = 5000
	for _, path := range []string{activitiesBetween(0, 120), activitiesBetween(30, 60)} {
		got := get(&dixatest.Server{World: made, Behaviour: b}, path).Body.String()
		want := get(&dixatest.Server{World: again, Behaviour: b}, path).Body.String()
		if len(got) < 1000 || got != want {
			t.Errorf("%s gives %d bytes of a made world and %d of its records", path, len(got), len(want))
		}
	}
	var all struct{ Data []json.RawMessage }
	if err := json.Unmarshal(get(&dixatest.Server{World: made, Behaviour: b}, activitiesBetween(0, 120)).Body.Bytes(), &all); err != nil ||
		string(join(all.Data)) != string(join(made.Activities())) {
		t.Errorf("the log differs from the world's activities, %v", err)
	}
}
