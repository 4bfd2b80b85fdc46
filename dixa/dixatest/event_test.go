package dixatest_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// upperSnake spells a name as webhooks do, letter by letter.
func upperSnake(name string) string {
	var b strings.Builder
	for i, letter := range name {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(letter)
	}
	return strings.ToUpper(b.String())
}

// body is an event's body as it is delivered.
func body(t *testing.T, s *dixatest.Server, r *receiver, e dixatest.Event) map[string]any {
	t.Helper()
	if _, err := s.Emit(e); err != nil {
		t.Fatal(err)
	}
	flush(t, s)
	posts := r.all()
	var v map[string]any
	if err := json.Unmarshal(posts[len(posts)-1].body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// listing is a server with one subscription to some events, over a whole conversation.
func listing(t *testing.T, r *receiver, b dixatest.WebhookBehaviour, events ...string) *dixatest.Server {
	t.Helper()
	s, _ := delivering(t, r, b)
	list, _ := json.Marshal(events)
	subscribe(t, s, `{"name":"n","url":"https://example.com","authorization":{"_type":"NoAuth"},"events":`+string(list)+`}`)
	put(t, s.World, "agents", `{"id":"agent","displayName":"Anne Sejer","email":"anne@example.com","phoneNumber":"+4570000101"}`)
	put(t, s.World, "conversations", `{"id":46001,"created_at":1757000000385,"initial_channel":"widgetchat","status":"pending","direction":"inbound",`+
		`"requester_id":"customer","requester_name":"Ida Holm","requester_email":"ida@example.dk","requester_phone_number":null,"queue_id":"queue","queue_name":"Support",`+
		`"widget_id":"widget","subject":null,"tags":["refund"],"tags_info":[{"id":"tag","name":"refund","is_deactivated":false}],"rating_score":4,"rating_message":"thanks",`+
		`"assignee_id":"agent","assignee_name":"Anne Sejer","assignee_email":"anne@example.com","assignee_phone_number":"+4570000101"}`)
	put(t, s.World, "messages",
		`{"id":"first","csid":46001,"created_at":1757000001000,"initial_channel":"widgetchat","direction":"inbound","text":"Hej","author_name":"Ida Holm"}`,
		`{"id":"answer","csid":46001,"created_at":1757000002000,"initial_channel":"widgetchat","direction":"outbound","text":"Hej Ida","author_email":"anne@example.com","attached_files":["https://files.example.com/a/b.pdf"]}`)
	return s
}

const (
	customer     = `{"id":"customer","name":"Ida Holm","email":"ida@example.dk","phone":null,"roles":[],"user_type":"Contact"}`
	assignee     = `{"id":"agent","name":"Anne Sejer","email":"anne@example.com","phone":"+4570000101","roles":[],"user_type":"Member"}`
	queue        = `{"id":"queue","name":"Support"}`
	conversation = `{"csid":46001,"channel":"WIDGET_CHAT","status":"PENDING","direction":"INBOUND","queue":` + queue + `,"contact_point":"widget",` +
		`"requester":` + customer + `,"assignee":` + assignee + `,"subject":null,"tags":[{"id":"tag","name":"refund","is_deactivated":false}],"created_at":"2025-09-04T15:33:20.385Z"}`
)

func TestEachEventSaysWhatItsKindSays(t *testing.T) {
	for _, row := range []struct {
		event dixatest.Event
		fqn   string
		rest  string // of data, besides the conversation
	}{
		{dixatest.Event{Name: "ConversationCreated"}, "CONVERSATION_CREATED", ``},
		{dixatest.Event{Name: "ConversationPendingExpired"}, "CONVERSATION_PENDING_EXPIRED", ``},
		{dixatest.Event{Name: "ConversationAssigned"}, "CONVERSATION_ASSIGNED", `"agent":` + assignee},
		{dixatest.Event{Name: "ConversationAbandoned"}, "CONVERSATION_ABANDONED", `"queue":` + queue},
		{dixatest.Event{Name: "ConversationTransferred"}, "CONVERSATION_TRANSFERRED", `"queue":` + queue},
		{dixatest.Event{Name: "ConversationTagAdded", Tag: "refund"}, "CONVERSATION_TAG_ADDED", `"tag":"refund","author":` + assignee},
		{dixatest.Event{Name: "ConversationRated"}, "CONVERSATION_RATED", `"agent":` + assignee + `,"score":4,"comment":"thanks","type":"Csat"`},
		{dixatest.Event{Name: "SLAEvaluationBreached"}, "SLA_EVALUATION_BREACHED", ``},
		{dixatest.Event{Name: "ConversationMessageDeliverySpamComplaint", MessageID: "answer"}, "CONVERSATION_MESSAGE_DELIVERY_SPAM_COMPLAINT", `"message_id":"answer"`},
		{dixatest.Event{Name: "ConversationMessageAdded", MessageID: "first"}, "CONVERSATION_MESSAGE_ADDED",
			`"author":` + customer + `,"created_at":"2025-09-04T15:33:21.000Z","message_id":"first","text":"Hej","direction":"inbound","channel":"WIDGET_CHAT",` +
				`"content":{"text":"Hej","content_type":null,"original_content_url":null,"processed_content_url":null},"attachments":[],"external_id":null`},
		{dixatest.Event{Name: "ConversationMessageAdded"}, "CONVERSATION_MESSAGE_ADDED",
			`"author":` + assignee + `,"created_at":"2025-09-04T15:33:22.000Z","message_id":"answer","text":"Hej Ida","direction":"outbound","channel":"WIDGET_CHAT",` +
				`"content":{"text":"Hej Ida","content_type":null,"original_content_url":null,"processed_content_url":null},` +
				`"attachments":[{"url":"https://files.example.com/a/b.pdf","name":"b.pdf"}],"external_id":null`},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			s := listing(t, r, dixatest.WebhookBehaviour{}, row.event.Name)
			row.event.CSID = 46001
			got := body(t, s, r, row.event)
			if row.event.Name == "ConversationRated" { // the other subscription lists it too
				if n := len(r.all()); n != 2 {
					t.Errorf("delivered %d times", n)
				}
			}
			want := map[string]any{}
			text := `{"conversation":` + conversation + `,` + row.rest + `}`
			if err := json.Unmarshal([]byte(strings.Replace(text, ",}", "}", 1)), &want); err != nil {
				t.Fatal(err)
			}
			if got["event_fqn"] != row.fqn || !reflect.DeepEqual(got["data"], any(want)) {
				t.Errorf("%+v tells\n%v\nwant\n%v", row.event, got, want)
			}
		})
	}
}

