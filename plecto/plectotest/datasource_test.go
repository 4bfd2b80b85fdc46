package plectotest_test

import (
	"fmt"
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
	tests := []struct{ name, body, key string }{
		{"no title", `{"fields": []}`, "title"},
		{"no fields", `{"title": "Conversations"}`, "fields"},
		{"a field without a name", `{"title": "Conversations", "fields": [{"input": "TextInput"}]}`, "fields"},
		{"two fields of one name", `{"title": "Conversations", "fields": [{"name": "A"}, {"name": "A"}]}`, "fields"},
		{"a name that every row has", `{"title": "Conversations", "fields": [{"name": "date"}]}`, "fields"},
		{"an unknown input", `{"title": "Conversations", "fields": [{"name": "A", "input": "Slider"}]}`, "fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{}
			got := send(t, s, "POST", "/datasources/", test.body)
			wantStatus(t, got, 400)
			if got.object(t)[test.key] == nil {
				t.Errorf("body %s does not name %s", got.body, test.key)
			}
			equal(t, "data sources", len(s.DataSources()), 0)
		})
	}
}

func TestAnInputMayBeRefused(t *testing.T) {
	const body = `{"title": "Conversations", "fields": [{"name": "A", "input": "TextInput"}, {"name": "B", "input": "NumberInput"}, {"name": "C"}]}`
	const named = `{"fields":[{},{"input":["\"NumberInput\" is not a valid choice."]},{}]}`
	tests := []struct {
		name    string
		refused []string
		shape   plectotest.InputRefusal
		status  int
		want    string
	}{
		{"none", nil, plectotest.InputByField, 201, ""},
		{"another", []string{"CheckboxInput"}, plectotest.InputByField, 201, ""},
		{"one", []string{"CheckboxInput", "NumberInput"}, plectotest.InputByField, 400, named},
		{"one, without its name", []string{"NumberInput"}, plectotest.InputUnnamed, 400, `{"detail":"A field of this data source is not valid."}`},
		{"that of a field which names none", []string{"TextInput"}, plectotest.InputByField, 400,
			`{"fields":[{"input":["\"TextInput\" is not a valid choice."]},{},{"input":["\"\" is not a valid choice."]}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{RefuseInputs: test.refused, InputRefusal: test.shape}}
			got := send(t, s, "POST", "/datasources/", body)
			wantStatus(t, got, test.status)
			if test.status == 400 {
				equal(t, "body", got.body, test.want)
			}
			equal(t, "is created", len(s.DataSources()) == 1, test.status == 201)
		})
	}
}

func TestTheAnswerToANewDataSource(t *testing.T) {
	for _, test := range []struct {
		created plectotest.Created
		want    func(uuid string) string
	}{
		{plectotest.CreatedShown, func(uuid string) string {
			return fmt.Sprintf(`{"fields":[],"id":%q,"title":"Conversations","uuid":%q}`, uuid, uuid)
		}},
		{plectotest.CreatedID, func(uuid string) string { return fmt.Sprintf(`{"id":%q}`, uuid) }},
		{plectotest.CreatedEmpty, func(string) string { return "" }},
	} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{Created: test.created}}
		got := send(t, s, "POST", "/datasources/", `{"title": "Conversations", "fields": []}`)
		wantStatus(t, got, 201)
		equal(t, "body", got.body, test.want(s.DataSources()[0].UUID))
	}
}

func TestALoginThatMayNotCreateOrList(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{ForbidDataSources: true, ForbidMembers: true, ForbidMembersList: true}}
	source := s.AddDataSource("Conversations")
	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", nil)), 201)
	member := s.Members()[0].UUID
	for _, test := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"POST", "/datasources/", `{"title": "Messages", "fields": []}`, 403},
		{"GET", "/datasources/", nil, 200},
		{"GET", "/datasources/" + source + "/", nil, 200},
		{"POST", "/members/", person("Dixa", "2", "Jonas Berg", "jonas@example.dk"), 403},
		{"GET", "/members/", nil, 403},
		{"GET", "/members/" + member + "/", nil, 200},
	} {
		got := send(t, s, test.method, test.path, test.body)
		wantStatus(t, got, test.status)
		if test.status == 403 {
			equal(t, "body", got.body, `{"detail":"You do not have permission to perform this action."}`)
		}
	}
	equal(t, "data sources", len(s.DataSources()), 1)
	equal(t, "members", len(s.Members()), 1)
}

func TestADataSourceThatIsRemovedTakesItsRowsAlong(t *testing.T) {
	s := &plectotest.Server{}
	source, other := s.AddDataSource("Conversations"), s.AddDataSource("Messages")
	wantStatus(t, send(t, s, "POST", "/registrations/", []any{row(source, "1", nil), row(other, "1", nil)}), 201)
	if !s.RemoveDataSource(source) || s.RemoveDataSource(source) {
		t.Error("RemoveDataSource does not report whether there was one")
	}
	wantStatus(t, send(t, s, "GET", "/datasources/"+source+"/", nil), 404)
	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "2", nil)), 400)
	equal(t, "rows left", send(t, s, "GET", "/registrations/", nil).object(t)["count"], 1.0)
	equal(t, "data sources left", s.DataSources(), []plectotest.DataSource{{UUID: other, Title: "Messages", Registrations: 1}})
}
