package bridge

import (
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// kept are the members of a record that tell nothing of a customer. Of whatever else Dixa sends, now or later, nothing
// is known, so that it goes.
var kept = map[string][]string{
	string(dixa.Conversations): {
		"id", "created_at", "updated_at", "queued_at", "assigned_at", "closed_at", "last_message_created_at", "anonymized_at", "transfer_time",
		"status", "initial_channel", "direction", "queue_id", "queue_name", "assignee_id", "assignee_name", "assignee_email",
		"total_duration", "handling_duration", "rating_score", "tags", "originating_country",
		"widget_id", "widget_name", "facebook_page_id", "facebook_page_name", "dixa_email_integration_sender_name",
		"to_provisioned_phone_number_name", "from_provisioned_phone_number_name",
	},
	string(dixa.Messages):   {"id", "csid", "created_at", "initial_channel", "direction", "is_automated_message", "duration"},
	string(dixa.Activities): {"id", "conversationId", "activityTimestamp", "activityType", "_type"},
}

// keptOfRating are the members of a rating that are kept: what it says, not what was written with it.
var keptOfRating = []string{
	"rating_score", "rating_type", "rating_status", "rating_language", "rating_created_timestamp", "rating_offered_timestamp",
	"rating_modified_timestamp", "rating_rated_timestamp", "rating_scheduled_timestamp", "rating_scheduled_for_timestamp",
	"rating_unscheduled_timestamp", "rating_cancelled_timestamp",
}

// keptOfTag and keptOfCustom are those of a tag, and of a custom attribute, whose value goes.
var (
	keptOfTag    = []string{"id", "name", "is_deactivated"}
	keptOfCustom = []string{"attribute_id", "identifier", "data_type", "archived"}
)

// scrub returns the body of a record without its content: what remains counts and times. Scrubbed once more it is the
// same. The agent who wrote an outbound message stays, as does the one whom a conversation is assigned to.
func scrub(r store.Record) (body string, err error) {
	o, err := parse(r.Body)
	if err != nil {
		return "", err
	}
	keep := kept[r.Kind]
	if r.Kind == string(dixa.Messages) && o.is("direction", "outbound") {
		keep = slices.Concat(keep, []string{"author_name", "author_email"})
	}
	out := appendKept([]byte{'{'}, o, keep)
	for _, list := range []struct {
		key  string
		keep []string
	}{{"ratings", keptOfRating}, {"tags_info", keptOfTag}, {"custom_fields", keptOfCustom}} {
		if r.Kind != string(dixa.Conversations) || o[list.key].Kind() != '[' {
			continue
		}
		out = appendName(out, list.key)
		out = append(out, '[')
		for e := range elements(o[list.key]) {
			if out[len(out)-1] != '[' {
				out = append(out, ',')
			}
			out = append(appendKept(append(out, '{'), e, list.keep), '}')
		}
		out = append(out, ']')
	}
	out = append(out, '}')
	if !jsontext.Value(out).IsValid(jsontext.AllowInvalidUTF8(true)) { // half a surrogate pair is no reason to keep the rest
		return "", fmt.Errorf("bridge: scrubbing %s %s: what is left is not JSON", r.Kind, r.ID)
	}
	return string(out), nil
}

// appendKept appends those members of an object that are plain values, or lists of such.
func appendKept(out []byte, o object, keep []string) []byte {
	for _, key := range keep {
		v := o[key]
		if k := v.Kind(); k == 0 || k == 'n' || k == '{' || k == '[' && slices.ContainsFunc(slices.Collect(elementsOf(v)), isNested) {
			continue
		}
		out = append(appendName(out, key), v...)
	}
	return out
}

func appendName(out []byte, key string) []byte {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	out, _ = jsontext.AppendQuote(out, key)
	return append(out, ':')
}

func isNested(v jsontext.Value) bool { return v.Kind() == '{' || v.Kind() == '[' }
