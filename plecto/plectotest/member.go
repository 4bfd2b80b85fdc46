package plectotest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Account is a person as some other system knows them.
type Account struct {
	Provider, ID string
}

// Member is one employee.
type Member struct {
	UUID, Name, Email string
	Active            bool
	// Accounts are the person's in other systems, the oldest first.
	Accounts []Account
	// Title, DisplayName, Manager (a member's UUID), Teams and ManagedTeams are kept as sent.
	Title, DisplayName, Manager string
	Teams, ManagedTeams         []string
}

type member struct {
	Member
	into *member // the member that this one was merged into
}

// current is the member itself, or the one it has become a part of.
func (m *member) current() *member {
	for m.into != nil {
		m = m.into
	}
	return m
}

// Members are all members, the oldest first.
func (s *Server) Members() []Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Member
	for _, m := range s.members {
		shown := m.Member
		shown.Accounts = slices.Clone(m.Accounts)
		all = append(all, shown)
	}
	return all
}

func (s *Server) addMember(name string) *member {
	m := &member{Member: Member{UUID: s.uuid("member"), Name: name, Active: true}}
	s.members = append(s.members, m)
	return m
}

func (s *Server) member(uuid string) *member {
	uuid = plain(uuid)
	if i := slices.IndexFunc(s.members, func(m *member) bool { return m.UUID == uuid }); i >= 0 {
		return s.members[i]
	}
	return nil
}

// link makes an account the member's.
func (s *Server) link(a Account, m *member) {
	if s.accounts == nil {
		s.accounts = make(map[Account]*member)
	}
	s.accounts[a] = m
	m.Accounts = append(m.Accounts, a)
}

// memberOf is the member with an account, made if there is none.
// https://docs.plecto.com/kb/guide/en/introduction-to-employees-JxFeOWj1Tx/Steps/2281521,3152740,3152741
func (s *Server) memberOf(a Account, name string) *member {
	if m := s.accounts[a]; m != nil {
		return m
	}
	m := s.addMember(name)
	s.link(a, m)
	return m
}

// merge makes one member a part of another. Its registrations follow through current.
// https://help.plecto.com/teams-and-employees/employees/merge-employees/
func (s *Server) merge(from, into *member) {
	for _, a := range from.Accounts {
		s.link(a, into)
	}
	from.into = into
	s.members = slices.DeleteFunc(s.members, func(m *member) bool { return m == from })
}

func (s *Server) listMembers(x *exchange) answer {
	if s.Behaviour.ForbidMembersList {
		return forbidden()
	}
	return list(s, x, s.members, s.showMember)
}

func (s *Server) getMember(x *exchange) answer {
	m := s.member(x.segments[1])
	if m == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	return answer{status: http.StatusOK, body: s.showMember(m)}
}

// postMember makes or changes the member with an account; e-mails that are alike join members.
// The keys are those of
// https://docs.plecto.com/kb/guide/en/how-to-add-employees-to-plecto-via-api-hEwfU5QsjP/Steps/3348467
func (s *Server) postMember(x *exchange) answer {
	if s.Behaviour.ForbidMembers {
		return forbidden()
	}
	var sent struct {
		Provider     string    `json:"updating_api_provider"`
		Email        string    `json:"updating_api_provider_email"`
		Name         string    `json:"name"`
		Active       *bool     `json:"is_active"`
		Teams        *[]string `json:"teams"`
		Title        *string   `json:"title"`
		DisplayName  *string   `json:"display_name"`
		Manager      *string   `json:"manager"`
		ManagedTeams *[]string `json:"managed_teams"`
	}
	if err := json.Unmarshal(x.body, &sent); err != nil {
		return detail(http.StatusBadRequest, "JSON parse error - %v", err)
	}
	account := Account{sent.Provider, text(decode(x.body)["updating_api_provider_id"])}
	p := make(problems)
	if account.ID == "" {
		p.add("updating_api_provider_id", "required")
	}
	if account.Provider == "" {
		p.add("updating_api_provider", "required")
	}
	if sent.Name == "" {
		p.add("name", "required")
	}
	if sent.Teams == nil {
		p.add("teams", "required")
	}
	if len(p) > 0 {
		return answer{status: http.StatusBadRequest, body: p}
	}

	m, status := s.accounts[account], http.StatusOK
	if i := slices.IndexFunc(s.members, func(m *member) bool {
		return sent.Email != "" && strings.EqualFold(m.Email, sent.Email)
	}); i >= 0 && s.members[i] != m {
		owner := s.members[i]
		if m != nil {
			s.merge(m, owner)
		} else {
			s.link(account, owner)
		}
		m = owner
	}
	if m == nil {
		m, status = s.memberOf(account, sent.Name), http.StatusCreated
	}
	m.Name = sent.Name
	if m.Email == "" {
		m.Email = sent.Email
	}
	m.Teams = *sent.Teams
	set(&m.Active, sent.Active)
	set(&m.Title, sent.Title)
	set(&m.DisplayName, sent.DisplayName)
	set(&m.Manager, sent.Manager)
	set(&m.ManagedTeams, sent.ManagedTeams)
	return answer{status: status, body: s.showMember(m)}
}

// set takes over a value that was sent.
func set[T any](to *T, sent *T) {
	if sent != nil {
		*to = *sent
	}
}

func (s *Server) showMember(m *member) any {
	shown := map[string]any{
		"uuid":          m.UUID,
		"id":            m.UUID,
		"name":          m.Name,
		"is_active":     m.Active,
		"teams":         append([]string{}, m.Teams...),
		"title":         m.Title,
		"display_name":  m.DisplayName,
		"manager":       m.Manager,
		"managed_teams": append([]string{}, m.ManagedTeams...),
	}
	if s.Behaviour.HideAccounts {
		return shown
	}
	accounts := make([]any, 0, len(m.Accounts))
	for _, a := range m.Accounts {
		accounts = append(accounts, map[string]string{"updating_api_provider": a.Provider, "updating_api_provider_id": a.ID})
	}
	shown["updating_api_provider_email"], shown["data_suppliers"] = m.Email, accounts
	return shown
}
