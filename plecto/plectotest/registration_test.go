package plectotest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestASecondWriteReplacesTheWholeRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{}
		source := s.AddDataSource("Conversations",
			plectotest.Field{Name: "Queue Name"},
			plectotest.Field{Name: "Seconds", Input: plectotest.NumberInput, Default: 30},
			plectotest.Field{Name: "Tags"})
		begin := time.Now().UTC()
		wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{
			"Queue Name": "Billing", "Seconds": json.Number("1.50"), "Tags": "vip", "team": "north"})), 201)
		time.Sleep(time.Minute)
		wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{
			"Queue Name": "Returns", "member_api_id": "agent-2", "member_name": "Jonas Berg", "date": "2026-02-01T01:00:00.5+01:00"})), 201)

		got := s.Registrations(source)
		if len(got) != 1 {
			t.Fatalf("%d registrations, want 1", len(got))
		}
		equal(t, "registration", got[0], plectotest.Registration{
			UUID: got[0].UUID, DataSource: source, ExternalID: "1",
			Date:           time.Date(2026, 2, 1, 0, 0, 0, 500_000_000, time.UTC),
			Member:         s.Members()[1].UUID,
			MemberProvider: "Dixa", MemberID: "agent-2", MemberName: "Jonas Berg",
			Fields: map[string]any{"Queue Name": "Returns", "Seconds": json.Number("30"), "Tags": nil},
			Writes: 2, FirstWritten: begin, LastWritten: begin.Add(time.Minute),
		})
	})
}

func TestExternalIDsAreTextOrNumberUnderEitherName(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	for _, keys := range []map[string]any{
		{"external_id": "7"},
		{"external_id": 7},
		{"external_id": omit, "reference": "7"},
		{"external_id": omit, "reference": 7},
		{"external_id": "7", "reference": "8"},
	} {
		wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "", keys)), 201)
	}
	got := s.Registrations(source)
	if len(got) != 1 || got[0].Writes != 5 {
		t.Errorf("registrations %+v, want one written 5 times", got)
	}
}

func TestOneExternalIDInTwoDataSourcesIsTwoRows(t *testing.T) {
	s := &plectotest.Server{}
	one, two := s.AddDataSource("Conversations"), s.AddDataSource("Messages")
	wantStatus(t, send(t, s, "POST", "/registrations/", []any{row(one, "1", nil), row(two, "1", nil)}), 201)
	for _, source := range s.DataSources() {
		equal(t, "registrations of "+source.Title, source.Registrations, 1)
	}
}

func TestUUIDsAreTakenWithDashes(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	dashed := strings.ToUpper(source[:8] + "-" + source[8:12] + "-" + source[12:16] + "-" + source[16:20] + "-" + source[20:])
	wantStatus(t, send(t, s, "POST", "/registrations/", row(dashed, "1", nil)), 201)
	equal(t, "data source", s.Registrations(dashed)[0].DataSource, source)
	wantStatus(t, send(t, s, "GET", "/datasources/"+dashed+"/", nil), 200)
}

func TestDates(t *testing.T) {
	cet := time.FixedZone("CET", 3600)
	noon := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name      string
		behaviour plectotest.Behaviour
		date      any
		want      time.Time // zero for a refusal
	}{
		{"UTC", plectotest.Behaviour{}, "2026-01-31T12:00:00Z", noon},
		{"an offset", plectotest.Behaviour{}, "2026-01-31T13:00:00+01:00", noon},
		{"an offset without a colon", plectotest.Behaviour{}, "2026-01-31T13:00:00+0100", noon},
		{"milliseconds", plectotest.Behaviour{}, "2026-01-31T12:00:00.250Z", noon.Add(250 * time.Millisecond)},
		{"naive", plectotest.Behaviour{}, "2026-01-31T12:00:00", noon},
		{"naive in a zone", plectotest.Behaviour{NaiveZone: cet}, "2026-01-31T13:00:00", noon},
		{"naive and refused", plectotest.Behaviour{RefuseNaiveDates: true}, "2026-01-31T12:00:00", time.Time{}},
		{"an offset where naive is refused", plectotest.Behaviour{RefuseNaiveDates: true}, "2026-01-31T12:00:00Z", noon},
		{"a day", plectotest.Behaviour{}, "2026-01-31", time.Time{}},
		{"a number", plectotest.Behaviour{}, 1769860800, time.Time{}},
		{"no such day", plectotest.Behaviour{}, "2026-02-30T12:00:00Z", time.Time{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{Behaviour: test.behaviour}
			source := s.AddDataSource("Conversations")
			got := send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"date": test.date}))
			if test.want.IsZero() {
				wantStatus(t, got, 400)
				if got.object(t)["date"] == nil {
					t.Errorf("body %s does not name the date", got.body)
				}
				return
			}
			wantStatus(t, got, 201)
			equal(t, "date", s.Registrations(source)[0].Date, test.want)
		})
	}
}

func TestARowWithoutADateIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{}
		source := s.AddDataSource("Conversations")
		time.Sleep(time.Hour)
		send(t, s, "POST", "/registrations/", []any{row(source, "1", map[string]any{"date": omit}), row(source, "2", map[string]any{"date": nil})})
		for _, r := range s.Registrations(source) {
			equal(t, "date", r.Date, time.Now().UTC())
		}
	})
}

func TestOneRowIsReadReplacedAndDeletedByItsUUID(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations", plectotest.Field{Name: "Queue"}, plectotest.Field{Name: "Tags"})
	created := send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"Queue": "Billing", "Tags": "vip"}))
	path := "/registrations/" + source + "/" + created.object(t)["uuid"].(string) + "/"

	read := send(t, s, "GET", path, nil)
	wantStatus(t, read, 200)
	uuid := s.Registrations(source)[0].UUID
	equal(t, "row", read.object(t), map[string]any{
		"uuid": uuid, "id": uuid, "data_source": source, "external_id": "1", "reference": "1",
		"date": "2026-01-31T12:00:00Z", "member": s.Members()[0].UUID, "member_name": "Ida Holm", "team": nil,
		"Queue": "Billing", "Tags": "vip",
	})

	replaced := send(t, s, "PUT", path, row(source, "", map[string]any{"external_id": omit, "data_source": omit, "Queue": "Returns"}))
	wantStatus(t, replaced, 200)
	got := s.Registrations(source)[0]
	equal(t, "fields", got.Fields, map[string]any{"Queue": "Returns", "Tags": nil})
	equal(t, "writes", got.Writes, 2)
	equal(t, "stored by the log", s.Requests()[2].Stored, 1)

	for name, changes := range map[string]map[string]any{
		"external_id": {"external_id": "2"},
		"data_source": {"data_source": s.AddDataSource("Other")},
		"member_name": {"member_name": omit},
	} {
		refused := send(t, s, "PUT", path, row(source, "1", changes))
		wantStatus(t, refused, 400)
		if refused.object(t)[name] == nil {
			t.Errorf("body %s does not name %s", refused.body, name)
		}
	}
	wantStatus(t, send(t, s, "PUT", path, []any{row(source, "1", nil)}), 400)

	wantStatus(t, send(t, s, "DELETE", path, nil), 204)
	wantStatus(t, send(t, s, "GET", path, nil), 404)
	equal(t, "registrations", len(s.Registrations(source)), 0)
}

func TestADeletedRowComesBackAsANewOne(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	send(t, s, "POST", "/registrations/", row(source, "1", nil))
	first := s.Registrations(source)[0]
	if !s.Delete(source, "1") || s.Delete(source, "1") {
		t.Error("Delete does not report whether there was a row")
	}
	send(t, s, "POST", "/registrations/", row(source, "1", nil))
	second := s.Registrations(source)[0]
	if second.UUID == first.UUID || second.Writes != 1 {
		t.Errorf("after %+v came %+v", first, second)
	}
}

func TestAnEditByHandIsNoWriteOfTheAPI(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"Queue": "Billing", "Tags": "vip"}))
	if !s.Edit(source, "1", map[string]any{"Queue": "Returns", "date": "2026-02-01T00:00:00Z"}) || s.Edit(source, "2", nil) || s.Edit("0", "1", nil) {
		t.Error("Edit does not report whether there is a row")
	}
	got := s.Registrations(source)[0]
	equal(t, "fields", got.Fields, map[string]any{"Queue": "Returns", "Tags": "vip"})
	equal(t, "date", got.Date, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	equal(t, "writes", got.Writes, 1)
	equal(t, "requests", len(s.Requests()), 1)
}

func TestRegistrationsAreSortedByExternalID(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	send(t, s, "POST", "/registrations/", []any{row(source, "b", nil), row(source, "c", nil), row(source, "a", nil)})
	var ids string
	for _, r := range s.Registrations(source) {
		ids += r.ExternalID
	}
	equal(t, "order", ids, "abc")
	if s.Registrations("0") != nil {
		t.Error("a data source that does not exist has registrations")
	}
}
