package plectotest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestTheAnswerToAPost(t *testing.T) {
	tests := []struct {
		answer       plectotest.Answer
		status       int
		mirrors, ids bool
	}{
		{plectotest.AnswerCreated, 201, true, true},
		{plectotest.AnswerOK, 200, true, true},
		{plectotest.AnswerEmpty, 201, false, false},
		{plectotest.AnswerWithoutIDs, 201, true, false},
		{plectotest.AnswerNoContent, 204, false, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.answer), func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{Answer: test.answer}}
			source := s.AddDataSource("Conversations")
			sent := []map[string]any{row(source, "1", map[string]any{"Queue": "A & B"}), row(source, "2", nil)}
			many := send(t, s, "POST", "/registrations/", sent)
			one := send(t, s, "POST", "/registrations/", sent[0])
			wantStatus(t, many, test.status)
			wantStatus(t, one, test.status)
			stored := s.Registrations(source)
			equal(t, "stored", len(stored), 2)
			if !test.mirrors {
				equal(t, "bodies", many.body+one.body, "")
				return
			}
			if test.ids {
				for i := range sent {
					sent[i]["uuid"], sent[i]["id"] = stored[i].UUID, stored[i].UUID
				}
			}
			equal(t, "array", many.array(t), sent)
			equal(t, "object", one.object(t), sent[0])
			equal(t, "content type", many.header.Get("Content-Type"), "application/json")
		})
	}
}

func TestABodyMayHaveSpaceAndNothingAfterItsEnd(t *testing.T) {
	encoded, _ := json.MarshalIndent([]any{row("SOURCE", "1", nil), row("SOURCE", "2", nil)}, " ", "\t")
	for _, test := range []struct {
		body   string
		status int
		rows   int
	}{
		{" \r\n" + string(encoded) + " \n", 201, 2},
		{string(encoded) + "x", 400, 0},
		{string(encoded) + string(encoded), 400, 0},
		{string(encoded[:len(encoded)-1]), 400, 0},
		{"[]", 201, 0},
		{"", 400, 0},
		{"{} {}", 400, 0},
	} {
		s := &plectotest.Server{}
		source := s.AddDataSource("Conversations")
		got := send(t, s, "POST", "/registrations/", strings.ReplaceAll(test.body, "SOURCE", source))
		wantStatus(t, got, test.status)
		equal(t, "stored rows", len(s.Registrations(source)), test.rows)
		if test.rows > 0 {
			equal(t, "mirrored rows", len(got.array(t)), test.rows)
		}
	}
}

func TestABatchWithABadRow(t *testing.T) {
	tests := []struct {
		badItem plectotest.BadItem
		stored  string
	}{
		{plectotest.BadItemErrors, ""},
		{plectotest.BadItemDetail, ""},
		{plectotest.BadItemLeftOut, "13"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.badItem), func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{BadItem: test.badItem}}
			source := s.AddDataSource("Conversations")
			good, bad := row(source, "1", nil), row(source, "2", map[string]any{"member_name": omit})
			many := send(t, s, "POST", "/registrations/", []any{good, bad, row(source, "3", nil)})
			one := send(t, s, "POST", "/registrations/", bad)
			wantStatus(t, many, 400)
			wantStatus(t, one, 400)
			var stored string
			for _, r := range s.Registrations(source) {
				stored += r.ExternalID
			}
			equal(t, "stored", stored, test.stored)
			equal(t, "stored by the log", s.Requests()[0].Stored, len(test.stored))
			equal(t, "members", len(s.Members()), min(len(test.stored), 1))
			if test.badItem == plectotest.BadItemDetail {
				for _, body := range []string{many.body, one.body} {
					if detail, _ := parsed[map[string]any](t, body)["detail"].(string); !strings.Contains(detail, "member_name") {
						t.Errorf("body %s", body)
					}
				}
				return
			}
			problem := map[string]any{"member_name": []any{"required"}}
			equal(t, "array", many.array(t), []map[string]any{{}, problem, {}})
			equal(t, "object", one.object(t), problem)
		})
	}
}

