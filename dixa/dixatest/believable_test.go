package dixatest_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // to compare with, also where there are no time zone files

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// record is a row of either export, for questions of any kind.
type record map[string]any

func (r record) has(key string) bool { return r[key] != nil }

func (r record) is(key string, want any) bool { return r[key] == want }

func (r record) list(key string) []any {
	list, _ := r[key].([]any)
	return list
}

func (r record) text(key string) string {
	text, _ := r[key].(string)
	return text
}

func (r record) anyRating(is func(record) bool) bool {
	return slices.ContainsFunc(r.list("ratings"), func(v any) bool { return is(record(v.(map[string]any))) })
}

func TestNinetyDaysHoldEveryAwkwardCase(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1})
	agents := map[any]bool{}
	for _, a := range decode[record](t, array(w.Agents())) {
		agents[a["id"]], agents[a["email"]] = true, true
	}
	ofConversations := map[string]func(record) bool{
		"reopened, and open": func(r record) bool { return r.is("status", "open") && r.has("closed_at") },
		"reopened, and closed again": func(r record) bool {
			return r.is("status", "closed") && r.has("closed_at") && r["closed_at"].(float64)-r["created_at"].(float64) > 4*86_400_000
		},
		"pending":                     func(r record) bool { return r.is("status", "pending") },
		"never queued":                func(r record) bool { return !r.has("queued_at") && !r.has("queue_name") },
		"unassigned":                  func(r record) bool { return !r.has("assigned_at") && !r.has("assignee_id") },
		"outbound":                    func(r record) bool { return r.is("direction", "outbound") },
		"of an agent who left":        func(r record) bool { return r.has("assignee_id") && !agents[r["assignee_id"]] },
		"handed on to somebody else":  func(r record) bool { return r.has("transferee_name") && r.has("transfer_time") },
		"without messages":            func(r record) bool { return !r.has("last_message_created_at") },
		"with a retired tag":          func(r record) bool { return slices.ContainsFunc(r.list("tags_info"), retired) },
		"with a list as custom value": func(r record) bool { return slices.ContainsFunc(r.list("custom_fields"), listed) },
		"with wrap-up notes":          func(r record) bool { return len(r.list("conversation_wrapup_notes")) > 0 },
		"with more addresses":         func(r record) bool { return len(r.list("requester_additional_emails")) > 0 },
		"anonymised": func(r record) bool {
			return r.has("anonymized_at") && !r.has("requester_name") && !r.has("requester_email") && !r.has("subject")
		},
		"rated": func(r record) bool {
			return r.has("rating_score") && r.anyRating(func(x record) bool { return x.is("rating_type", "CSAT") && x.is("rating_status", "Rated") })
		},
		"rated in stars": func(r record) bool {
			return r.anyRating(func(x record) bool { return x.is("rating_type", "stars") && x.is("rating_status", "rated") })
		},
		"rated above 5": func(r record) bool {
			return r.anyRating(func(x record) bool { return x.is("rating_type", "NPS") && x["rating_score"].(float64) > 5 })
		},
		"offered a rating": func(r record) bool {
			return r.anyRating(func(x record) bool { return x.is("rating_status", "Offered") && !x.has("rating_score") })
		},
		"with a rating cancelled": func(r record) bool {
			return r.anyRating(func(x record) bool { return x.is("rating_status", "Cancelled") && x.has("rating_cancelled_timestamp") })
		},
	}
	ofMessages := map[string]func(record) bool{
		"automatic": func(r record) bool { return r.is("is_automated_message", true) && r.is("direction", "outbound") },
		"a call": func(r record) bool {
			return r.has("duration") && r.has("recording_url") && !r.has("text") && r.has("from_phone_number")
		},
		"voicemail":                func(r record) bool { return r.has("voicemail_url") && !r.has("text") },
		"of an agent who left":     func(r record) bool { return strings.HasPrefix(r.text("author_email"), "mogens.") },
		"a chat's menu":            func(r record) bool { return r.has("chat_menu_text") },
		"a chat's answer":          func(r record) bool { return r.has("chat_input_question") && r.has("chat_input_answer") },
		"a form":                   func(r record) bool { return r.has("form_submission") },
		"with a file":              func(r record) bool { return len(r.list("attached_files")) > 0 },
		"with copies":              func(r record) bool { return len(r.list("cc")) > 0 },
		"with hidden copies":       func(r record) bool { return len(r.list("bcc")) > 0 },
		"in HTML":                  func(r record) bool { return strings.HasPrefix(r.text("text"), "<p>") },
		"in Danish":                func(r record) bool { return strings.ContainsAny(r.text("text"), "æøå") },
		"in German":                func(r record) bool { return strings.ContainsAny(r.text("text"), "üöß") },
		"in English":               func(r record) bool { return strings.Contains(r.text("text"), "Kind regards") },
		"with emoji":               func(r record) bool { return strings.ContainsAny(r.text("text"), "😊🙏❤") },
		"with quotes and newlines": func(r record) bool { return strings.Contains(r.text("text"), "\n> ") },
		"with quotation marks":     func(r record) bool { return strings.Contains(r.text("text"), `"`) },
		"with a backslash":         func(r record) bool { return strings.Contains(r.text("text"), `\`) },
		"long":                     func(r record) bool { return len(r.text("text")) > 2000 },
	}
	conversations, messages := decode[record](t, array(w.Conversations())), decode[record](t, array(w.Messages()))
	for name, is := range ofConversations {
		if !slices.ContainsFunc(conversations, is) {
			t.Errorf("no conversation is %s", name)
		}
	}
	for name, is := range ofMessages {
		if !slices.ContainsFunc(messages, is) {
			t.Errorf("no message is %s", name)
		}
	}
}

func retired(v any) bool { return record(v.(map[string]any)).is("is_deactivated", true) }

func listed(v any) bool { return len(record(v.(map[string]any)).list("value")) > 0 }

func TestWhoLeftTakesNoConversationInTheSecondHalf(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 30)})
	var last time.Time
	for _, c := range decode[record](t, array(w.Conversations())) {
		if c.text("assignee_name") == "Mogens Fjord" {
			last = time.UnixMilli(int64(c["created_at"].(float64)))
		}
	}
	if last.Before(start.AddDate(0, 0, 10)) || !last.Before(start.AddDate(0, 0, 15)) {
		t.Errorf("the last conversation of the one who left began at %s", last)
	}
}

func TestAnonymisedConversationsKeepNoContentInTheirMessages(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 40)})
	gone, looked := map[any]bool{}, 0
	for _, c := range decode[record](t, array(w.Conversations())) {
		gone[c["id"]] = c.has("anonymized_at")
	}
	for _, m := range decode[record](t, array(w.Messages())) {
		if !gone[m["csid"]] {
			continue
		}
		looked++
		for _, key := range []string{"text", "from", "from_phone_number", "to_phone_number", "form_submission", "recording_url", "voicemail_url", "chat_input_answer"} {
			if m.has(key) {
				t.Errorf("%s of an anonymised conversation still has %s: %v", m["id"], key, m[key])
			}
		}
	}
	if looked == 0 {
		t.Error("nothing was anonymised")
	}
}

func TestConversationsComeInOfficeHours(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 2, From: start, To: start.AddDate(0, 0, 84)})
	copenhagen, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	days, inOffice, channels := map[time.Weekday]int{}, 0, map[string]int{}
	all := decode[lifted](t, array(w.Conversations()))
	for _, c := range all {
		at := time.UnixMilli(c.CreatedAt).In(copenhagen)
		days[at.Weekday()]++
		channels[c.Channel]++
		if at.Hour() >= 8 && at.Hour() < 17 {
			inOffice++
		}
		if live := c.Channel == "widgetchat" || c.Channel == "pstnphone"; live && at.Weekday() == time.Sunday {
			t.Errorf("%s on a Sunday: %s", c.Channel, at)
		}
	}
	perWeekday := float64(len(all)-days[time.Saturday]-days[time.Sunday]) / 60
	if perWeekday < 40 || perWeekday > 55 {
		t.Errorf("%.1f conversations on a weekday, want about 45", perWeekday)
	}
	if days[time.Saturday] >= days[time.Friday]/2 || days[time.Sunday] >= days[time.Saturday] || days[time.Sunday] == 0 {
		t.Errorf("by weekday %v: want few on Saturdays and fewer on Sundays", days)
	}
	if share := float64(inOffice) / float64(len(all)); share < 0.7 || share > 0.95 {
		t.Errorf("%.2f of all conversations begin in office hours", share)
	}
	for channel, share := range map[string]float64{"email": .37, "widgetchat": .21, "pstnphone": .16, "contactform": .09, "facebookmessenger": .06, "sms": .04} {
		if got := float64(channels[channel]) / float64(len(all)); got < share*.7 || got > share*1.3 {
			t.Errorf("%.3f of all conversations are %s, want about %.2f", got, channel, share)
		}
	}
	if each := float64(len(w.Messages())) / float64(len(all)); each < 4 || each > 5 {
		t.Errorf("%.1f messages to a conversation, want 4 to 5", each)
	}
}

// The fields as the reference and its readers list them, in order:
// https://docs.dixa.io/openapi/exports-api
const (
	conversationFields = "id created_at initial_channel requester_id requester_name requester_email requester_additional_emails " +
		"requester_phone_number requester_additional_phone_numbers queued_at queue_id queue_name closed_at rating_score " +
		"rating_message ratings direction assigned_at assignee_id assignee_name assignee_email assignee_phone_number " +
		"to_provisioned_phone_number_id to_provisioned_phone_number_name total_duration handling_duration " +
		"dixa_email_integration_id dixa_email_integration_sender_name forwarding_email facebook_page_id facebook_page_name " +
		"widget_id widget_name tags tags_info conversation_wrapup_notes transferee_name transferee_number transfer_time " +
		"originating_country status updated_at last_message_created_at from_provisioned_phone_number_id " +
		"from_provisioned_phone_number_name subject anonymized_at custom_fields"
	messageFields = "id csid created_at initial_channel author_name author_email direction text from_phone_number to_phone_number " +
		"duration recording_url voicemail_url to cc bcc from attached_files is_automated_message chat_input_question " +
		"chat_input_answer chat_menu_text form_submission"
)

func TestRecordsHaveTheFieldsOfTheReference(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 3)})
	checkFields(t, conversationFields, w.Conversations())
	checkFields(t, messageFields, w.Messages())
}

func checkFields(t *testing.T, want string, records []json.RawMessage) {
	t.Helper()
	for _, r := range records {
		got := slices.Sorted(maps.Keys(decode[record](t, array([]json.RawMessage{r}))[0]))
		if !slices.Equal(got, slices.Sorted(slices.Values(strings.Fields(want)))) {
			t.Fatalf("fields %v, want %s", got, want)
		}
	}
}
