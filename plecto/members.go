package plecto

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// A Member is an employee in Plecto, as far as Plecto shows who it is.
type Member struct {
	Email string
	// Accounts are the employee's in other systems.
	Accounts []Account
}

// An Account is a person as another system knows them. A registration names its member so.
type Account struct {
	Provider, ID string
}

// UnmarshalJSON takes what can be read of a member; Plecto documents no shape for reading. The names of the keys are those
// that it takes, and the usual ones.
func (m *Member) UnmarshalJSON(body []byte) error {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	*m = Member{Email: o.text("updating_api_provider_email", "email")}
	if login := o.text("username"); m.Email == "" && strings.Contains(login, "@") {
		m.Email = login
	}
	m.add(o)
	for _, key := range slices.Sorted(maps.Keys(o)) {
		accounts, _ := o[key].([]any)
		for _, a := range accounts {
			if account, ok := a.(map[string]any); ok {
				m.add(account)
			}
		}
	}
	return nil
}

// add adds the account that an object shows, if it does.
func (m *Member) add(o object) {
	a := Account{Provider: o.text("updating_api_provider"), ID: o.text("updating_api_provider_id")}
	if a.Provider != "" && a.ID != "" && !slices.Contains(m.Accounts, a) {
		m.Accounts = append(m.Accounts, a)
	}
}

// Members asks for one page, counted from 1, of the members that the login can see, and reports whether another follows.
// Without pages the first has them all.
func (c *Client) Members(ctx context.Context, page int) (all []Member, more bool, err error) {
	l, err := get[Member](ctx, c, "members", "/members/", map[string]string{}, page)
	return l.items, l.more, err
}

// A NewMember is a person to be made known to Plecto, who then cannot log in.
type NewMember struct {
	Provider, ID string // the account, as registrations will name it
	Name         string
	Email        string // not sent where it is empty
}

// AddMember makes the account a member's: of the one that has it or the e-mail, else of a new one. Plecto joins people by
// e-mail for good, and does not change account and e-mail later.
// https://docs.plecto.com/kb/guide/en/how-to-add-employees-to-plecto-via-api-hEwfU5QsjP/Steps/3348467
func (c *Client) AddMember(ctx context.Context, n NewMember) error {
	body, err := json.Marshal(struct {
		Provider string   `json:"updating_api_provider"`
		ID       string   `json:"updating_api_provider_id"`
		Email    string   `json:"updating_api_provider_email,omitempty"`
		Name     string   `json:"name"`
		Teams    []string `json:"teams"` // may be empty, but not left out
	}{n.Provider, n.ID, n.Email, n.Name, []string{}})
	if err != nil {
		return fmt.Errorf("plecto: adding the member: %w", err)
	}
	_, err = c.send(ctx, "adding the member", http.MethodPost, "/members/", nil, body)
	return err
}
