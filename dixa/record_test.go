package dixa_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestABadRecordIsSetAsideAndTheOthersGoOn(t *testing.T) {
	for _, row := range []struct{ element, bad string }{
		{dixatest.Spoilt(dixatest.MessageExport, "no id"), "it has no id"},
		{dixatest.Spoilt(dixatest.MessageExport, "seconds"), "its created_at is not in milliseconds (1760000000)"},
		{dixatest.Spoilt(dixatest.MessageExport, "not UTF-8"), "its text is not UTF-8"},
		{dixatest.Spoilt(dixatest.MessageExport, "not object"), "it is not a JSON object"},
		{`null`, "it is not a JSON object"},
		{`[]`, "it is not a JSON object"},
		{`{}`, "it has no id"},
		{`{"id":null,"created_at":1760000000000}`, "it has no id"},
		{`{"id":"","created_at":1760000000000}`, "it has no id"},
		{`{"id":true,"created_at":1760000000000}`, "its id is neither text nor a number"},
		{`{"id":{"a":1},"created_at":1760000000000}`, "its id is neither text nor a number"},
		{`{"id":1.5,"created_at":1760000000000}`, "its id is not a whole number"},
		{`{"id":1e400,"created_at":1760000000000}`, "its id is not a whole number"},
		{`{"id":9223372036854775808,"created_at":1760000000000}`, "its id is not a whole number"},
		{`{"id":1}`, "it has no created_at"},
		{`{"id":1,"created_at":null}`, "it has no created_at"},
		{`{"id":1,"created_at":0}`, "it has no created_at"},
		{`{"id":1,"created_at":"2025-10-06T12:00:00Z"}`, "its created_at is not a whole number"},
		{`{"id":1,"created_at":[1760000000000]}`, "its created_at is not a number"},
		{`{"id":1,"created_at":1760000000000000}`, "its created_at is not in milliseconds (1760000000000000)"},
		{`{"id":1,"created_at":1760000000000,"updated_at":1760000000}`, "its updated_at is not in milliseconds (1760000000)"},
		{`{"id":1,"created_at":1760000000000,"closed_at":-5}`, "its closed_at is not in milliseconds (-5)"},
		{`{"id":"m","csid":"seven","created_at":1760000000000}`, "its csid is not a whole number"},
	} {
		records, err := messages(t, client(t, says("["+message(1)+", "+row.element+" ,"+message(2)+"]")))
		if err != nil || len(records) != 3 {
			t.Errorf("%q ends the export: %d records, %v", row.element, len(records), err)
			continue
		}
		if r := records[1]; r.Bad != row.bad || string(r.Body) != row.element {
			t.Errorf("%q is bad because %q, want %q; its body is %q", row.element, r.Bad, row.bad, r.Body)
		}
		if records[0].Bad != "" || records[2].Bad != "" {
			t.Errorf("%q spoils its neighbours: %q, %q", row.element, records[0].Bad, records[2].Bad)
		}
	}
}

