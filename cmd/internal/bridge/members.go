package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An introduction is what a push knows of the agents whom Plecto is to be told of.
type introduction struct {
	people  people
	settled map[string]bool // told, or not to be told, by id
	refused bool            // Plecto lets this login tell it of nobody
}

// introduce tells Plecto of the agents of some registrations before their first one, with their e-mail: registrations
// carry none, and Plecto merges people by e-mail, for good.
// https://help.plecto.com/teams-and-employees/employees/merge-employees
//
// Two agents with one e-mail would become one person, so that it is told of neither; nor of one without an e-mail, whom
// the registration alone says as much of. A refusal is a warning: the registrations go out all the same.
func (p *pusher) introduce(ctx context.Context, batch []item) error {
	if p.NoMembers || p.telling.refused {
		return nil
	}
	if err := p.telling.load(ctx, p.Bridge); err != nil {
		return err
	}
	for _, it := range batch {
		id := it.row.MemberID
		if p.telling.settled[id] {
			continue
		}
		p.telling.settled[id] = true
		agent := p.telling.people.byID[id]
		if others := p.telling.people.sharing(agent); len(others) > 0 {
			var sharing []string
			for _, a := range append([]store.Agent{agent}, others...) {
				p.telling.settled[a.ID] = true
				sharing = append(sharing, fmt.Sprintf("%s (%s)", a.Name, a.ID))
			}
			p.Log.Warn("agents share an e-mail, so that Plecto is not told of them: it would merge them into one", "agents", sharing)
			continue
		}
		if !introducible(agent) {
			continue
		}
		err := p.ask(ctx, p.Limits.plectoRest(), &p.patience, p.progress, func(ctx context.Context, _ ticket) error {
			return p.tell(ctx, agent)
		})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case temporary(err):
			return err
		case errors.Is(err, plecto.ErrRefused):
			p.Log.Warn("Plecto refuses an agent: it will make the person from the registrations, without an e-mail", "agent", agent.Name, "id", agent.ID, "error", err)
		default:
			p.telling.refused = true
			p.Log.Warn("Plecto is told of no agents: it will make the people from the registrations, without an e-mail (--no-members asks for that)", "error", err)
			return nil
		}
	}
	return nil
}

// tell tells Plecto of an agent, unless another process just has.
func (p *pusher) tell(ctx context.Context, agent store.Agent) error {
	done, err := p.Store.Turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	told, err := p.Store.Members(ctx, p.account())
	if err != nil || told[agent.ID] {
		return err
	}
	err = p.Plecto.AddMember(ctx, plecto.NewMember{Provider: Provider, ID: agent.ID, Name: agent.Name, Email: agent.Emails[0]})
	if err != nil {
		return notImplemented(err)
	}
	p.tally.Members++
	return p.Store.AddMember(context.WithoutCancel(ctx), p.account(), agent.ID)
}

// load reads the agents and those whom Plecto has been told of.
func (i *introduction) load(ctx context.Context, b *Bridge) error {
	if i.settled != nil {
		return nil
	}
	agents, err := b.Store.Agents(ctx)
	if err != nil {
		return err
	}
	i.people = newPeople(agents)
	i.settled, err = b.Store.Members(ctx, b.account())
	return err
}

// introducible reports whether there is anything to tell of an agent that a registration does not.
func introducible(a store.Agent) bool { return a.ID != "" && a.Name != "" && len(a.Emails) > 0 }

var errNotImplemented = errors.New("the endpoint has no members")

// notImplemented tells an endpoint that has no members from one that is in trouble.
func notImplemented(err error) error {
	if e, ok := errors.AsType[*plecto.Error](err); ok && e.Status == http.StatusNotImplemented {
		return errNotImplemented
	}
	return err
}
