package dixatest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func bulk(seed uint64) *dixatest.Server {
	return &dixatest.Server{Behaviour: unlimited, Bulk: &dixatest.Bulk{
		Seed: seed, Messages: 5000, Conversations: 1000, From: start, To: start.AddDate(0, 0, 20),
	}}
}

func TestBulkRowsHaveTheFieldsOfTheReference(t *testing.T) {
	s := bulk(1)
	var raw []json.RawMessage
	for endpoint, fields := range map[string]string{"message_export": messageFields, "conversation_export": conversationFields} {
		if err := json.Unmarshal(get(s, between(endpoint, "created", hour(0), hour(24*20))).Body.Bytes(), &raw); err != nil {
			t.Fatal(err)
		}
		checkFields(t, fields, raw)
	}
}

func TestBulkRowsAreSpreadEvenlyAndBelongTogether(t *testing.T) {
	s := bulk(1)
	body := get(s, between("message_export", "created", hour(0), hour(24*20))).Body.Bytes()
	messages := decode[lifted](t, body)
	conversations := decode[lifted](t, get(s, between("conversation_export", "created", hour(0), hour(24*20))).Body.Bytes())
	if len(messages) != 5000 || len(conversations) != 1000 {
		t.Fatalf("%d messages and %d conversations", len(messages), len(conversations))
	}
	if each := len(body) / len(messages); each < 1000 || each > 1200 {
		t.Errorf("a message takes %d bytes, want about 1,100", each)
	}
	begun, to := map[int64]int64{}, start.AddDate(0, 0, 20).UnixMilli()
	for i, c := range conversations {
		var id int64
		if err := json.Unmarshal(c.ID, &id); err != nil {
			t.Fatal(err)
		}
		begun[id] = c.CreatedAt
		if c.CreatedAt != hour(0)+int64(i)*20*86_400_000/1000 {
			t.Errorf("conversation %d begins at %d", i, c.CreatedAt)
		}
		if c.UpdatedAt >= to || c.UpdatedAt < *c.ClosedAt || *c.ClosedAt < *c.LastMessage || *c.LastMessage < c.CreatedAt {
			t.Errorf("the times of conversation %d are out of order: %+v", i, c)
		}
	}
	seen := map[string]bool{}
	for _, m := range messages {
		if at, ok := begun[m.CSID]; !ok || at > m.CreatedAt || seen[string(m.ID)] {
			t.Fatalf("message %s is of conversation %d or comes twice", m.ID, m.CSID)
		}
		seen[string(m.ID)] = true
	}
}

func TestBulkFiltersGiveWhatAScanOfAllRowsGives(t *testing.T) {
	s := bulk(1)
	all := decode[lifted](t, get(s, between("conversation_export", "created", hour(0), hour(24*20))).Body.Bytes())
	edge := all[400].CreatedAt
	for filter, of := range map[string]func(lifted) int64{
		"created":              func(c lifted) int64 { return c.CreatedAt },
		"updated":              func(c lifted) int64 { return c.UpdatedAt },
		"closed":               func(c lifted) int64 { return *c.ClosedAt },
		"last_message_created": func(c lifted) int64 { return *c.LastMessage },
	} {
		for _, span := range [][2]int64{{edge, edge}, {edge + 1, hour(24 * 9)}, {hour(-20), edge}, {hour(100), hour(99)}, {hour(24 * 19), hour(24 * 30)}, {hour(24 * 20), hour(24 * 30)}} {
			if span[0] > span[1] {
				continue
			}
			var want []string
			for _, c := range all {
				if at := of(c); at >= span[0] && at <= span[1] {
					want = append(want, string(c.ID))
				}
			}
			var got []string
			for _, c := range decode[lifted](t, get(s, between("conversation_export", filter, span[0], span[1])).Body.Bytes()) {
				got = append(got, string(c.ID))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s in %v gives %d rows, want %d", filter, span, len(got), len(want))
			}
		}
	}
	if got := ids(t, get(s, "/v1/conversation_export?csids=46005,46003,1")); got != "46003 46005" {
		t.Errorf("csids give %q", got)
	}
}

func TestBulkWindowsAddUpToTheWhole(t *testing.T) {
	s := bulk(1)
	whole := get(s, between("message_export", "created", hour(0), hour(24*20))).Body.Bytes()
	var parts []json.RawMessage
	for day := range 20 {
		parts = append(parts, decode[json.RawMessage](t, get(s, between("message_export", "created", hour(24*day), hour(24*(day+1))-1)).Body.Bytes())...)
	}
	if !bytes.Equal(array(parts), whole) {
		t.Error("twenty days, one by one, differ from all of them at once")
	}
	if bytes.Equal(get(bulk(2), between("message_export", "created", hour(0), hour(24*20))).Body.Bytes(), whole) {
		t.Error("another seed gives the same rows")
	}
}

func TestAnEmptyBulkHasNoRows(t *testing.T) {
	s := &dixatest.Server{Bulk: new(dixatest.Bulk)}
	if got := get(s, allMessages()).Body.String(); got != "[]" {
		t.Errorf("the reply is %s", got)
	}
}

// discard is a client that reads as fast as can be.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func BenchmarkBulk(b *testing.B) {
	s := &dixatest.Server{Behaviour: unlimited, Bulk: &dixatest.Bulk{
		Messages: 100_000, Conversations: 100_000, From: start, To: start.Add(30 * 24 * time.Hour),
	}}
	for _, endpoint := range []string{"message_export", "conversation_export"} {
		b.Run(endpoint, func(b *testing.B) {
			path := between(endpoint, "created", hour(0), hour(24*30))
			get(s, path)
			b.SetBytes(last(s).Bytes)
			b.ReportAllocs()
			for b.Loop() {
				s.ServeHTTP(discard{http.Header{}}, request(path))
			}
		})
	}
}
