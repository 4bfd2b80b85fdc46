package plectotest_test

import (
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestADataSourceIsCreatedWithItsFields(t *testing.T) {
	s := &plectotest.Server{}
	created := send(t, s, "POST", "/datasources/", map[string]any{"title": "Conversations", "fields": []any{
		map[string]any{"name": "Queue Name", "input": "TextInput", "default_value": "none"},
		map[string]any{"name": "Seconds", "input": "NumberInput"},
		map[string]any{"name": "Tags"},
	}})
	wantStatus(t, created, 201)
	uuid := created.object(t)["uuid"].(string)
	want := []plectotest.Field{
		{Name: "Queue Name", Input: plectotest.TextInput, Default: "none"},
		{Name: "Seconds", Input: plectotest.NumberInput},
		{Name: "Tags", Input: plectotest.TextInput},
	}
	equal(t, "data sources", s.DataSources(), []plectotest.DataSource{{UUID: uuid, Title: "Conversations", Fields: want}})

	read := send(t, s, "GET", "/datasources/"+uuid+"/", nil)
	wantStatus(t, read, 200)
	equal(t, "read", read.object(t), created.object(t))
	equal(t, "shape", read.object(t), map[string]any{"uuid": uuid, "id": uuid, "title": "Conversations", "fields": []any{
		map[string]any{"name": "Queue Name", "input": "TextInput", "default_value": "none", "allow_empty": false},
		map[string]any{"name": "Seconds", "input": "NumberInput", "default_value": nil, "allow_empty": false},
		map[string]any{"name": "Tags", "input": "TextInput", "default_value": nil, "allow_empty": false},
	}})
	wantStatus(t, send(t, s, "POST", "/registrations/", row(uuid, "1", nil)), 201)
	equal(t, "fields of a row", s.Registrations(uuid)[0].Fields, map[string]any{"Queue Name": "none", "Seconds": nil, "Tags": nil})
}

func TestADataSourceWithoutFieldsDoesNotShowWhichItTakes(t *testing.T) {
	s := &plectotest.Server{}
	made := s.AddDataSource("Anything")
	if fields, shown := send(t, s, "GET", "/datasources/"+made+"/", nil).object(t)["fields"]; shown {
		t.Errorf("shows %v", fields)
	}
	// One that was created without fields has none, and keeps nothing.
	created := send(t, s, "POST", "/datasources/", `{"title": "Nothing", "fields": []}`)
	wantStatus(t, created, 201)
	equal(t, "fields", created.object(t)["fields"], []any{})
	uuid := created.object(t)["uuid"].(string)
	wantStatus(t, send(t, s, "POST", "/registrations/", row(uuid, "1", map[string]any{"Queue": "Billing"})), 201)
	equal(t, "kept", s.Registrations(uuid)[0].Fields, map[string]any{})
}

func TestFieldsCanBeHiddenFromReaders(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{HideFields: true}}
	created := send(t, s, "POST", "/datasources/", `{"title": "Conversations", "fields": [{"name": "Queue"}]}`)
	uuid := created.object(t)["uuid"].(string)
	want := map[string]any{"uuid": uuid, "id": uuid, "title": "Conversations"}
	equal(t, "read", send(t, s, "GET", "/datasources/"+uuid+"/", nil).object(t), want)
	equal(t, "list", send(t, s, "GET", "/datasources/", nil).array(t), []map[string]any{want})
}

func TestADataSourceThatCannotBeCreated(t *testing.T) {
	tests := []struct {
		name, body, key string
		onlyText        bool
	}{
		{"no title", `{"fields": []}`, "title", false},
		{"no fields", `{"title": "Conversations"}`, "fields", false},
		{"a field without a name", `{"title": "Conversations", "fields": [{"input": "TextInput"}]}`, "fields", false},
		{"two fields of one name", `{"title": "Conversations", "fields": [{"name": "A"}, {"name": "A"}]}`, "fields", false},
		{"a name that every row has", `{"title": "Conversations", "fields": [{"name": "date"}]}`, "fields", false},
		{"an unknown input", `{"title": "Conversations", "fields": [{"name": "A", "input": "Slider"}]}`, "fields", false},
		{"another input than text", `{"title": "Conversations", "fields": [{"name": "A", "input": "NumberInput"}]}`, "fields", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{OnlyTextInput: test.onlyText}}
			got := send(t, s, "POST", "/datasources/", test.body)
			wantStatus(t, got, 400)
			if got.object(t)[test.key] == nil {
				t.Errorf("body %s does not name %s", got.body, test.key)
			}
			equal(t, "data sources", len(s.DataSources()), 0)
		})
	}
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{OnlyTextInput: true}}
	wantStatus(t, send(t, s, "POST", "/datasources/", `{"title": "Conversations", "fields": [{"name": "A", "input": "TextInput"}]}`), 201)
}