func TestARecordIsTakenInAnySpelling(t *testing.T) {
	const at = 1760000000000
	for _, row := range []struct {
		kind    dixa.Kind
		element string
		want    dixa.Record
	}{
		{dixa.Conversations, `{"id":12,"created_at":1760000000000,"updated_at":1760000000001}`, dixa.Record{ID: "12", CSID: 12, CreatedAt: at, UpdatedAt: at + 1}},
		{dixa.Conversations, `{"id":12.0,"created_at":"1760000000000"}`, dixa.Record{ID: "12", CSID: 12, CreatedAt: at}},
		{dixa.Conversations, `{"id":"12","created_at":1760000000000}`, dixa.Record{ID: "12", CSID: 12, CreatedAt: at}},
		{dixa.Conversations, `{"id":12,"csid":13,"created_at":1760000000000.000}`, dixa.Record{ID: "12", CSID: 13, CreatedAt: at}},
		{dixa.Conversations, `{"id":12,"created_at":1760000000000,"anonymized_at":1760000000002,"requester_email":"k\u00e5re@example.dk"}`,
			dixa.Record{ID: "12", CSID: 12, CreatedAt: at, AnonymizedAt: at + 2, RequesterEmail: "kåre@example.dk"}},
		{dixa.Conversations, `{"id":12,"created_at":1760000000000,"anonymized_at":null,"requester_email":null,"assignee_id":"a1","assignee_name":"Bo","assignee_email":"bo@example.com"}`,
			dixa.Record{ID: "12", CSID: 12, CreatedAt: at, Assignee: dixa.Agent{ID: "a1", DisplayName: "Bo", Email: "bo@example.com"}}},
		{dixa.Messages, `{"id":"12","csid":"13","created_at":1760000000000}`, dixa.Record{ID: "12", CSID: 13, CreatedAt: at}},
		{dixa.Messages, `{"id":12,"created_at":1760000000000}`, dixa.Record{ID: "12", CreatedAt: at}},
		{dixa.Messages, `{"author_email":"k\u00e5re@example.dk","id":"m1","created_at":1760000000000}`, dixa.Record{ID: "m1", CreatedAt: at, AuthorEmail: "kåre@example.dk"}},
		{dixa.Messages, `{"id":"m1","csid":null,"created_at":1760000000000,"updated_at":null}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{dixa.Messages, `{"id":"m1","created_at":1760000000000,"updated_at":0,"closed_at":0}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{dixa.Messages, `{"id":"bl\u00e5\u0021","created_at":1760000000000}`, dixa.Record{ID: "blå!", CreatedAt: at}},
		{dixa.Messages, `{"text":"half an emoji \ud83d","id":"m1","created_at":1760000000000}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{dixa.Messages, `{"nested":{"id":"other","created_at":1},"id":"m1","created_at":1760000000000}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{dixa.Messages, `{"id":"m1","created_at":1760000000000,"activityTimestamp":"yesterday","conversationId":"x"}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{dixa.Messages, "{ \"id\" :\n\"m1\",\t\"created_at\": 1760000000000 }", dixa.Record{ID: "m1", CreatedAt: at}},
	} {
		records, err := read(t, client(t, says("["+row.element+"]")).Export(t.Context(), dixa.Export{Kind: row.kind, By: dixa.Created, Window: day}))
		if err != nil || len(records) != 1 {
			t.Errorf("%s: %d records, %v", row.element, len(records), err)
			continue
		}
		if row.want.Body = []byte(row.element); !reflect.DeepEqual(records[0], row.want) {
			t.Errorf("%s is taken as %+v", row.element, records[0])
		}
	}
}

func TestALargeRecordIsTakenUpToTheLimit(t *testing.T) {
	large := `{"id":"m1","created_at":1760000000000,"text":"` + strings.Repeat("x", dixa.MaxRecord-100) + `"}`
	records, err := messages(t, client(t, says("["+message(0)+","+large+","+message(2)+"]")))
	if err != nil || len(records) != 3 || string(records[1].Body) != large {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// Everything that belongs to a conversation names it by number.
func TestAConversationIsKnownByItsNumber(t *testing.T) {
	for id, want := range map[string]dixa.Record{
		`7`: {ID: "7", CSID: 7}, `"7"`: {ID: "7", CSID: 7},
		`"seven"`: {ID: "seven", Bad: "its id is not a number"}, `"seven","csid":7`: {ID: "seven", CSID: 7, Bad: "its id is not a number"},
	} {
		element := `{"id":` + id + `,"created_at":1760000000000}`
		for r, err := range client(t, says("["+element+"]")).Export(t.Context(), dixa.Export{Kind: dixa.Conversations, By: dixa.Created}) {
			if err != nil || r.ID != want.ID || r.CSID != want.CSID || r.Bad != want.Bad {
				t.Errorf("%s: %+v, %v", element, r, err)
			}
		}
	}
}
