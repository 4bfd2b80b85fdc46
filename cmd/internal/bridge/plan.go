package bridge

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A Plan is what a push would do with a source now.
type Plan struct {
	Source store.Source
	// New, Changed and Unchanged count registrations that Plecto has never accepted, has accepted otherwise, and has as
	// they would be sent; Rejected those that it refuses, and that stay so.
	New, Changed, Unchanged, Rejected int
	// Moves are those of the changed ones that go to another day (UTC) or another person.
	DayMoves, MemberMoves int
	Requests              int           // to registrations
	OtherRequests         int           // to members and data sources
	Least                 time.Duration // that the budget makes the requests take
	Members               MemberPlan
	Samples               []PlanSample
}

// A PlanSample is one registration that would be sent, field by field.
type PlanSample struct {
	ExternalID string
	Changed    bool // rather than new
	// Known says that the old values are; they are not where the registration was sent by an older version.
	Known  bool
	Fields []PlanField
}

// A PlanField is one value of a sample; Old and New are as JSON has them, nil for none.
type PlanField struct {
	Name     string
	Old, New any
}

// samples is how many registrations a plan shows of a source.
const samples = 5

// Plan returns what a push would do, and sends nothing: it asks Plecto for the fields of data sources that are not known
// yet, and for its members.
func (b *Bridge) Plan(ctx context.Context, o PushOptions) ([]Plan, error) {
	sources, err := b.targets(ctx, o)
	if err != nil {
		return nil, err
	}
	var members *roster
	telling := &introduction{}
	if err := telling.load(ctx, b); err != nil {
		return nil, err
	}
	days, err := b.Store.MemberDays(ctx)
	if err != nil {
		return nil, err
	}
	var all []Plan
	for _, src := range sources {
		p := &planner{pusher: b.pusher(o, src), days: days, added: map[string]int{}}
		p.telling = telling
		if err := p.source(ctx); err != nil {
			return all, err
		}
		if len(p.met) > 0 && members == nil && !o.NoMembers {
			if members = b.roster(ctx); ctx.Err() != nil {
				return all, context.Cause(ctx)
			}
			if loginRefused(members.unread) {
				return all, members.unread
			}
		}
		p.people(members)
		all = append(all, p.plan)
	}
	return all, nil
}

type planner struct {
	*pusher
	plan  Plan
	met   []store.Agent   // whom Plecto would be told of
	days  map[string]bool // day and member, of all registrations that Plecto has accepted and those planned
	added map[string]int  // members by day
}

func (p *planner) source(ctx context.Context) error {
	due, err := p.due(ctx)
	if err != nil {
		return err
	}
	if due {
		anew, err := p.foresee(ctx)
		if err != nil {
			return err
		}
		if anew || !p.described() {
			p.plan.OtherRequests++ // the push will ask again
		}
	}
	if p.mapping, err = p.planned(ctx, p.tally.Source); err != nil {
		return err
	}
	p.plan.Source = p.tally.Source
	accepted, rejected, err := p.Store.CountRegistrations(ctx, p.tally.Source)
	if err != nil {
		return err
	}
	p.plan.Unchanged, p.plan.Rejected = accepted, rejected
	if p.RetryRejected {
		for items, err := range p.rejected(ctx) {
			if err != nil {
				return err
			}
			if err := p.count(ctx, items); err != nil {
				return err
			}
			p.plan.Requests += requestsFor(len(items))
		}
	}
	retried := p.plan.New + p.plan.Changed
	for step, err := range p.walk(ctx, p.mapping) {
		if err != nil {
			return err
		}
		items := slices.DeleteFunc(step.items, func(it item) bool { return !it.state.pending() || p.RetryRejected && it.rejectedBefore })
		if err := p.count(ctx, items); err != nil {
			return err
		}
	}
	p.plan.Requests += requestsFor(p.plan.New + p.plan.Changed - retried)
	budget := p.Limits.registrations()
	p.plan.Least = least(budget, p.remaining(ctx, budget), p.plan.Requests)
	for _, day := range slices.Sorted(maps.Keys(p.added)) {
		p.plan.Members.Days = append(p.plan.Members.Days, MemberDay{day, p.added[day]})
	}
	return nil
}

func requestsFor(rows int) int { return (rows + plecto.MaxBatch - 1) / plecto.MaxBatch }

// count takes registrations that would be sent into the plan, each with the one that it replaces.
func (p *planner) count(ctx context.Context, items []item) error {
	var ids []string
	for _, it := range items {
		if it.acceptedBefore {
			ids = append(ids, it.record.ID)
		}
	}
	sent, err := p.Store.Rows(ctx, p.tally.Source, ids)
	if err != nil {
		return err
	}
	for _, it := range items {
		switch {
		case it.rejectedBefore:
			p.plan.Rejected--
		case it.acceptedBefore:
			p.plan.Unchanged--
		}
		p.add(it, sent[it.record.ID])
	}
	return nil
}

func (p *planner) add(it item, sent string) {
	if it.acceptedBefore {
		p.plan.Changed++
	} else {
		p.plan.New++
	}
	var old map[string]any
	if sent != "" {
		_ = json.Unmarshal([]byte(sent), &old) // this program's own; without it nothing is known of the old one
	}
	var row map[string]any
	_ = json.Unmarshal(it.sent, &row)
	day := dayOf(row)
	if old != nil && dayOf(old) != day {
		p.plan.DayMoves++
	}
	if old != nil && old["member_api_id"] != row["member_api_id"] {
		p.plan.MemberMoves++
	}
	if key := day + " " + it.row.MemberID; !p.days[key] {
		p.days[key] = true
		p.added[day]++
	}
	p.meet(it.row.MemberID)
	p.sample(it, row, old)
}

func dayOf(row map[string]any) string {
	date, _ := row["date"].(string)
	day, _, _ := strings.Cut(date, "T")
	return day
}

// sample keeps a few registrations, those that replace others before new ones.
func (p *planner) sample(it item, row, old map[string]any) {
	changed := it.acceptedBefore
	if len(p.plan.Samples) == samples {
		last := slices.IndexFunc(p.plan.Samples, func(s PlanSample) bool { return !s.Changed })
		if !changed || last < 0 {
			return
		}
		p.plan.Samples = slices.Delete(p.plan.Samples, last, last+1)
	}
	s := PlanSample{ExternalID: it.record.ID, Changed: changed, Known: old != nil}
	names := []string{"date", "member_name"}
	for _, f := range it.row.Fields {
		names = append(names, f.Name)
	}
	for _, gone := range slices.Sorted(maps.Keys(old)) {
		if !slices.Contains(names, gone) && !slices.Contains(reserved, gone) {
			names = append(names, gone)
		}
	}
	for _, name := range names {
		s.Fields = append(s.Fields, PlanField{name, old[name], row[name]})
	}
	p.plan.Samples = append(p.plan.Samples, s)
}

// foresee learns what a push would learn of the data source, and changes nothing in the cache where that would send
// everything anew.
func (p *planner) foresee(ctx context.Context) (anew bool, err error) {
	src, anew, err := p.look(ctx)
	if err != nil || src.Account == "" {
		return false, err
	}
	p.tally.Source = src
	if anew {
		p.tally.Source.ID, p.tally.Source.Place, p.tally.Source.Mapping = 0, 0, "" // of which the cache knows nothing
		return true, nil
	}
	return false, p.Store.Describe(ctx, src)
}