func TestRowsThatAreInvalid(t *testing.T) {
	tests := []struct {
		name    string
		changes map[string]any
		key     string
	}{
		{"no data source", map[string]any{"data_source": omit}, "data_source"},
		{"unknown data source", map[string]any{"data_source": strings.Repeat("0", 32)}, "data_source"},
		{"no external id", map[string]any{"external_id": omit}, "external_id"},
		{"empty external id", map[string]any{"external_id": ""}, "external_id"},
		{"object as external id", map[string]any{"external_id": map[string]any{}}, "external_id"},
		{"no provider", map[string]any{"member_api_provider": omit}, "member_api_provider"},
		{"no person", map[string]any{"member_api_id": nil}, "member_api_id"},
		{"no name", map[string]any{"member_name": ""}, "member_name"},
		{"nobody", map[string]any{"member_name": omit, "member_api_id": omit, "member_api_provider": omit}, "member"},
		{"unknown member", map[string]any{"member": strings.Repeat("0", 32)}, "member"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{}
			source := s.AddDataSource("Conversations")
			got := send(t, s, "POST", "/registrations/", row(source, "1", test.changes))
			wantStatus(t, got, 400)
			if body := got.object(t); len(body) != 1 || body[test.key] == nil {
				t.Errorf("body %s does not name %s alone", got.body, test.key)
			}
			equal(t, "stored", len(s.Registrations(source)), 0)
		})
	}
	s := &plectotest.Server{}
	got := send(t, s, "POST", "/registrations/", []any{1, nil})
	wantStatus(t, got, 400)
	equal(t, "problems", len(got.array(t)[0])+len(got.array(t)[1]), 2)
}

func TestMoreThanAHundredRowsAreRefused(t *testing.T) {
	for _, test := range []struct{ rows, tooMany, status int }{{100, 0, 201}, {101, 0, 400}, {101, 413, 413}} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{TooManyStatus: test.tooMany}}
		source := s.AddDataSource("Conversations")
		got := send(t, s, "POST", "/registrations/", rows(source, test.rows))
		wantStatus(t, got, test.status)
		if test.status != 201 {
			equal(t, "stored", len(s.Registrations(source)), 0)
			if got.object(t)["detail"] == "" {
				t.Errorf("body %s", got.body)
			}
		}
	}
}

func TestAnUnknownDataSourceMayRefuseTheWholeRequest(t *testing.T) {
	for _, status := range []int{403, 404} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{UnknownDataSourceStatus: status, BadItem: plectotest.BadItemLeftOut}}
		source := s.AddDataSource("Conversations")
		got := send(t, s, "POST", "/registrations/", []any{row(source, "1", nil), row(strings.Repeat("0", 32), "2", nil)})
		wantStatus(t, got, status)
		if got.object(t)["detail"] == "" {
			t.Errorf("body %s", got.body)
		}
		equal(t, "stored", len(s.Registrations(source)), 0)
	}
}

func TestUnknownKeys(t *testing.T) {
	changes := map[string]any{"Queue": "Billing", "Quue": "Billing"}
	field := plectotest.Field{Name: "Queue"}

	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations", field)
	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", changes)), 201)
	equal(t, "fields", s.Registrations(source)[0].Fields, map[string]any{"Queue": "Billing"})

	s = &plectotest.Server{Behaviour: plectotest.Behaviour{RefuseUnknownKeys: true}}
	source = s.AddDataSource("Conversations", field)
	got := send(t, s, "POST", "/registrations/", row(source, "1", changes))
	wantStatus(t, got, 400)
	if body := got.object(t); len(body) != 1 || body["Quue"] == nil {
		t.Errorf("body %s", got.body)
	}

	source = s.AddDataSource("Anything")
	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", changes)), 201)
	equal(t, "fields", s.Registrations(source)[0].Fields, changes)
}

