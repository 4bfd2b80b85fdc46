package plecto_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestARowIsReadInAnyShape(t *testing.T) {
	const uuid = "0123456789abcdef0123456789abcdef"
	values := map[string]any{"Queue": "Billing", "Seconds": json.Number("12345678901234567890.50"), "Closed": true, "Tags": nil}
	for _, row := range []struct {
		body string
		want plecto.Row
	}{
		{`{"uuid":"` + uuid + `","id":"` + uuid + `","data_source":"` + uuid + `","external_id":"12","reference":"13","date":"2026-01-31T12:00:00Z","team":null,
			"member":"` + uuid + `","member_name":"Ida Holm","member_api_provider":"Dixa","member_api_id":7,
			"Queue":"Billing","Seconds":12345678901234567890.50,"Closed":true,"Tags":null}`,
			plecto.Row{UUID: uuid, DataSource: uuid, ExternalID: "12", Date: "2026-01-31T12:00:00Z", MemberProvider: "Dixa", MemberID: "7", Values: values}},
		{`{"id":17,"data_source":{"title":"Rows"},"reference":12}`, plecto.Row{ExternalID: "12"}},
		{`{"uuid":"01234567-89AB-CDEF-0123-456789ABCDEF","external_id":12,"reference":"13"}`, plecto.Row{UUID: uuid, ExternalID: "12"}},
		{`{"fields":{"Queue":"Billing","Seconds":12345678901234567890.50,"Closed":true,"Tags":null}}`, plecto.Row{Values: values}},
		{`{"custom_fields":[{"name":"Queue","value":"Billing"},{"title":"Seconds","value":12345678901234567890.50}],"Closed":true,"values":{"Tags":null}}`, plecto.Row{Values: values}},
		{`{"Queue":"Billing","fields":{"Queue":"Returns"},"data":{"Queue":"Sales"}}`, plecto.Row{Values: map[string]any{"Queue": "Billing"}}},
		{`{"fields":{"Queue":"Billing"},"data":[{"name":"Queue","value":"Sales"}]}`, plecto.Row{Values: map[string]any{"Queue": "Billing"}}},
		{`{"fields":{"external_id":"x","Queue":"Billing"},"external_id":"12"}`, plecto.Row{ExternalID: "12", Values: map[string]any{"external_id": "x", "Queue": "Billing"}}},
		{`{"data":"text","values":["a"],"fields":[],"custom_fields":[{"name":"A","value":1},2]}`, plecto.Row{Values: map[string]any{
			"data": "text", "values": []any{"a"}, "custom_fields": []any{map[string]any{"name": "A", "value": json.Number("1")}, json.Number("2")}}}},
		{`{}`, plecto.Row{}},
	} {
		if row.want.Values == nil {
			row.want.Values = map[string]any{}
		}
		page, err := client(t, answers(http.StatusOK, "["+row.body+"]")).Registrations(t.Context(), plecto.Query{})
		if err != nil || !reflect.DeepEqual(page.Rows, []plecto.Row{row.want}) {
			t.Errorf("%s is read as %+v, %v", row.body, page.Rows, err)
		}
	}
}

func TestAQuerySaysWhatItAsksFor(t *testing.T) {
	copenhagen := time.FixedZone("", 60*60)
	for _, row := range []struct {
		query plecto.Query
		want  string
	}{
		{plecto.Query{}, "/registrations/"},
		{plecto.Query{Page: 1}, "/registrations/"},
		{plecto.Query{Page: 2}, "/registrations/?page=2"},
		{plecto.Query{From: time.Date(2026, 2, 1, 0, 30, 0, 999e6, copenhagen)}, "/registrations/?start_date=2026-01-31T23%3A30%3A00"},
		{plecto.Query{DataSource: "0f", From: time.Unix(0, 0), To: time.Unix(1, 0), ExternalID: "a&b", Page: 3},
			"/registrations/?data_source=0f&end_date=1970-01-01T00%3A00%3A01&external_id=a%26b&page=3&start_date=1970-01-01T00%3A00%3A00"},
	} {
		var asked string
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.String()
			fmt.Fprint(w, "[]")
		}))
		if _, err := c.Registrations(t.Context(), row.query); err != nil || asked != row.want {
			t.Errorf("%+v asks for %s, want %s; %v", row.query, asked, row.want, err)
		}
	}
}

