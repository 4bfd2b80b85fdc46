package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/store"
)

type memberJSON struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type memberDayJSON struct {
	Day     string `json:"day"`
	Members int    `json:"members"`
}

type planFieldJSON struct {
	Name string `json:"name"`
	Old  any    `json:"old"`
	New  any    `json:"new"`
}

type planSampleJSON struct {
	ExternalID string          `json:"external_id"`
	State      string          `json:"state"` // new, changed
	OldKnown   bool            `json:"old_known"`
	Fields     []planFieldJSON `json:"fields"`
}

type planJSON struct {
	Name             string           `json:"name"`
	Kind             string           `json:"kind"`
	UUID             string           `json:"uuid"`
	New              int              `json:"new"`
	Changed          int              `json:"changed"`
	Unchanged        int              `json:"unchanged"`
	Rejected         int              `json:"rejected"`
	DayMoves         int              `json:"day_moves"`
	MemberMoves      int              `json:"member_moves"`
	Requests         int              `json:"requests"`
	OtherRequests    int              `json:"other_requests"`
	LeastSeconds     float64          `json:"least_seconds"`
	NewMembers       []memberJSON     `json:"new_members"`
	MatchedMembers   []memberJSON     `json:"matched_members"`
	AmbiguousMembers []memberJSON     `json:"ambiguous_members"`
	MembersUnread    string           `json:"members_unread,omitempty"`
	MembersPerDay    []memberDayJSON  `json:"members_per_day"`
	Samples          []planSampleJSON `json:"samples"`
}

func membersOf(agents []store.Agent) []memberJSON {
	all := []memberJSON{}
	for _, a := range agents {
		all = append(all, memberJSON{a.ID, a.Name})
	}
	return all
}

func planDocument(p bridge.Plan) planJSON {
	doc := planJSON{Name: p.Source.Name, Kind: p.Source.Kind, UUID: p.Source.UUID,
		New: p.New, Changed: p.Changed, Unchanged: p.Unchanged, Rejected: p.Rejected, DayMoves: p.DayMoves, MemberMoves: p.MemberMoves,
		Requests: p.Requests, OtherRequests: p.OtherRequests, LeastSeconds: p.Least.Seconds(),
		NewMembers: membersOf(p.Members.New), MatchedMembers: membersOf(p.Members.Matched), AmbiguousMembers: membersOf(p.Members.Ambiguous),
		MembersPerDay: []memberDayJSON{}, Samples: []planSampleJSON{}}
	if p.Members.Unread != nil {
		doc.MembersUnread = p.Members.Unread.Error()
	}
	for _, d := range p.Members.Days {
		doc.MembersPerDay = append(doc.MembersPerDay, memberDayJSON(d))
	}
	for _, s := range p.Samples {
		one := planSampleJSON{ExternalID: s.ExternalID, State: "new", OldKnown: s.Known, Fields: []planFieldJSON{}}
		if s.Changed {
			one.State = "changed"
		}
		for _, f := range s.Fields {
			one.Fields = append(one.Fields, planFieldJSON(f))
		}
		doc.Samples = append(doc.Samples, one)
	}
	return doc
}

func (a *app) printPlan(plans []bridge.Plan) error {
	doc := struct {
		OK      bool       `json:"ok"`
		Sources []planJSON `json:"sources"`
	}{true, []planJSON{}}
	for _, p := range plans {
		doc.Sources = append(doc.Sources, planDocument(p))
	}
	return a.result(doc, func() error {
		t := table{header: []string{"SOURCE", "NEW", "CHANGED", "UNCHANGED", "REJECTED", "REQUESTS", "OTHER", "AT LEAST"}, right: []int{1, 2, 3, 4, 5, 6}}
		for _, p := range plans {
			t.add(p.Source.Name, thousands(p.New), thousands(p.Changed), thousands(p.Unchanged), thousands(p.Rejected),
				thousands(p.Requests), thousands(p.OtherRequests), p.Least.String())
		}
		fmt.Fprintln(a.stdout, "Nothing is sent. A push would do this:")
		fmt.Fprintln(a.stdout)
		if err := t.print(a.stdout); err != nil {
			return err
		}
		for _, p := range plans {
			if err := a.printPlanned(p); err != nil {
				return err
			}
		}
		return nil
	})
}

// printPlanned tells of one source what the figures alone do not.
func (a *app) printPlanned(p bridge.Plan) error {
	if p.New+p.Changed == 0 {
		return nil
	}
	fmt.Fprintf(a.stdout, "\n%s\n", p.Source.Name)
	if p.DayMoves+p.MemberMoves > 0 {
		fmt.Fprintf(a.stdout, "  of the changed, %s move to another day and %s to another member\n", thousands(p.DayMoves), thousands(p.MemberMoves))
	}
	for _, one := range []struct {
		text   string
		agents []store.Agent
	}{
		{"members new to Plecto", p.Members.New},
		{"members that Plecto has already", p.Members.Matched},
		{"agents who share an e-mail, of whom Plecto is not told", p.Members.Ambiguous},
	} {
		if len(one.agents) > 0 {
			fmt.Fprintf(a.stdout, "  %s: %s\n", one.text, names(one.agents))
		}
	}
	if p.Members.Unread != nil {
		fmt.Fprintf(a.stdout, "  Plecto's members could not be read, so that nobody counts as known: %s\n", plain(p.Members.Unread.Error()))
	}
	if len(p.Members.Days) > 0 {
		most := slices.MaxFunc(p.Members.Days, func(a, b bridge.MemberDay) int { return a.Members - b.Members })
		fmt.Fprintf(a.stdout, "  adds up to %s to a day (%s), which is what Plecto bills by\n", counted(most.Members, "distinct member"), most.Day)
	}
	for _, s := range p.Samples {
		if err := a.printSample(s); err != nil {
			return err
		}
	}
	return nil
}

// printSample shows a changed registration by the fields that differ, a new one by those that are not empty.
func (a *app) printSample(s bridge.PlanSample) error {
	t := table{header: []string{"  NEW " + s.ExternalID, "VALUE"}}
	if s.Changed {
		t.header = []string{"  CHANGED " + s.ExternalID, "OLD", "NEW"}
	}
	for _, f := range s.Fields {
		switch before, now := shown(f.Old), shown(f.New); {
		case !s.Changed && now != "":
			t.add("  "+f.Name, now)
		case s.Changed && !s.Known:
			t.add("  "+f.Name, "?", now)
		case s.Changed && before != now:
			t.add("  "+f.Name, before, now)
		}
	}
	fmt.Fprintln(a.stdout)
	return t.print(a.stdout)
}

// names lists people, the first of many.
func names(agents []store.Agent) string {
	const most = 10
	var all []string
	for i, one := range agents {
		if i == most {
			all = append(all, fmt.Sprintf("and %d more", len(agents)-most))
			break
		}
		all = append(all, plain(one.Name))
	}
	return fmt.Sprintf("%d (%s)", len(agents), strings.Join(all, ", "))
}
