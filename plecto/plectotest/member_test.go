package plectotest_test

import (
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func person(provider string, id any, name, email string) map[string]any {
	return map[string]any{
		"updating_api_provider":       provider,
		"updating_api_provider_id":    id,
		"updating_api_provider_email": email,
		"name":                        name,
		"teams":                       []string{},
	}
}

func TestARowMakesTheMemberItNames(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	wantStatus(t, send(t, s, "POST", "/registrations/", []any{
		row(source, "1", nil),
		row(source, "2", map[string]any{"member_api_id": 2, "member_name": "Jonas Berg"}),
		row(source, "3", map[string]any{"member_name": "Ida Holm-Berg"}),
		row(source, "4", map[string]any{"member_api_provider": "Other"}),
	}), 201)
	members := s.Members()
	equal(t, "members", members, []plectotest.Member{
		{UUID: members[0].UUID, Name: "Ida Holm", Active: true, Accounts: []plectotest.Account{{Provider: "Dixa", ID: "agent-1"}}},
		{UUID: members[1].UUID, Name: "Jonas Berg", Active: true, Accounts: []plectotest.Account{{Provider: "Dixa", ID: "2"}}},
		{UUID: members[2].UUID, Name: "Ida Holm", Active: true, Accounts: []plectotest.Account{{Provider: "Other", ID: "agent-1"}}},
	})

	wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "2", map[string]any{
		"member": members[0].UUID, "member_name": omit, "member_api_id": omit, "member_api_provider": omit})), 201)
	got := s.Registrations(source)[1]
	equal(t, "member", got.Member, members[0].UUID)
	equal(t, "account", got.MemberProvider+got.MemberID+got.MemberName, "")
}

func TestAMemberIsMadeAndChangedByItsAccount(t *testing.T) {
	s := &plectotest.Server{}
	created := send(t, s, "POST", "/members/", person("Dixa", 7, "Ida Holm", "ida@example.dk"))
	wantStatus(t, created, 201)
	again := person("Dixa", "7", "Ida Berg", "other@example.dk")
	again["is_active"], again["title"], again["teams"] = false, "Lead", []string{"north"}
	again["display_name"], again["manager"], again["managed_teams"] = "Ida", "m", []string{"south"}
	changed := send(t, s, "POST", "/members/", again)
	wantStatus(t, changed, 200)

	uuid := created.object(t)["uuid"].(string)
	equal(t, "members", s.Members(), []plectotest.Member{{
		UUID: uuid, Name: "Ida Berg", Email: "ida@example.dk", Accounts: []plectotest.Account{{Provider: "Dixa", ID: "7"}},
		Title: "Lead", DisplayName: "Ida", Manager: "m", Teams: []string{"north"}, ManagedTeams: []string{"south"},
	}})
	read := send(t, s, "GET", "/members/"+uuid+"/", nil)
	wantStatus(t, read, 200)
	equal(t, "read", read.object(t), changed.object(t))
	equal(t, "e-mail", read.object(t)["updating_api_provider_email"], any("ida@example.dk"))

	source := s.AddDataSource("Conversations")
	send(t, s, "POST", "/registrations/", row(source, "1", map[string]any{"member_api_id": "7"}))
	equal(t, "member of a row", s.Registrations(source)[0].Member, uuid)
}

func TestOneEMailIsOneMember(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	send(t, s, "POST", "/members/", person("Other", "o", "Ida Holm", "ida@example.dk"))
	// Known by a row, and without an e-mail so far.
	send(t, s, "POST", "/registrations/", row(source, "1", nil))
	equal(t, "members before", len(s.Members()), 2)

	merged := send(t, s, "POST", "/members/", person("Dixa", "agent-1", "Ida Holm", "Ida@example.dk"))
	wantStatus(t, merged, 200)
	added := send(t, s, "POST", "/members/", person("Third", "t", "Ida Holm", "ida@example.dk"))
	wantStatus(t, added, 200)
	members := s.Members()
	if len(members) != 1 {
		t.Fatalf("members %+v, want one", members)
	}
	equal(t, "accounts", members[0].Accounts, []plectotest.Account{{Provider: "Other", ID: "o"}, {Provider: "Dixa", ID: "agent-1"}, {Provider: "Third", ID: "t"}})
	equal(t, "member of the old row", s.Registrations(source)[0].Member, members[0].UUID)
	send(t, s, "POST", "/registrations/", row(source, "2", nil))
	equal(t, "member of a new row", s.Registrations(source)[1].Member, members[0].UUID)
	send(t, s, "POST", "/members/", person("Dixa", "agent-1", "Ida Berg", ""))
	equal(t, "members after", len(s.Members()), 1)
	equal(t, "name after", s.Members()[0].Name, "Ida Berg")
}

func TestNoEMailIsNotAnEMailInCommon(t *testing.T) {
	s := &plectotest.Server{}
	send(t, s, "POST", "/members/", person("Dixa", "1", "Ida Holm", ""))
	send(t, s, "POST", "/members/", person("Dixa", "2", "Jonas Berg", ""))
	equal(t, "members", len(s.Members()), 2)
}

func TestAMemberNeedsAccountNameAndTeams(t *testing.T) {
	for _, key := range []string{"updating_api_provider", "updating_api_provider_id", "name", "teams"} {
		s := &plectotest.Server{}
		sent := person("Dixa", "1", "Ida Holm", "ida@example.dk")
		delete(sent, key)
		got := send(t, s, "POST", "/members/", sent)
		wantStatus(t, got, 400)
		if got.object(t)[key] == nil {
			t.Errorf("body %s does not name %s", got.body, key)
		}
		equal(t, "members", len(s.Members()), 0)
	}
}

func TestAccountsCanBeHiddenFromReaders(t *testing.T) {
	for _, hide := range []bool{false, true} {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{HideAccounts: hide}}
		wantStatus(t, send(t, s, "POST", "/members/", person("Dixa", "1", "Ida Holm", "ida@example.dk")), 201)
		for _, shown := range []map[string]any{
			send(t, s, "GET", "/members/", nil).array(t)[0],
			send(t, s, "GET", "/members/"+s.Members()[0].UUID+"/", nil).object(t),
		} {
			_, email := shown["updating_api_provider_email"]
			_, accounts := shown["data_suppliers"]
			equal(t, "shown", []bool{email, accounts}, []bool{!hide, !hide})
			equal(t, "name", shown["name"], any("Ida Holm"))
		}
	}
}
