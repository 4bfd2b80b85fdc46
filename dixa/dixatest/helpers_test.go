package dixatest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

const token = "example-token"

// start is when the small worlds of these tests begin.
var start = time.Date(2025, 10, 6, 0, 0, 0, 0, time.UTC)

// hour is so many hours after start in Unix milliseconds.
func hour(n int) int64 { return start.Add(time.Duration(n) * time.Hour).UnixMilli() }

// request is an authorized request in its most usual form.
func request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if strings.Contains(path, "_export") {
		r.Header.Set("Authorization", "Bearer "+token)
	} else {
		r.Header.Set("Authorization", token)
	}
	return r
}

func serve(s *dixatest.Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func get(s *dixatest.Server, path string) *httptest.ResponseRecorder { return serve(s, request(path)) }

// between is an export's path with one pair of bounds.
func between(endpoint, filter string, after, before any) string {
	return fmt.Sprintf("/v1/%s?%s_after=%v&%[2]s_before=%[4]v", endpoint, filter, after, before)
}

// lifted is what these tests look at in a record of either export.
type lifted struct {
	ID           json.RawMessage `json:"id"`
	CSID         int64           `json:"csid"`
	CreatedAt    int64           `json:"created_at"`
	UpdatedAt    int64           `json:"updated_at"`
	ClosedAt     *int64          `json:"closed_at"`
	LastMessage  *int64          `json:"last_message_created_at"`
	Channel      string          `json:"initial_channel"`
	Status       string          `json:"status"`
	Direction    string          `json:"direction"`
	AnonymizedAt *int64          `json:"anonymized_at"`
}

// decode reads a whole reply of an export.
func decode[T any](t *testing.T, body []byte) []T {
	t.Helper()
	var rows []T
	if err := json.Unmarshal(body, &rows); err != nil {
		t.Fatalf("a reply that is not an array: %v\n%.300s", err, body)
	}
	return rows
}

// ids are those of a reply of an export, in its order.
func ids(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("answered %d: %s", w.Code, w.Body)
	}
	var all []string
	for _, row := range decode[lifted](t, w.Body.Bytes()) {
		all = append(all, strings.Trim(string(row.ID), `"`))
	}
	return strings.Join(all, " ")
}

// put adds records or ends the test.
func put(t *testing.T, w *dixatest.World, kind string, records ...string) {
	t.Helper()
	for _, record := range records {
		if err := w.Put(kind, json.RawMessage(record)); err != nil {
			t.Fatal(err)
		}
	}
}

// small is a server over three conversations, three messages and three activities:
// number n begins at hour n, has its last message at hour n+1, closes at n+2 and
// changes at n+3; number 3 is not closed.
func small(t *testing.T) *dixatest.Server {
	t.Helper()
	w := new(dixatest.World)
	for n := 1; n <= 3; n++ {
		closed := fmt.Sprint(hour(n + 2))
		if n == 3 {
			closed = "null"
		}
		put(t, w, "conversations", fmt.Sprintf(
			`{"id":%d,"created_at":%d,"last_message_created_at":%d,"closed_at":%s,"updated_at":%d,"ratings":[{"rating_type":"CSAT","rating_status":"Rated","rating_message":null}]}`,
			n, hour(n), hour(n+1), closed, hour(n+3)))
		put(t, w, "messages", fmt.Sprintf(`{"id":"m%d","csid":%[1]d,"created_at":%d,"text":"<Hej> & æøå"}`, n, hour(n)))
		put(t, w, "activities", fmt.Sprintf(
			`{"id":"l%d","conversationId":%[1]d,"activityTimestamp":"%sZ[GMT]","_type":"NoteAdded","author":null,"attributes":{"note":"<Hej> & æøå"}}`,
			n, time.UnixMilli(hour(n)).UTC().Format("2006-01-02T15:04:05.000")))
		put(t, w, "agents", fmt.Sprintf(`{"id":"a%d","displayName":"Agent %[1]d","email":"a%[1]d@example.com","phoneNumber":"+4570000%[1]d"}`, n))
	}
	return &dixatest.Server{World: w, Token: token, Behaviour: unlimited}
}

var unlimited = dixatest.Behaviour{ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1}

// behaving is small with a change to its Behaviour.
func behaving(t *testing.T, change func(*dixatest.Behaviour)) *dixatest.Server {
	t.Helper()
	s := small(t)
	change(&s.Behaviour)
	return s
}

func allMessages() string { return between("message_export", "created", hour(0), hour(24)) }

func allConversations() string { return between("conversation_export", "created", hour(0), hour(24)) }

// activitiesBetween is the path of the first page of the activity log between two hours.
func activitiesBetween(from, to int) string {
	return activityLog(time.UnixMilli(hour(from)).UTC().Format(time.RFC3339), time.UnixMilli(hour(to)).UTC().Format(time.RFC3339))
}

func activityLog(from, to string) string {
	return "/v1/conversations/activitylog?fromDatetime=" + escape(from) + "&toDatetime=" + escape(to)
}

func escape(text string) string { return url.QueryEscape(text) }
