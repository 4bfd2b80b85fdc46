package bridge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A MemberPlan tells whom a push would bring into Plecto for the first time.
type MemberPlan struct {
	New     []store.Agent // that Plecto does not have
	Matched []store.Agent // that Plecto has already, by e-mail or from an earlier time
	// Ambiguous are those with whom they share an e-mail, and they, so that Plecto is told of neither.
	Ambiguous []store.Agent
	// Unread says why Plecto's members could not be read: all others then count as new.
	Unread error
	// Days are the distinct members that the push adds to each day, the stand-in included: Plecto bills by the highest
	// number on a day. https://docs.plecto.com/kb/guide/en/subscription-and-licenses-2p8QWyVPxk/Steps/2278311
	Days []MemberDay
}

// A MemberDay is how many members a day gets beside those it has.
type MemberDay struct {
	Day     string // in UTC: 2026-01-31
	Members int
}

// meet remembers an agent of whom Plecto has not been told.
func (p *planner) meet(id string) {
	agent := p.telling.people.byID[id]
	known := func(a store.Agent) bool { return a.ID == agent.ID }
	if agent.ID != "" && !p.telling.settled[id] && !slices.ContainsFunc(p.met, known) {
		p.met = append(p.met, agent)
	}
}

// people sorts those of whom Plecto would be told by whether it has them.
func (p *planner) people(known *roster) {
	if p.NoMembers {
		return
	}
	m := &p.plan.Members
	for _, agent := range p.met {
		if others := p.telling.people.sharing(agent); len(others) > 0 {
			for _, a := range append([]store.Agent{agent}, others...) {
				if !slices.ContainsFunc(m.Ambiguous, func(there store.Agent) bool { return there.ID == a.ID }) {
					m.Ambiguous = append(m.Ambiguous, a)
				}
			}
			continue
		}
		switch {
		case known != nil && known.has(agent):
			m.Matched = append(m.Matched, agent)
		default:
			m.New = append(m.New, agent)
		}
		if introducible(agent) {
			p.plan.OtherRequests++
			p.telling.settled[agent.ID] = true // by the push to this source, so that the next finds it done
		}
	}
	if known != nil {
		m.Unread = known.unread
	}
	for _, list := range [][]store.Agent{m.New, m.Matched, m.Ambiguous} {
		slices.SortFunc(list, func(a, b store.Agent) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
		})
	}
}

// A roster is whom Plecto has.
type roster struct {
	ids    map[string]bool // of members that came from Dixa
	emails map[string]bool
	unread error
}

func (r *roster) has(a store.Agent) bool {
	return r.ids[a.ID] || slices.ContainsFunc(a.Emails, func(email string) bool { return r.emails[email] })
}

// maxPages bounds a list of members: a server that always tells of another page is not followed for ever.
const maxPages = 1000

// roster reads Plecto's members as far as it shows them.
func (b *Bridge) roster(ctx context.Context) *roster {
	r := &roster{ids: map[string]bool{}, emails: map[string]bool{}}
	p := patience{limit: b.Patience}
	progress := func() Progress { return Progress{Flow: "plan", Name: "members"} }
	met, hidden := 0, true
	for page, more := 1, true; more && page <= maxPages; page++ {
		var members []plecto.Member
		r.unread = b.ask(ctx, b.Limits.plectoRest(), &p, progress, func(ctx context.Context, _ ticket) (err error) {
			members, more, err = b.Plecto.Members(ctx, page)
			return err
		})
		if r.unread != nil {
			return r
		}
		met += len(members)
		for _, m := range members {
			hidden = hidden && m.Email == "" && len(m.Accounts) == 0
			if m.Email != "" {
				r.emails[normal(m.Email)] = true
			}
			for _, account := range m.Accounts {
				r.ids[account.ID] = r.ids[account.ID] || account.Provider == Provider
			}
		}
	}
	if hidden && met > 0 {
		r.unread = errors.New("it shows neither their e-mails nor where they come from")
	}
	return r
}