func TestARowIsReadBackAsItWasSent(t *testing.T) {
	sent := registration("", "1")
	closed := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	sent.Fields = []plecto.Field{
		{Name: "Channel", Value: "email"}, {Name: "Seconds", Value: 1.5}, {Name: "Closed", Value: true}, {Name: "Closed at", Value: closed}, {Name: "Tags"},
	}
	for _, row := range []struct {
		name      string
		behaviour plectotest.Behaviour
		date      string
		want      map[string]any
	}{
		{"beside the other keys", plectotest.Behaviour{}, "2025-10-06T12:00:00Z",
			map[string]any{"Channel": "email", "Seconds": json.Number("1.5"), "Closed": true, "Closed at": "2026-01-31T12:00:00+00:00", "Tags": nil}},
		{"nested", plectotest.Behaviour{RowsNested: true}, "2025-10-06T12:00:00Z",
			map[string]any{"Channel": "email", "Seconds": json.Number("1.5"), "Closed": true, "Closed at": "2026-01-31T12:00:00+00:00", "Tags": nil}},
		{"as text", plectotest.Behaviour{StringValues: true, NullsAsEmpty: true, DatesNaive: true}, "2025-10-06T12:00:00",
			map[string]any{"Channel": "email", "Seconds": "1.5", "Closed": "True", "Closed at": "2026-01-31T12:00:00", "Tags": ""}},
		{"not at all", plectotest.Behaviour{HideValues: true}, "2025-10-06T12:00:00Z", map[string]any{}},
	} {
		s := &plectotest.Server{Behaviour: row.behaviour}
		s.Behaviour.Slash = plectotest.SlashNotFound
		sent.DataSource = s.AddDataSource("Conversations", plectotest.Field{Name: "Channel"}, plectotest.Field{Name: "Seconds", Input: plectotest.NumberInput},
			plectotest.Field{Name: "Closed", Input: plectotest.CheckboxInput}, plectotest.Field{Name: "Closed at", Input: plectotest.DateTimeInput}, plectotest.Field{Name: "Tags"})
		c := client(t, s)
		if err := c.Register(t.Context(), []plecto.Registration{sent}); err != nil {
			t.Fatal(err)
		}
		want := plecto.Row{UUID: s.Registrations(sent.DataSource)[0].UUID, DataSource: sent.DataSource, ExternalID: "1", Date: row.date, Values: row.want}
		if row.behaviour.HideValues {
			want.DataSource = ""
		}
		for _, query := range []plecto.Query{
			{DataSource: sent.DataSource}, {DataSource: sent.DataSource, ExternalID: "1"}, {DataSource: sent.DataSource, From: sent.Date, To: sent.Date},
		} {
			got, err := c.Registrations(t.Context(), query)
			if err != nil || !reflect.DeepEqual(got, plecto.Page{Rows: []plecto.Row{want}, Count: 1}) {
				t.Errorf("%s: the page is %+v, %v, want %+v", row.name, got, err, want)
			}
		}
		for _, query := range []plecto.Query{
			{DataSource: "ffffffffffffffffffffffffffffffff"}, {ExternalID: "2"}, {From: sent.Date.Add(time.Second)}, {To: sent.Date.Add(-time.Second)},
		} {
			got, err := c.Registrations(t.Context(), query)
			if err != nil || len(got.Rows) != 0 || got.More {
				t.Errorf("%s: %+v gives %+v, %v", row.name, query, got, err)
			}
		}
	}
}

func TestARowMayBeLarge(t *testing.T) {
	s := new(plectotest.Server)
	c := client(t, s)
	row := registration(s.AddDataSource("Messages"), "1")
	large := strings.Repeat("æ\n", 1<<18)
	row.Fields = []plecto.Field{{Name: "Text", Value: large}}
	for i := range 300 {
		row.Fields = append(row.Fields, plecto.Field{Name: fmt.Sprint("Field ", i), Value: int64(i)})
	}
	if err := c.Register(t.Context(), []plecto.Registration{row}); err != nil {
		t.Fatal(err)
	}
	page, err := c.Registrations(t.Context(), plecto.Query{})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].Values["Text"] != large || page.Rows[0].Values["Field 299"] != json.Number("299") {
		t.Errorf("%d rows, %v", len(page.Rows), err)
	}
}
