package plecto_test

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAMemberIsReadInAnyShape(t *testing.T) {
	for _, row := range []struct {
		body string
		want plecto.Member
	}{
		{`{"updating_api_provider_email":"ida@example.dk","email":"other@example.dk","username":"third@example.dk"}`, plecto.Member{Email: "ida@example.dk"}},
		{`{"updating_api_provider_email":null,"email":"ida@example.dk"}`, plecto.Member{Email: "ida@example.dk"}},
		{`{"email":"","username":"ida@example.dk"}`, plecto.Member{Email: "ida@example.dk"}},
		{`{"username":"ida"}`, plecto.Member{}},
		{`{"updating_api_provider":"Dixa","updating_api_provider_id":7}`, plecto.Member{Accounts: []plecto.Account{{Provider: "Dixa", ID: "7"}}}},
		{`{"updating_api_provider":"Dixa","updating_api_provider_id":null}`, plecto.Member{}},
		{`{"updating_api_provider":"Dixa","updating_api_provider_id":"7","data_suppliers":[
			{"updating_api_provider":"Other","updating_api_provider_id":8},{"updating_api_provider":"Dixa","updating_api_provider_id":"7"},
			{"updating_api_provider":"Third"},null,"Dixa",[]],"teams":["north"],"links":[{"updating_api_provider":"Fourth","updating_api_provider_id":"9"}]}`,
			plecto.Member{Accounts: []plecto.Account{{Provider: "Dixa", ID: "7"}, {Provider: "Other", ID: "8"}, {Provider: "Fourth", ID: "9"}}}},
		{`{"name":{"first":"Ida"},"email":["ida@example.dk"],"data_suppliers":{"updating_api_provider":"Dixa"}}`, plecto.Member{}},
		{`{}`, plecto.Member{}},
	} {
		all, more, err := client(t, answers(http.StatusOK, "["+row.body+"]")).Members(t.Context(), 1)
		if err != nil || more || !reflect.DeepEqual(all, []plecto.Member{row.want}) {
			t.Errorf("%s is read as %+v, %v", row.body, all, err)
		}
	}
}

func TestAMemberIsAddedWithAccountAndEMail(t *testing.T) {
	var sent string
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sent = fmt.Sprint(r.Method, " ", r.URL, " ", string(body), err)
		io.WriteString(w, "done")
	}))
	for _, row := range []struct{ email, want string }{
		{"ida@example.dk", `,"updating_api_provider_email":"ida@example.dk"`},
		{"", ""}, // an empty one might be taken for an e-mail in common
	} {
		err := c.AddMember(t.Context(), plecto.NewMember{Provider: "Dixa", ID: "agent-1", Name: "Ida Holm", Email: row.email})
		want := `POST /members/ {"updating_api_provider":"Dixa","updating_api_provider_id":"agent-1"` + row.want + `,"name":"Ida Holm","teams":[]}<nil>`
		if err != nil || sent != want {
			t.Errorf("sent is %s, want %s; %v", sent, want, err)
		}
	}
}

func TestARowIsItsMembersWhoWasAddedBefore(t *testing.T) {
	for _, hide := range []bool{false, true} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{HideAccounts: hide, Slash: plectotest.SlashNotFound}}
		c := client(t, s)
		for range 2 {
			if err := c.AddMember(t.Context(), plecto.NewMember{Provider: "Dixa", ID: "agent-1", Name: "Ida Holm", Email: "ida@example.dk"}); err != nil {
				t.Fatal(err)
			}
		}
		source := s.AddDataSource("Conversations")
		if err := c.Register(t.Context(), []plecto.Registration{registration(source, "1")}); err != nil {
			t.Fatal(err)
		}
		all, more, err := c.Members(t.Context(), 0)
		var want plecto.Member
		if !hide {
			want.Email, want.Accounts = "ida@example.dk", []plecto.Account{{Provider: "Dixa", ID: "agent-1"}}
		}
		if err != nil || more || !reflect.DeepEqual(all, []plecto.Member{want}) {
			t.Errorf("the members are %+v, %v, want %+v", all, err, want)
		}
	}
}

func TestALoginThatMayNotSeeOrAddMembers(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{ForbidMembers: true, ForbidMembersList: true}}
	c := client(t, s)
	_, _, list := c.Members(t.Context(), 1)
	add := c.AddMember(t.Context(), plecto.NewMember{Provider: "Dixa", ID: "agent-1", Name: "Ida Holm", Email: "ida@example.dk"})
	for _, err := range []error{list, add} {
		if !slices.Equal(kinds(err), []error{plecto.ErrUnauthorized}) {
			t.Errorf("the error is %v", err)
		}
	}
	if len(s.Requests()) != 2 {
		t.Errorf("%d requests", len(s.Requests()))
	}
}
