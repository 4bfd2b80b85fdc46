package bridge

import (
	"slices"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// people are the agents of the Dixa organisation, those who left too.
type people struct {
	byID   map[string]store.Agent
	emails map[string][]store.Agent // of one e-mail, in the order of ids
}

func newPeople(agents []store.Agent) people {
	p := people{byID: make(map[string]store.Agent, len(agents)), emails: make(map[string][]store.Agent, len(agents))}
	for _, a := range agents {
		p.byID[a.ID] = a
		for _, email := range a.Emails {
			p.emails[email] = append(p.emails[email], a)
		}
	}
	return p
}

// byEmail returns the agent with an e-mail. Of several it is the one with the id that is likely, else the first by id, so
// that it is the same one each time.
func (p people) byEmail(email, likely string) store.Agent {
	found := p.emails[normal(email)]
	if i := slices.IndexFunc(found, func(a store.Agent) bool { return a.ID == likely }); i >= 0 {
		return found[i]
	}
	if len(found) > 0 {
		return found[0]
	}
	return store.Agent{}
}

// sharing returns the others that have an e-mail of an agent: Plecto, which merges people by e-mail, would make them one.
func (p people) sharing(a store.Agent) []store.Agent {
	var others []store.Agent
	for _, email := range a.Emails {
		for _, other := range p.emails[email] {
			if other.ID != a.ID && !slices.ContainsFunc(others, func(o store.Agent) bool { return o.ID == other.ID }) {
				others = append(others, other)
			}
		}
	}
	return others
}
