package dixa_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// envelope is what is around the data of each event.
// https://docs.dixa.io/docs/webhooks/webhooks-payloads
func envelope(fqn, data string) string {
	return `{"event_id":"e1","event_fqn":"` + fqn + `","event_version":"1","event_timestamp":"2025-09-04T16:11:44.847Z",` +
		`"organization":{"id":"2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0009","name":"Example Nordic"},"data":` + data + `}`
}

const (
	user         = `{"id":"2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0002","name":"Example Customer","email":"customer@example.com","phone":null,"roles":[],"user_type":"Contact"}`
	conversation = `{"csid":46001,"channel":"EMAIL","status":"OPEN","direction":"INBOUND","queue":{"id":"2b1f0c52-6d0e-4a53-9d0f-1c1f7c1a0001","name":"Support"},` +
		`"contact_point":"help@email.dixa.io","requester":` + user + `,"assignee":null,"subject":"Where is {\"csid\":1}?","tags":[],"created_at":"2025-09-04T15:13:44.385Z"}`
)

var happened = time.Date(2025, 9, 4, 16, 11, 44, 847e6, time.UTC)

func TestAnEventTellsItsConversationAndItsMessage(t *testing.T) {
	for _, row := range []struct {
		fqn, data string
		message   string
		at        time.Time
	}{
		{"CONVERSATION_CREATED", `{"conversation":` + conversation + `}`, "", time.Time{}},
		{"CONVERSATION_CLOSED", `{"conversation":` + conversation + `}`, "", time.Time{}},
		{"CONVERSATION_PENDING_EXPIRED", `{"pendingByUser":` + user + `,"conversation":` + conversation + `}`, "", time.Time{}},
		{"CONVERSATION_ABANDONED", `{"conversation":` + conversation + `,"queue":{"id":"q"}}`, "", time.Time{}},
		{"CONVERSATION_TAG_ADDED", `{"conversation":` + conversation + `,"tag":"refund","author":` + user + `}`, "", time.Time{}},
		{"CONVERSATION_NOTE_ADDED", `{"conversation":` + conversation + `,"note_id":"n","text":"note","created_at":"2025-09-04T16:11:44.847Z","author":` + user + `}`, "", time.Time{}},
		{"CONVERSATION_RATED", `{"conversation":` + conversation + `,"agent":` + user + `,"score":4,"comment":"thanks","type":"Csat"}`, "", time.Time{}},
		{"CONVERSATION_RATED", `{"conversation":{"score":4,"type":"Csat",` + conversation[1:] + `,"agent":` + user + `}`, "", time.Time{}},
		{"CONVERSATION_MESSAGE_ADDED", `{"conversation":` + conversation + `,"author":` + user + `,"created_at":"2025-09-04T16:11:43.000Z","message_id":"m1","text":"Hello",` +
			`"direction":"inbound","channel":"EMAIL","content":{"text":"Hello","content_type":null},"attachments":[],"external_id":null}`, "m1", happened.Add(-1847 * time.Millisecond)},
		{"CONVERSATION_TELEPORTED", `{"anything":[{"message_id":"no"}],"conversation":` + conversation + `}`, "", time.Time{}},
	} {
		want := dixa.Event{ID: "e1", Type: row.fqn, At: happened, CSID: 46001, MessageID: row.message, MessageAt: row.at}
		if got, err := dixa.ParseEvent([]byte(envelope(row.fqn, row.data))); err != nil || got != want {
			t.Errorf("%s is %+v, %v", row.fqn, got, err)
		}
	}
}

