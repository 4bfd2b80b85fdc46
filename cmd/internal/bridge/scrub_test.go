package bridge

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestScrubbingKeepsWhatCountsAndNothingElse(t *testing.T) {
	for _, row := range []struct{ name, kind, body, want string }{
		{"a conversation", "conversations",
			`{"requester_name":"Kirsten","id":7,"created_at":1770000000000,"subject":"Hi","status":"closed","tags":["a","b"],"handling_duration":5,"assignee_email":"ida@example.com","closed_at":null,"tomorrow":1}`,
			`{"id":7,"created_at":1770000000000,"status":"closed","assignee_email":"ida@example.com","handling_duration":5,"tags":["a","b"]}`},
		{"its lists", "conversations",
			`{"id":7,"ratings":[{"rating_score":5,"rating_type":"CSAT","rating_message":"Thanks"},"Thanks",{}],"tags_info":[{"id":"t","name":"a","by":"Kirsten"}],"custom_fields":[{"identifier":"order","value":["4711"],"data_type":"Text"}]}`,
			`{"id":7,"ratings":[{"rating_score":5,"rating_type":"CSAT"},{}],"tags_info":[{"id":"t","name":"a"}],"custom_fields":[{"identifier":"order","data_type":"Text"}]}`},
		{"what is nested where it should not be", "conversations",
			`{"id":7,"status":{"text":"Hi"},"tags":["a",{"text":"Hi"}],"queue_name":[["Hi"]],"ratings":{"rating_message":"Hi"},"custom_fields":[{"identifier":{"a":"Hi"}}]}`,
			`{"id":7,"custom_fields":[{}]}`},
		{"of two with one name", "conversations", `{"id":7,"status":"open","status":"closed"}`, `{"id":7,"status":"closed"}`},
		{"half a character", "conversations", `{"id":7,"queue_name":"Returns \ud83d","subject":"\ud83d"}`, `{"id":7,"queue_name":"Returns \ud83d"}`},
		{"a customer's message", "messages",
			`{"id":"m","csid":7,"created_at":1,"direction":"inbound","author_name":"Kirsten","author_email":"kirsten@example.dk","text":"Hi","is_automated_message":false,"to":["a@example.dk"]}`,
			`{"id":"m","csid":7,"created_at":1,"direction":"inbound","is_automated_message":false}`},
		{"an agent's message", "messages",
			`{"id":"m","csid":7,"direction":"OUTBOUND","author_name":"Ida","author_email":"ida@example.com","text":"Hi","attached_files":[{"url":"x"}],"duration":3}`,
			`{"id":"m","csid":7,"direction":"OUTBOUND","duration":3,"author_name":"Ida","author_email":"ida@example.com"}`},
		{"lists where there are none", "messages", `{"id":"m","ratings":[{"rating_score":1}],"custom_fields":[{"identifier":"x"}]}`, `{"id":"m"}`},
		{"an activity", "activities",
			`{"id":"a","conversationId":7,"activityTimestamp":"2026-01-01T00:00:00Z","activityType":"tag","_type":"TagAdded","author":{"id":"u","name":"Kirsten"},"attributes":{"_type":"TagAdded","name":"x"}}`,
			`{"id":"a","conversationId":7,"activityTimestamp":"2026-01-01T00:00:00Z","activityType":"tag","_type":"TagAdded"}`},
		{"nothing", "messages", `{}`, `{}`},
	} {
		got, err := scrub(store.Record{Kind: row.kind, Body: row.body})
		if err != nil || got != row.want {
			t.Errorf("%s: %s (%v), want %s", row.name, got, err, row.want)
		}
		again, err := scrub(store.Record{Kind: row.kind, Body: got})
		if err != nil || again != got {
			t.Errorf("%s, once more: %s (%v)", row.name, again, err)
		}
	}
}

func TestNoPersonalFieldIsMadeOfWhatScrubbingKeeps(t *testing.T) {
	const canary = "kanarie"
	for _, kind := range Kinds() {
		for _, f := range Fields(kind) {
			if !f.Personal || f.Key == "assignee_email" { // the agent's
				continue
			}
			if slices.Contains(kept[kind], f.Key) {
				t.Errorf("%s of %s is kept", f.Key, kind)
			}
			body, err := scrub(store.Record{Kind: kind, Body: `{"id":"x","direction":"inbound","author":{"` + f.Key + `":"` + canary + `"},"` + f.Key + `":"` + canary + `"}`})
			if err != nil || strings.Contains(body, canary) {
				t.Errorf("%s of %s: %s (%v)", f.Key, kind, body, err)
			}
		}
	}
}

// FuzzScrub plants a text in a body wherever scrubbing should not let it stand, and looks for it afterwards.
func FuzzScrub(f *testing.F) {
	f.Add("conversations", `{"id":7,"ratings":[{"rating_message":"kanarie","rating_score":4}],"custom_fields":[{"value":"kanarie"}],"subject":"kanarie"}`)
	f.Add("conversations", `{"tags":["a",["kanarie"]],"status":{"kanarie":1},"tags_info":[{"id":["kanarie",{}]}],"status":"a","status":"b"}`)
	f.Add("messages", `{"id":"m","csid":7,"direction":"inbound","text":"kanarie","author_email":"kanarie","kanarie":{"id":1}}`)
	f.Add("activities", `{"id":"a","_type":"x","author":{"name":"kanarie"},"attributes":{"_type":"kanarie"}}`)
	f.Add("messages", `{"direction":"outbound","author_name":"a","text":"\ud83dkanarie","duration":1e400}`)
	f.Add("conversations", "{\"queue_name\":\"\xff\",\"id\":\"\xff\"}")
	f.Fuzz(func(t *testing.T, kind, body string) {
		got, err := scrub(store.Record{Kind: kind, Body: body})
		if err != nil {
			if o := jsontext.Value(body); o.Kind() == '{' && o.IsValid(jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("%s is not scrubbed: %v", body, err)
			}
			return
		}
		if again, err := scrub(store.Record{Kind: kind, Body: got}); err != nil || again != got {
			t.Fatalf("%s becomes %s and then %s (%v)", body, got, again, err)
		}
		var members map[string]any
		dec := json.NewDecoder(strings.NewReader(got))
		dec.UseNumber()
		if err := dec.Decode(&members); err != nil {
			t.Fatalf("%s becomes %s: %v", body, got, err)
		}
		outbound := false
		if direction, ok := members["direction"].(string); ok {
			outbound = strings.EqualFold(direction, "outbound")
		}
		for name, value := range members {
			if lists := map[string][]string{"ratings": keptOfRating, "tags_info": keptOfTag, "custom_fields": keptOfCustom}; kind == "conversations" && lists[name] != nil {
				for _, element := range value.([]any) {
					for inner, v := range element.(map[string]any) {
						if !slices.Contains(lists[name], inner) || !plain(v) {
							t.Fatalf("%s keeps %s of %s: %s", body, inner, name, got)
						}
					}
				}
				continue
			}
			author := outbound && kind == "messages" && (name == "author_name" || name == "author_email")
			if !author && !slices.Contains(kept[kind], name) || !plain(value) {
				t.Fatalf("%s keeps %s: %s", body, name, got)
			}
		}
	})
}

// plain reports whether a value is one without members, or a list of such.
func plain(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return false
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool {
			switch e.(type) {
			case map[string]any, []any:
				return true
			}
			return false
		})
	}
	return true
}
