package plectotest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestListsOfRowsAreFiltered(t *testing.T) {
	s := &plectotest.Server{}
	one, two := s.AddDataSource("Conversations"), s.AddDataSource("Messages")
	var all []any
	for day := 1; day <= 3; day++ {
		for _, source := range []string{one, two} {
			all = append(all, row(source, fmt.Sprint("day-", day), map[string]any{"date": fmt.Sprintf("2026-01-%02dT00:00:00Z", day)}))
		}
	}
	wantStatus(t, send(t, s, "POST", "/registrations/", all), 201)
	tests := []struct {
		name  string
		query url.Values
		want  int
	}{
		{"all", nil, 6},
		{"a data source", url.Values{"data_source": {one}}, 3},
		{"no such data source", url.Values{"data_source": {strings.Repeat("0", 32)}}, 0},
		{"an external id", url.Values{"external_id": {"day-2"}}, 2},
		{"a reference", url.Values{"reference": {"day-2"}, "data_source": {two}}, 1},
		{"from a naive date, included", url.Values{"start_date": {"2026-01-02T00:00:00"}}, 4},
		{"to a date, included", url.Values{"end_date": {"2026-01-02T01:00:00+01:00"}}, 4},
		{"between", url.Values{"start_date": {"2026-01-02T00:00:00Z"}, "end_date": {"2026-01-02T00:00:00Z"}}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, s, "GET", "/registrations/?"+test.query.Encode(), nil)
			wantStatus(t, got, 200)
			equal(t, "count", got.object(t)["count"], float64(test.want))
			equal(t, "results", len(got.object(t)["results"].([]any)), test.want)
		})
	}
	refused := send(t, s, "GET", "/registrations/?start_date=yesterday", nil)
	wantStatus(t, refused, 400)
	if refused.object(t)["start_date"] == nil {
		t.Errorf("body %s does not name start_date", refused.body)
	}
}

func TestWhatTheBoundsOfAListReferTo(t *testing.T) {
	tests := []struct {
		name      string
		behaviour plectotest.Behaviour
		want      string // external ids
	}{
		{"dates, bounds included", plectotest.Behaviour{}, "first at last"},
		{"dates, bounds left out", plectotest.Behaviour{FilterExclusive: true}, "at"},
		{"times of writing", plectotest.Behaviour{FilterByWritten: true}, "late"},
		{"times of writing, bounds left out", plectotest.Behaviour{FilterByWritten: true, FilterExclusive: true}, ""},
		{"nothing", plectotest.Behaviour{FilterIgnored: true}, "first at last early late"},
		{"naive dates elsewhere", plectotest.Behaviour{NaiveZone: time.FixedZone("", 24*60*60)}, "first early"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it begins at 2000-01-01
				s := &plectotest.Server{Behaviour: test.behaviour}
				source := s.AddDataSource("Conversations")
				write := func(id, date string) {
					wantStatus(t, send(t, s, "POST", "/registrations/", row(source, id, map[string]any{"date": date})), 201)
				}
				write("first", "2026-01-02T00:00:00Z")
				write("at", "2026-01-02T12:00:00Z")
				write("last", "2026-01-03T00:00:00Z")
				write("early", "2026-01-01T00:00:00Z")
				time.Sleep(time.Until(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)))
				write("late", "2026-01-03T00:00:01Z")

				got := send(t, s, "GET", "/registrations/?start_date=2026-01-02T00:00:00&end_date=2026-01-03T00:00:00", nil)
				wantStatus(t, got, 200)
				var ids []string
				for _, r := range got.object(t)["results"].([]any) {
					ids = append(ids, r.(map[string]any)["external_id"].(string))
				}
				equal(t, "external ids", strings.Join(ids, " "), test.want)
			})
		})
	}
}

func TestHowARowIsShown(t *testing.T) {
	fields := []plectotest.Field{
		{Name: "Queue"}, {Name: "Seconds", Input: plectotest.NumberInput}, {Name: "Closed", Input: plectotest.CheckboxInput},
		{Name: "Open", Input: plectotest.CheckboxInput}, {Name: "Closed at", Input: plectotest.DateTimeInput},
		{Name: "Opened at", Input: plectotest.DateTimeInput}, {Name: "Tags"},
	}
	values := map[string]any{"Queue": "Billing", "Seconds": json.Number("1.50"), "Closed": true, "Open": false, "Closed at": "2026-01-31T12:00:00+00:00"}
	with := func(changes map[string]any) map[string]any {
		all := map[string]any{"Queue": "Billing", "Seconds": 1.5, "Closed": true, "Open": false, "Closed at": "2026-01-31T12:00:00+00:00", "Opened at": nil, "Tags": nil}
		maps.Copy(all, changes)
		return all
	}
	const date = "2026-01-31T12:00:00Z"
	tests := []struct {
		name      string
		behaviour plectotest.Behaviour
		date      string
		values    map[string]any // nil for none, and no key but a few
	}{
		{"as it was sent", plectotest.Behaviour{}, date, with(nil)},
		{"nested", plectotest.Behaviour{RowsNested: true}, date, with(nil)},
		{"without values", plectotest.Behaviour{HideValues: true, RowsNested: true}, date, nil},
		{"naive dates", plectotest.Behaviour{DatesNaive: true}, "2026-01-31T12:00:00", with(map[string]any{"Closed at": "2026-01-31T12:00:00"})},
		{"naive dates elsewhere", plectotest.Behaviour{DatesNaive: true, NaiveZone: time.FixedZone("", 60*60)}, "2026-01-31T13:00:00", with(map[string]any{"Closed at": "2026-01-31T13:00:00"})},
		{"naive dates without values", plectotest.Behaviour{DatesNaive: true, HideValues: true}, "2026-01-31T12:00:00", nil},
		{"as text", plectotest.Behaviour{StringValues: true}, date, with(map[string]any{"Seconds": "1.50", "Closed": "True", "Open": "False"})},
		{"nothing as empty text", plectotest.Behaviour{NullsAsEmpty: true}, date, with(map[string]any{"Opened at": "", "Tags": ""})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{Behaviour: test.behaviour}
			source := s.AddDataSource("Conversations", fields...)
			wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", values)), 201)
			uuid, member := s.Registrations(source)[0].UUID, s.Members()[0].UUID
			want := map[string]any{"uuid": uuid, "external_id": "1", "date": test.date, "member": member}
			if test.values != nil {
				want["id"], want["data_source"], want["reference"], want["member_name"], want["team"] = uuid, source, "1", "Ida Holm", nil
				if test.behaviour.RowsNested {
					want["fields"] = test.values
				} else {
					maps.Copy(want, test.values)
				}
			}
			equal(t, "list", send(t, s, "GET", "/registrations/", nil).object(t)["results"], []any{want})
			equal(t, "one", send(t, s, "GET", "/registrations/"+source+"/"+uuid+"/", nil).object(t), want)
		})
	}
}