func TestWhateverAnEventLacksIsLeftEmpty(t *testing.T) {
	at := happened
	for _, row := range []struct {
		body string
		want dixa.Event
	}{
		{`{"event_id":"e1"}`, dixa.Event{}},
		{" \r\n\t{ \"event_id\" :\n\"e1\" } \n", dixa.Event{}},
		{`{"event_id":"e1","event_fqn":null,"event_timestamp":null,"data":null}`, dixa.Event{}},
		{`{"event_id":"e1","event_fqn":true,"event_timestamp":[],"data":"x"}`, dixa.Event{}},
		{`{"event_id":"e1","event_fqn":{"a":1},"event_timestamp":"soon","data":[1]}`, dixa.Event{}},
		{`{"event_id":"e1","event_fqn":"` + strings.Repeat("X", 201) + `"}`, dixa.Event{}},
		{`{"event_id":"e1","event_fqn":"conversationClosed"}`, dixa.Event{Type: "conversationClosed"}},
		{`{"event_id":"e1","event_fqn":"k\u00e6de"}`, dixa.Event{Type: "kæde"}},
		{`{"event_id":"e1","event_timestamp":"2025-09-04T16:11:44.847Z"}`, dixa.Event{At: at}},
		{`{"event_id":"e1","event_timestamp":"2025-09-04T18:11:44.847+02:00"}`, dixa.Event{At: at}},
		{`{"event_id":"e1","event_timestamp":"2025-09-04T16:11:44.847Z[GMT]"}`, dixa.Event{At: at}},
		{`{"event_id":"e1","event_timestamp":1757002304847}`, dixa.Event{At: at}},
		{`{"event_id":"e1","event_timestamp":"1757002304847"}`, dixa.Event{At: at}},
		{`{"event_id":"e1","event_timestamp":1757002304}`, dixa.Event{}},
		{`{"event_id":"e1","event_timestamp":"9999-01-01T00:00:00Z"}`, dixa.Event{}},
		{`{"event_id":"e1","event_timestamp":"0000-00-00T00:00:00Z"}`, dixa.Event{}},
		{`{"event_id":"e1","event_timestamp":0}`, dixa.Event{}},
		{`{"event_id":"e1","data":{}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":null}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":7}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":[{"csid":7}]}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":7}}}`, dixa.Event{CSID: 7}},
		{`{"event_id":"e1","data":{"conversation":{"csid":"7"}}}`, dixa.Event{CSID: 7}},
		{`{"event_id":"e1","data":{"conversation":{"csid":7.0}}}`, dixa.Event{CSID: 7}},
		{`{"event_id":"e1","data":{"conversation":{"csid":"seven"}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":null}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":true}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":-7}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":7.5}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"conversation":{"csid":9223372036854775807}}}`, dixa.Event{CSID: 9223372036854775807}},
		{`{"event_id":"e1","data":{"conversation":{"csid":9223372036854775808}}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"message_id":"m1"}}`, dixa.Event{MessageID: "m1"}},
		{`{"event_id":"e1","data":{"message_id":12,"created_at":1757002304847}}`, dixa.Event{MessageID: "12", MessageAt: at}},
		{`{"event_id":"e1","data":{"created_at":"2025-09-04T16:11:44.847Z","message_id":"m1"}}`, dixa.Event{MessageID: "m1", MessageAt: at}},
		{`{"event_id":"e1","data":{"message_id":"m1","created_at":{}}}`, dixa.Event{MessageID: "m1"}},
		{`{"event_id":"e1","data":{"message_id":null,"created_at":"2025-09-04T16:11:44.847Z"}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"message_id":"","created_at":"2025-09-04T16:11:44.847Z"}}`, dixa.Event{}},
		{`{"event_id":"e1","data":{"message_id":"` + strings.Repeat("m", 201) + `"}}`, dixa.Event{}},
		{"{\"event_id\":\"e1\",\"data\":{\"text\":\"\xff\",\"conversation\":{\"csid\":7}}}", dixa.Event{CSID: 7}},
		{`{"event_id":"e1","data":{"text":"half an emoji \ud83d","conversation":{"csid":7}}}`, dixa.Event{CSID: 7}},
		// Of names that come twice the last counts.
		{`{"event_id":"e0","event_id":"e1","data":{"conversation":{"csid":1},"message_id":"m1"},"data":{"conversation":{"csid":2,"csid":3}}}`, dixa.Event{CSID: 3}},
	} {
		row.want.ID = "e1"
		if got, err := dixa.ParseEvent([]byte(row.body)); err != nil || got != row.want {
			t.Errorf("%.100s is %+v, %v", row.body, got, err)
		}
	}
}

