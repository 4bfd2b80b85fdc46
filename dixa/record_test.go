package dixa_test

import (
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
		element string
		want    dixa.Record
	}{
		{`{"id":12,"created_at":1760000000000,"updated_at":1760000000001}`, dixa.Record{ID: "12", CSID: 12, CreatedAt: at, UpdatedAt: at + 1}},
		{`{"id":12.0,"created_at":"1760000000000"}`, dixa.Record{ID: "12", CSID: 12, CreatedAt: at}},
		{`{"id":12,"csid":13,"created_at":1760000000000.000}`, dixa.Record{ID: "12", CSID: 13, CreatedAt: at}},
		{`{"id":"12","csid":"13","created_at":1760000000000}`, dixa.Record{ID: "12", CSID: 13, CreatedAt: at}},
		{`{"id":"m1","csid":null,"created_at":1760000000000,"updated_at":null}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{`{"id":"m1","created_at":1760000000000,"updated_at":0,"closed_at":0}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{`{"id":"bl\u00e5\u0021","created_at":1760000000000}`, dixa.Record{ID: "blå!", CreatedAt: at}},
		{`{"text":"half an emoji \ud83d","id":"m1","created_at":1760000000000}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{`{"nested":{"id":"other","created_at":1},"id":"m1","created_at":1760000000000}`, dixa.Record{ID: "m1", CreatedAt: at}},
		{"{ \"id\" :\n\"m1\",\t\"created_at\": 1760000000000 }", dixa.Record{ID: "m1", CreatedAt: at}},
	} {
		records, err := messages(t, client(t, says("["+row.element+"]")))
		if err != nil || len(records) != 1 {
			t.Errorf("%s: %d records, %v", row.element, len(records), err)
			continue
		}
		got := records[0]
		if got.ID != row.want.ID || got.CSID != row.want.CSID || got.CreatedAt != row.want.CreatedAt || got.UpdatedAt != row.want.UpdatedAt || got.Bad != "" || string(got.Body) != row.element {
			t.Errorf("%s is taken as %+v", row.element, got)
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