func TestEmptyValues(t *testing.T) {
	fields := []plectotest.Field{{Name: "Queue"}, {Name: "Seconds", Input: plectotest.NumberInput, AllowEmpty: true}}
	for _, test := range []struct {
		refuse         bool
		queue, seconds any
		status         int
	}{
		{false, nil, nil, 201},
		{false, "", "", 201},
		{true, "Billing", nil, 201},
		{true, "Billing", "", 201},
		{true, nil, 1, 400},
		{true, "", 1, 400},
	} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{RefuseEmpty: test.refuse}}
		source := s.AddDataSource("Conversations", fields...)
		got := send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"Queue": test.queue, "Seconds": test.seconds}))
		wantStatus(t, got, test.status)
		if test.status == 201 {
			equal(t, "fields", s.Registrations(source)[0].Fields, map[string]any{"Queue": test.queue, "Seconds": test.seconds})
		} else if got.object(t)["Queue"] == nil {
			t.Errorf("body %s does not name the field", got.body)
		}
	}
}

func TestTypesOfValues(t *testing.T) {
	tests := []struct {
		input   string
		value   any
		valid   bool
		coerced any
	}{
		{plectotest.TextInput, "a", true, "a"},
		{plectotest.TextInput, json.Number("1.50"), true, "1.50"},
		{plectotest.TextInput, true, true, "true"},
		{plectotest.TextInput, []any{"a", "b"}, false, `["a","b"]`},
		{plectotest.Select, "a", true, "a"},
		{plectotest.NumberInput, json.Number("1.50"), true, json.Number("1.5")},
		{plectotest.NumberInput, "12", true, json.Number("12")},
		{plectotest.NumberInput, "twelve", false, nil},
		{plectotest.NumberInput, true, false, nil},
		{plectotest.NumberInput, map[string]any{}, false, nil},
		{plectotest.CheckboxInput, true, true, true},
		{plectotest.CheckboxInput, "false", true, false},
		{plectotest.CheckboxInput, "perhaps", false, nil},
		{plectotest.DateTimeInput, "2026-01-31T12:00:00Z", true, "2026-01-31T12:00:00Z"},
		{plectotest.DateTimeInput, "today", false, nil},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.input, " ", test.value), func(t *testing.T) {
			for _, coerce := range []bool{false, true} {
				s := &plectotest.Server{Behaviour: plectotest.Behaviour{CoerceTypes: coerce}}
				source := s.AddDataSource("Conversations", plectotest.Field{Name: "Value", Input: test.input})
				got := send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"Value": test.value}))
				switch {
				case coerce:
					wantStatus(t, got, 201)
					equal(t, "coerced", s.Registrations(source)[0].Fields["Value"], test.coerced)
				case test.valid:
					wantStatus(t, got, 201)
					equal(t, "kept", s.Registrations(source)[0].Fields["Value"], test.value)
				default:
					wantStatus(t, got, 400)
					if got.object(t)["Value"] == nil {
						t.Errorf("body %s does not name the field", got.body)
					}
				}
			}
		})
	}
}

func TestRowsCanBePoisoned(t *testing.T) {
	s := &plectotest.Server{Refuse: func(row map[string]any) string {
		if row["Queue"] == "Billing" {
			return "billing is closed"
		}
		return ""
	}}
	source := s.AddDataSource("Conversations")
	got := send(t, s, "POST", "/registrations/", []any{
		row(source, "1", nil), row(source, "2", map[string]any{"Queue": "Billing"}), "no object"})
	wantStatus(t, got, 400)
	equal(t, "valid row", got.array(t)[0], map[string]any{})
	if !strings.Contains(fmt.Sprint(got.array(t)[1]), "billing is closed") {
		t.Errorf("body %s", got.body)
	}
	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", nil)), 201)
}
