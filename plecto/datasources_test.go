package plecto_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestADataSourceIsReadInAnyShape(t *testing.T) {
	const uuid = "0123456789abcdef0123456789abcdef"
	for _, row := range []struct {
		body string
		want plecto.DataSource
	}{
		{`{"uuid":"` + uuid + `","title":"Rows","fields":[{"name":"Channel"},{"name":"Queue"}]}`, plecto.DataSource{UUID: uuid, Title: "Rows", Fields: []string{"Channel", "Queue"}}},
		{`{"id":"01234567-89ab-cdef-0123-456789abcdef","name":"Rows","fields":["Channel","Queue"]}`, plecto.DataSource{UUID: uuid, Title: "Rows", Fields: []string{"Channel", "Queue"}}},
		{`{"id":17,"uuid":"` + uuid + `","title":null,"fields":null}`, plecto.DataSource{UUID: uuid}},
		{`{"uuid":"` + uuid + `","fields":[{"title":"Channel"},{"id":1},7,null]}`, plecto.DataSource{UUID: uuid, Fields: []string{"Channel"}}},
		{`{"uuid":"` + uuid + `","fields":{"channel":{"name":"Channel"}}}`, plecto.DataSource{UUID: uuid}},
		{`{"uuid":"` + uuid + `"}`, plecto.DataSource{UUID: uuid}},
		{`{"uuid":null,"id":17}`, plecto.DataSource{}},
		{`{"uuid":"` + strings.ToUpper(uuid) + `","fields":[{"name":"Channel","input":"TextInput"},{"name":"Seconds","input":"NumberInput"},{"name":"Queue"}]}`,
			plecto.DataSource{UUID: uuid, Fields: []string{"Channel", "Seconds", "Queue"}, Texts: []string{"Channel"}}},
	} {
		got, err := client(t, answers(http.StatusOK, row.body)).DataSource(t.Context(), uuid)
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s is read as %+v, %v", row.body, got, err)
		}
		for _, list := range []string{"[" + row.body + "]", `{"count":1,"next":null,"results":[` + row.body + `]}`} {
			all, more, err := client(t, answers(http.StatusOK, list)).DataSources(t.Context(), 1)
			if err != nil || more || !reflect.DeepEqual(all, []plecto.DataSource{row.want}) {
				t.Errorf("%s is read as %+v, %v", list, all, err)
			}
		}
	}
}

func TestDataSourcesAreFoundAtPlecto(t *testing.T) {
	for _, lists := range []plectotest.Lists{plectotest.ListsMixed, plectotest.ListsEnveloped, plectotest.ListsBare} {
		for _, hide := range []bool{false, true} {
			s := &plectotest.Server{Email: email, Password: password, Behaviour: plectotest.Behaviour{Lists: lists, HideFields: hide, Slash: plectotest.SlashNotFound}}
			want := plecto.DataSource{UUID: s.AddDataSource("Conversations", plectotest.Field{Name: "Channel"}), Title: "Conversations"}
			if !hide {
				want.Fields, want.Texts = []string{"Channel"}, []string{"Channel"}
			}
			c := client(t, s)
			got, err := c.DataSource(t.Context(), want.UUID)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the data source is %+v, %v", got, err)
			}
			all, _, err := c.DataSources(t.Context(), 0)
			if err != nil || !reflect.DeepEqual(all, []plecto.DataSource{want}) {
				t.Errorf("the data sources are %+v, %v", all, err)
			}
			if _, err := c.DataSource(t.Context(), "ffffffffffffffffffffffffffffffff"); !slices.Equal(kinds(err), []error{plecto.ErrNotFound}) {
				t.Errorf("one that does not exist: %v", err)
			}
		}
	}
}

func TestWhatIsNoDataSourceMeansThatTheServiceIsNotAvailable(t *testing.T) {
	for _, body := range []string{"", "OK", "17", `"x"`, `{"uuid":`, "<html>", `[1]`} {
		c := client(t, answers(http.StatusOK, body))
		_, one := c.DataSource(t.Context(), "0123456789abcdef0123456789abcdef")
		if !errors.Is(one, plecto.ErrUnavailable) {
			t.Errorf("%q: %v", body, one)
		}
	}
}

