package dixa_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// What is taken from an event is what the standard library reads in it, and every object with an id is one.
func FuzzEvent(f *testing.F) {
	for _, body := range []string{
		envelope("CONVERSATION_CREATED", `{"conversation":`+conversation+`}`),
		envelope("CONVERSATION_MESSAGE_ADDED", `{"conversation":`+conversation+`,"created_at":"2025-09-04T16:11:44.847Z","message_id":"m1"}`),
		envelope("CONVERSATION_RATED", `{"conversation":{"csid":"46001","score":4}}`), envelope("X", "null"), envelope("X", "[]"), envelope("X", `{"conversation":null}`),
		`{"event_id":12,"event_timestamp":1757002304847,"data":{"message_id":1.0,"created_at":"1757002304847","conversation":{"csid":7.0}}}`,
		`{"event_id":"a","event_id":null}`, `{"event_id":null,"event_id":"a"}`, `{"event_id":"\ud800"}`, "{\"event_id\":\"\xff\"}", `{"event\u005fid":"a"}`,
		`{"event_id":"e1","data":{"conversation":{"csid":1}},"data":{}}`, `{"event_id":"\"\\","data":{"text":"\\\"}"}}`, "", "{", "[]", "null", " { } ", "{}x",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := dixa.ParseEvent(body)
		if err != nil && (!errors.Is(err, dixa.ErrNoEvent) || e != (dixa.Event{})) {
			t.Fatalf("%q is %+v, %v", body, e, err)
		}
		var envelope map[string]json.RawMessage
		valid := json.Unmarshal(body, &envelope) == nil && envelope != nil
		if err == nil && !valid {
			t.Fatalf("%q is taken for %+v", body, e)
		}
		if !valid || !utf8.Valid(body) || strings.Contains(string(body), `\u`) {
			return // names may be spelled otherwise, and halves of characters differ
		}
		var data, about map[string]json.RawMessage
		json.Unmarshal(envelope["data"], &data)
		json.Unmarshal(data["conversation"], &about)
		id := plain(envelope["event_id"])
		if (err == nil) != (id != "") {
			t.Fatalf("%q with the id %q: %v", body, id, err)
		}
		if err != nil {
			return
		}
		if e.ID != id || e.Type != plain(envelope["event_fqn"]) || e.MessageID != plain(data["message_id"]) {
			t.Fatalf("%q is taken for %+v", body, e)
		}
		csid := plain(about["csid"])
		whole, fraction, _ := strings.Cut(csid, ".")
		if n, err := strconv.ParseInt(whole, 10, 64); err != nil || n < 0 || strings.Trim(fraction, "0") != "" {
			whole = "0"
		} else {
			whole = fmt.Sprint(n)
		}
		if fmt.Sprint(e.CSID) != whole {
			t.Fatalf("%q is about %d, not %s", body, e.CSID, whole)
		}
		for _, at := range []struct {
			year int
			zero bool
		}{{e.At.Year(), e.At.IsZero()}, {e.MessageAt.Year(), e.MessageAt.IsZero()}} {
			if !at.zero && (at.year < 2000 || at.year > 2099) {
				t.Fatalf("%q was in the year %d", body, at.year)
			}
		}
		if e.MessageID == "" && !e.MessageAt.IsZero() {
			t.Fatalf("%q has the time of no message", body)
		}
	})
}

// plain is a string or number as text of 1 to 200 bytes, else nothing.
func plain(v json.RawMessage) string {
	var s string
	var n json.Number
	switch {
	case len(v) == 0:
	case v[0] == '"':
		json.Unmarshal(v, &s)
	case json.Unmarshal(v, &n) == nil:
		s = n.String()
	}
	if len(s) > 200 {
		return ""
	}
	return s
}

// Each name that is found is found by its type as well.
func FuzzEventName(f *testing.F) {
	for _, text := range append(dixa.EventNames(), "", "_", "CONVERSATION_CLOSED", "S_L_A_evaluation_voided", "Kſ") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, ok := dixa.EventName(text)
		if again, found := dixa.EventName(dixa.EventType(name)); ok != (name != "") || found != ok || again != name {
			t.Fatalf("%q is %q, whose type is %q", text, name, again)
		}
		if kind := dixa.EventType(text); utf8.ValidString(text) && len(kind) < len(text)/3 {
			t.Fatalf("the type of %q is %q", text, kind)
		}
	})
}
