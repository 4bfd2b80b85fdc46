package plecto_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
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
	} {
		got, err := client(t, answers(http.StatusOK, row.body)).DataSource(t.Context(), uuid)
		if err != nil || !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s is read as %+v, %v", row.body, got, err)
		}
		for _, list := range []string{"[" + row.body + "]", `{"count":1,"next":null,"results":[` + row.body + `]}`} {
			all, err := client(t, answers(http.StatusOK, list)).DataSources(t.Context())
			if err != nil || !reflect.DeepEqual(all, []plecto.DataSource{row.want}) {
				t.Errorf("%s is read as %+v, %v", list, all, err)
			}
		}
	}
}

func TestDataSourcesAreFoundAtPlecto(t *testing.T) {
	for _, lists := range []plectotest.Lists{plectotest.ListsMixed, plectotest.ListsEnveloped, plectotest.ListsBare} {
		for _, hide := range []bool{false, true} {
			s := &plectotest.Server{Email: email, Password: password, Behaviour: plectotest.Behaviour{Lists: lists, HideFields: hide, Slash: plectotest.SlashNotFound}}
			want := plecto.DataSource{UUID: s.AddDataSource("Conversations", plectotest.Field{Name: "Channel"}), Title: "Conversations", Fields: []string{"Channel"}}
			if hide {
				want.Fields = nil
			}
			c := client(t, s)
			got, err := c.DataSource(t.Context(), want.UUID)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the data source is %+v, %v", got, err)
			}
			all, err := c.DataSources(t.Context())
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
		_, all := c.DataSources(t.Context())
		if !errors.Is(one, plecto.ErrUnavailable) || !errors.Is(all, plecto.ErrUnavailable) {
			t.Errorf("%q: %v and %v", body, one, all)
		}
	}
}