var fresh = plecto.NewDataSource{Title: "Conversations", Fields: []plecto.NewField{
	{Name: "Channel", Input: plecto.TextInput}, {Name: "Seconds", Input: plecto.NumberInput},
	{Name: "Closed", Input: plecto.CheckboxInput}, {Name: "Closed at", Input: plecto.DateTimeInput},
}}

func TestADataSourceIsCreatedWithAllOfItsFields(t *testing.T) {
	var sent string
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sent = fmt.Sprint(r.Method, " ", r.URL, " ", string(body), err)
		w.WriteHeader(http.StatusCreated)
	}))
	if _, err := c.CreateDataSource(t.Context(), plecto.NewDataSource{Title: "Rows", Fields: []plecto.NewField{{Name: "Channel", Input: plecto.TextInput}}}); err != nil {
		t.Fatal(err)
	}
	if want := `POST /datasources/ {"fields":[{"name":"Channel","input":"TextInput","default_value":""}],"title":"Rows"}<nil>`; sent != want {
		t.Errorf("sent is %s, want %s", sent, want)
	}
	if _, err := c.CreateDataSource(t.Context(), plecto.NewDataSource{Title: "Rows"}); err != nil || sent != `POST /datasources/ {"fields":[],"title":"Rows"}<nil>` {
		t.Errorf("without fields %s is sent, %v", sent, err)
	}

	for _, created := range []plectotest.Created{plectotest.CreatedShown, plectotest.CreatedID, plectotest.CreatedEmpty} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{Created: created, Slash: plectotest.SlashNotFound}}
		got, err := client(t, s).CreateDataSource(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		made := s.DataSources()[0]
		var want plecto.DataSource
		switch created {
		case plectotest.CreatedShown:
			want = plecto.DataSource{UUID: made.UUID, Title: "Conversations", Fields: []string{"Channel", "Seconds", "Closed", "Closed at"}, Texts: []string{"Channel"}}
		case plectotest.CreatedID:
			want = plecto.DataSource{UUID: made.UUID}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the new one is %+v, want %+v", got, want)
		}
		for i, f := range made.Fields {
			if f.Name != fresh.Fields[i].Name || f.Input != string(fresh.Fields[i].Input) || f.Default != "" {
				t.Errorf("field %d is %+v", i, f)
			}
		}
	}
}

func TestAnyAnswerToANewDataSourceButAPageMeansThatItIsCreated(t *testing.T) {
	for _, body := range []string{"", "OK", "null", "17", "[]", `{"detail":"created"}`, `{"uuid":17,"title":[]}`, `{"uuid":`} {
		got, err := client(t, answers(http.StatusCreated, body)).CreateDataSource(t.Context(), fresh)
		if err != nil || !reflect.DeepEqual(got, plecto.DataSource{}) {
			t.Errorf("%q: %+v, %v", body, got, err)
		}
	}
	if _, err := client(t, answers(http.StatusOK, "<html>")).CreateDataSource(t.Context(), fresh); !slices.Equal(kinds(err), []error{plecto.ErrUnavailable}) {
		t.Errorf("a page: %v", err)
	}
}

func TestADataSourceThatPlectoDoesNotCreate(t *testing.T) {
	for _, row := range []struct {
		behaviour plectotest.Behaviour
		kind      error
		says      string
	}{
		{plectotest.Behaviour{RefuseInputs: []string{"NumberInput"}}, plecto.ErrRefused, `"NumberInput" is not a valid choice.`},
		{plectotest.Behaviour{RefuseInputs: []string{"NumberInput"}, InputRefusal: plectotest.InputUnnamed}, plecto.ErrRefused, "A field of this data source is not valid."},
		{plectotest.Behaviour{ForbidDataSources: true}, plecto.ErrUnauthorized, "You do not have permission to perform this action."},
	} {
		s := &plectotest.Server{Behaviour: row.behaviour}
		_, err := client(t, s).CreateDataSource(t.Context(), fresh)
		if !slices.Equal(kinds(err), []error{row.kind}) || !strings.Contains(err.Error(), row.says) || len(s.Requests()) != 1 {
			t.Errorf("%d requests, %v", len(s.Requests()), err)
		}
	}
}