func TestWithoutAnIDItIsNoEvent(t *testing.T) {
	const private = "kunde@example.com"
	for _, body := range []string{
		"", " ", "null", "7", `"event_id"`, "[]", `[{"event_id":"e1"}]`, "<html>" + private, "event_id=e1", "{", `{"event_id":"e1"`, `{"event_id":"e1"}}`,
		`{"event_id":"e1"} {"event_id":"e2"}`, `{"event_id":"e1",}`, "\ufeff" + `{"event_id":"e1"}`, `{"event_id":"e1"}` + "\x00", `{'event_id':'e1'}`,
		`{}`, `{"event_id":null}`, `{"event_id":""}`, `{"event_id":true}`, `{"event_id":["` + private + `"]}`, `{"event_id":{"` + private + `":1}}`,
		`{"Event_ID":"e1"}`, `{"id":"e1"}`, `{"data":{"event_id":"e1","email":"` + private + `"}}`, `{"event_id":"` + strings.Repeat(private, 12) + `"}`,
		"{\"event_id\":\"" + private + "\xff\"}", `{"event_id":"` + private + `\ud800"}`, `{"` + private + `":"` + private + `" 1}`,
		`{"event_id":"e1","data":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
		`{"event_id":"e1","data":` + strings.Repeat(`{"conversation":`, 65_000),
	} {
		e, err := dixa.ParseEvent([]byte(body))
		if !errors.Is(err, dixa.ErrNoEvent) || e != (dixa.Event{}) || strings.Contains(fmt.Sprint(err), "kunde") {
			t.Errorf("%.60q is %+v, %v", body, e, err)
		}
	}
	if _, err := dixa.ParseEvent(nil); !errors.Is(err, dixa.ErrNoEvent) {
		t.Errorf("nothing gives %v", err)
	}
	for _, id := range []string{"e", strings.Repeat("e", 200), strings.Repeat("å", 100)} {
		if e, err := dixa.ParseEvent([]byte(`{"event_id":"` + id + `"}`)); err != nil || e.ID != id {
			t.Errorf("the id %q became %q, %v", id, e.ID, err)
		}
	}
}

// Were any of them gone through more than a few times, this would not end today.
func TestALargeEventIsGoneThroughAFewTimesAtMost(t *testing.T) {
	fill := func(unit string) string { return strings.Repeat(unit, (1<<20-200)/len(unit)) }
	nested := strings.Repeat(`{"conversation":`, 9_000) + `{}` + strings.Repeat("}", 9_000)
	for name, data := range map[string]string{
		"backslashes":         `{"text":"` + fill(`\\`) + `"`,
		"escaped quotes":      `{"text":"` + fill(`\"`) + `"`,
		"short strings":       `{"texts":[` + fill(`"",`) + `""]`,
		"conversations":       `{` + fill(`"conversation":{"csid":1},`) + `"a":0`,
		"names that are long": `{"` + fill("x") + `":0`,
		"numbers":             `{"n":[` + fill("0,") + `0]`,
		"a long number":       `{"conversation":{"csid":` + fill("9") + `},"conversation":0`,
		"depth":               `{"conversation":` + nested,
		"space":               `{` + fill(" ") + `"a":0`,
	} {
		body := `{"event_id":"e1","data":` + data + `,"conversation":{"csid":7}}}`
		if e, err := dixa.ParseEvent([]byte(body)); err != nil || e.CSID != 7 {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	body := `{"event_id":"e1",` + fill(`"data":{},`) + `"data":{"conversation":{"csid":7}}}`
	if e, err := dixa.ParseEvent([]byte(body)); err != nil || e.CSID != 7 {
		t.Errorf("data: %+v, %v", e, err)
	}
}

func TestAnEventGoesByItsNameOrItsType(t *testing.T) {
	names := dixa.EventNames()
	if len(names) != 32 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != 32 {
		t.Errorf("the names are %q", names)
	}
	for _, name := range names {
		kind := dixa.EventType(name)
		for _, text := range []string{name, kind, strings.ToLower(name), strings.ToUpper(name), strings.ToLower(kind)} {
			if got, ok := dixa.EventName(text); !ok || got != name {
				t.Errorf("%q is %q, %v", text, got, ok)
			}
		}
	}
	names[0] = "changed"
	if dixa.EventNames()[0] == "changed" {
		t.Error("a caller can change the names")
	}
	for name, want := range map[string]string{
		"ConversationClosed":                       "CONVERSATION_CLOSED",
		"ConversationMessageDeliverySpamComplaint": "CONVERSATION_MESSAGE_DELIVERY_SPAM_COMPLAINT",
		"ConversationEndUserReplaced":              "CONVERSATION_END_USER_REPLACED",
		"SLAEvaluationBreached":                    "SLA_EVALUATION_BREACHED",
		"AgentBannedIp":                            "AGENT_BANNED_IP",
		"AgentUnbannedEnduser":                     "AGENT_UNBANNED_ENDUSER",
		"TypingStarted":                            "TYPING_STARTED",
		"":                                         "",
	} {
		if got := dixa.EventType(name); got != want {
			t.Errorf("the type of %q is %q, want %q", name, got, want)
		}
	}
	for _, text := range []string{"", "_", "Conversation", "ConversationClose", "ConversationClosedd", "Conversation Closed", " ConversationClosed", "CONVERSATION-CLOSED"} {
		if got, ok := dixa.EventName(text); ok || got != "" {
			t.Errorf("%q is %q", text, got)
		}
	}
}