func TestANoteIsToldWithItsText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		got := body(t, listing(t, r, dixatest.WebhookBehaviour{}, "ConversationNoteAdded"), r, dixatest.Event{Name: "ConversationNoteAdded", CSID: 46001, Note: "call <back>"})["data"].(map[string]any)
		if got["text"] != "call <back>" || got["note_id"] == "" || got["created_at"] != "2000-01-01T00:00:00.000Z" || got["author"] == nil {
			t.Errorf("told %v", got)
		}
	})
}

func TestAnEventMayConcernNoConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		got := body(t, listing(t, r, dixatest.WebhookBehaviour{}, "AgentBannedIp"), r, dixatest.Event{Name: "AgentBannedIp"})
		if data := got["data"].(map[string]any); got["event_fqn"] != "AGENT_BANNED_IP" || data["conversation"] != nil {
			t.Errorf("told %v", got)
		}
	})
}

func TestPeopleCanBeShownAsTheyUsedToBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s := listing(t, r, dixatest.WebhookBehaviour{OldUsers: true}, "ConversationOpen")
		got := body(t, s, r, dixatest.Event{Name: "ConversationOpen", CSID: 46001})["data"].(map[string]any)["conversation"].(map[string]any)
		for key, role := range map[string]string{"requester": "Enduser", "assignee": "Agent"} {
			person := got[key].(map[string]any)
			if _, typed := person["user_type"]; typed || !reflect.DeepEqual(person["roles"], []any{role}) {
				t.Errorf("the %s is %v", key, person)
			}
		}
	})
}
