package bridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// planned makes a plan, which is to write nothing anywhere: neither in Plecto nor of what is sent and to be sent.
func (r *rig) planned(o PushOptions) []Plan {
	r.Helper()
	before, requests := r.sendings(), len(r.plecto.Requests())
	plans, err := r.Plan(r.Context(), o)
	r.must(err)
	for _, req := range r.plecto.Requests()[requests:] {
		if req.Method != "GET" || req.Endpoint == "registrations" {
			r.Errorf("the plan made a request %s %s", req.Method, req.Endpoint)
		}
	}
	r.equal("what is sent and to be sent, after a plan", r.sendings(), before)
	return plans
}

// sendings is how far the sources are.
func (r *rig) sendings() string {
	r.Helper()
	st, err := r.Status(r.Context(), time.UTC)
	r.must(err)
	var all []string
	for _, s := range st.Sources {
		all = append(all, fmt.Sprint(s.Source.Name, s.Source.Place, s.Accepted, s.Rejected))
	}
	return strings.Join(all, "; ")
}

// predicted makes a push and compares it with the plan made before.
func (r *rig) predicted(what string, o PushOptions) {
	r.Helper()
	plans := r.planned(o)
	posts, requests := len(r.posts()), len(r.plecto.Requests())
	pushed, err := r.Push(r.Context(), o)
	if err != nil && !errors.Is(err, ErrRejected) {
		r.Fatalf("%s: %v", what, err)
	}
	registrations, others := 0, 0
	for i, p := range plans {
		of := fmt.Sprintf("%s: of %s", what, p.Source.Name)
		r.equal(of+" sent", pushed[i].Sent, p.New+p.Changed)
		r.equal(of+" unchanged", pushed[i].Unchanged, p.Unchanged)
		r.equal(of+" rejected", pushed[i].Rejected, p.Rejected)
		r.equal(of+" requests", pushed[i].Requests, p.Requests)
		registrations += p.Requests
		others += p.OtherRequests
	}
	r.equal(what+": requests to registrations", len(r.posts())-posts, registrations)
	r.equal(what+": other requests", len(r.plecto.Requests())-requests-registrations, others)
}

func TestAPlanTellsTheRequestsThatThePushThenMakes(t *testing.T) {
	t.Parallel()
	for _, rows := range []int{0, 1, 99, 100, 101, 250} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.hire(ida, emil, nora, ghost)
				r.link("messages")
				r.link("messages", plectotest.Field{Name: "Channel"}) // which lacks fields, and is asked again each time
				all := messages(0, rows)
				for i := range all {
					if i%7 == 3 {
						all[i] = byAgent(i, []string{"ida@example.dk", "emil@example.dk"}[i%2])
					}
				}
				if rows > 0 {
					r.cache(all...)
				}
				r.predicted("all new", PushOptions{})
				r.predicted("nothing", PushOptions{})
				r.predicted("nothing, and no rejected ones", PushOptions{RetryRejected: true})
				if rows == 0 {
					return
				}
				r.cache(message(0, `,"duration":9`), byAgent(rows, "nora@example.dk"))
				r.predicted("one changed and one new", PushOptions{})
				r.hire([3]string{"a1", "Ida Holm-Vang", "ida@example.dk"})
				r.predicted("a new name", PushOptions{NoMembers: true})
			})
		})
	}
}

func TestAPlanIsRightInWhateverStateTheSourcesAre(t *testing.T) {
	t.Parallel()
	for seed := range uint64(fewer(8)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, func(r *rig) {
				dice := rand.New(rand.NewPCG(seed, 1))
				agents := [][3]string{ida, emil, nora, ghost, {"b1", "Bo Lund", "team@example.dk"}, {"b2", "Kim Dahl", "team@example.dk"}}
				for n := range 1 + dice.IntN(2) {
					src := r.link("messages")
					if n == 1 {
						src.Choice = store.Choice{Keys: []string{"direction", "duration"}, Member: Assignee}
						r.must(r.Store.Choose(r.Context(), src))
					}
				}
				r.link("conversations")
				for range 12 {
					switch dice.IntN(6) {
					case 0, 1: // new ones and changed ones
						all := messages(0, 1+dice.IntN(230))
						for n := range all {
							if all[n] = message(n, fmt.Sprintf(`,"duration":%d`, dice.IntN(3))); dice.IntN(3) == 0 {
								all[n] = byAgent(n, "IDA@example.dk")
							}
						}
						r.cache(all...)
					case 2: // some are refused from now on, and a push finds out
						bad := dice.IntN(40) + 2
						r.bad(func(n int) bool { return n%bad == 1 })
						if _, err := r.Push(r.Context(), PushOptions{}); err != nil && !errors.Is(err, ErrRejected) && !errors.Is(err, ErrAllRefused) {
							r.Fatal(err)
						}
						r.plecto.Refuse = nil
					case 3:
						r.hire(agents[dice.IntN(len(agents))])
					case 4:
						r.predicted("a push", PushOptions{RetryRejected: dice.IntN(2) == 0, NoMembers: dice.IntN(3) == 0})
					case 5:
						r.predicted("one source", PushOptions{Source: "messages", RetryRejected: dice.IntN(2) == 0})
					}
				}
				r.predicted("the last push", PushOptions{RetryRejected: true})
				r.predicted("nothing more", PushOptions{})
			})
		})
	}
}

func TestAPlanOfAWholeTeamsWorkIsRight(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.dixa.World = dixatest.NewWorld(dixatest.Team{Seed: 3, From: start, To: start.Add(12 * day), ConversationsPerDay: 8})
		for _, kind := range Kinds() {
			_, err := r.Add(r.Context(), AddOptions{Kind: kind})
			r.must(err)
		}
		for _, days := range []time.Duration{5, 12} {
			r.imported(Range{From: start, To: start.Add(days * day), Kinds: Kinds()})
			r.predicted(fmt.Sprintf("%d days", days), PushOptions{})
		}
		if len(r.plecto.Members()) < 3 {
			r.Errorf("there are %d members", len(r.plecto.Members()))
		}
	})
}

// figures are those of a plan of rows.
func figures(p Plan) string {
	return fmt.Sprintf("%d new, %d changed, %d unchanged, %d rejected, %d to another day, %d to another member", p.New, p.Changed, p.Unchanged, p.Rejected, p.DayMoves, p.MemberMoves)
}

func TestAPlanCountsRowsByWhatBecomesOfThem(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		plan := func(o PushOptions) string { return figures(r.planned(o)[0]) }
		r.equal("with nothing", plan(PushOptions{}), "0 new, 0 changed, 0 unchanged, 0 rejected, 0 to another day, 0 to another member")
		r.cache(messages(0, 10)...)
		r.equal("at first", plan(PushOptions{}), "10 new, 0 changed, 0 unchanged, 0 rejected, 0 to another day, 0 to another member")
		r.bad(func(n int) bool { return n == 2 || n == 3 })
		_, err := r.Push(r.Context(), PushOptions{})
		if !errors.Is(err, ErrRejected) {
			r.Fatal(err)
		}
		r.equal("after a push", plan(PushOptions{}), "0 new, 0 changed, 8 unchanged, 2 rejected, 0 to another day, 0 to another member")
		r.equal("for a retry", plan(PushOptions{RetryRejected: true}), "2 new, 0 changed, 8 unchanged, 0 rejected, 0 to another day, 0 to another member")
		r.hire(ida)
		moved := strings.Replace(byAgent(5, "ida@example.dk"), fmt.Sprint(hour(5).UnixMilli()), fmt.Sprint(hour(50).UnixMilli()), 1)
		r.cache(message(3, `,"duration":1`), message(4, `,"duration":1`), moved, byAgent(6, "ida@example.dk"), message(11, ""))
		const then = "2 new, 3 changed, 5 unchanged, 1 rejected, 1 to another day, 2 to another member"
		r.equal("after changes", plan(PushOptions{}), then)
		r.equal("of one source", plan(PushOptions{Source: src.Name}), then)
		r.equal("with a retry", plan(PushOptions{RetryRejected: true}), "3 new, 3 changed, 5 unchanged, 0 rejected, 1 to another day, 2 to another member")
		if _, err := r.Plan(r.Context(), PushOptions{Source: "nobody"}); !errors.Is(err, ErrUsage) {
			r.Errorf("a source that is not there: %v", err)
		}
	})
}

func TestAPlanShowsOldValuesBesideNewOnes(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida)
		src := r.link("messages")
		r.cache(messages(0, 3)...)
		first := r.planned(PushOptions{})[0].Samples
		r.equal("samples of new ones", len(first), 3)
		r.equal("which have nothing old", []any{first[0].Changed, first[0].Known, first[0].Fields[0].Old}, []any{false, false, nil})
		r.pushed()
		r.cache(append(messages(10, 20), byAgent(1, "ida@example.dk"))...)
		all := r.planned(PushOptions{})[0].Samples
		r.equal("samples", len(all), 5)
		i := slices.IndexFunc(all, func(s PlanSample) bool { return s.Changed })
		if i < 0 {
			r.Fatal("the one that replaces another is not among them")
		}
		r.equal("the sample", []any{all[i].ExternalID, all[i].Known}, []any{"m0001", true})
		for _, want := range []PlanField{
			{"date", "2000-01-01T01:00:00+00:00", "2000-01-01T01:00:00+00:00"},
			{"member_name", "Dixa", "Ida Holm"},
			{"Direction", "inbound", "outbound"},
			{"Channel", "email", "email"},
			{"Agent", nil, "Ida Holm"},
		} {
			if !slices.Contains(all[i].Fields, want) {
				r.Errorf("%v is not in %v", want, all[i].Fields)
			}
		}
		// What a field held that is no longer sent stands beside nothing.
		r.pushed()
		_, _, err := r.Link(r.Context(), "messages", src.UUID, "", &store.Choice{Keys: []string{"direction"}})
		r.must(err)
		if fields := r.planned(PushOptions{})[0].Samples[0].Fields; !slices.Contains(fields, PlanField{"Channel", "email", nil}) {
			r.Errorf("the field that goes is not in %v", fields)
		}
	})
}

func TestAPlanTellsWhomPlectoHas(t *testing.T) {
	names := func(agents []store.Agent) string {
		var all []string
		for _, a := range agents {
			all = append(all, a.Name)
		}
		return strings.Join(all, ", ")
	}
	for _, row := range []struct {
		name                    string
		change                  func(*rig)
		options                 PushOptions
		fresh, matched, unclear string
		others                  int
		unread                  bool
	}{
		{"as it is", func(r *rig) {}, PushOptions{}, "Gry Ash, Nora Falk", "Emil Vang, Ida Holm", "Bo Lund, Kim Dahl", 3, false},
		{"in pages", func(r *rig) { r.plecto.Behaviour.Lists, r.plecto.Behaviour.PageSize = plectotest.ListsEnveloped, 1 }, PushOptions{}, "Gry Ash, Nora Falk", "Emil Vang, Ida Holm", "Bo Lund, Kim Dahl", 3, false},
		{"a list that the login may not see", func(r *rig) { r.plecto.Behaviour.ForbidMembersList = true }, PushOptions{}, "Emil Vang, Gry Ash, Ida Holm, Nora Falk", "", "Bo Lund, Kim Dahl", 3, true},
		{"a list without e-mails and accounts", func(r *rig) { r.plecto.Behaviour.HideAccounts = true }, PushOptions{}, "Emil Vang, Gry Ash, Ida Holm, Nora Falk", "", "Bo Lund, Kim Dahl", 3, true},
		{"no list", func(r *rig) { r.plecto.Fault(plectotest.Fault{Endpoint: "members", Count: -1, Status: 404}) }, PushOptions{}, "Emil Vang, Gry Ash, Ida Holm, Nora Falk", "", "Bo Lund, Kim Dahl", 3, true},
		{"left out", func(r *rig) {}, PushOptions{NoMembers: true}, "", "", "", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.hire(ida, emil, nora, ghost, [3]string{"b1", "Bo Lund", "team@example.dk"}, [3]string{"b2", "Kim Dahl", "team@example.dk"})
				r.must(r.Plecto.AddMember(r.Context(), plecto.NewMember{Provider: "Phones", ID: "17", Name: "Ida H.", Email: "IDA@example.dk"}))
				r.must(r.Plecto.AddMember(r.Context(), plecto.NewMember{Provider: Provider, ID: "a2", Name: "E. Vang"}))
				r.must(r.Plecto.AddMember(r.Context(), plecto.NewMember{Provider: "Phones", ID: "a3", Name: "Somebody else"}))
				for n, id := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "a1"} {
					r.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%[2]d,"status":"open","assignee_id":%[3]q}`, n+1, hour(n).UnixMilli(), id))
				}
				r.put("conversations", conversation(30, hour(31)))
				r.link("conversations")
				r.imported(Range{From: start, To: start.Add(2 * day), Kinds: []string{"conversations"}})
				row.change(r)
				p := r.planned(row.options)[0]
				r.equal("new", names(p.Members.New), row.fresh)
				r.equal("matched", names(p.Members.Matched), row.matched)
				r.equal("ambiguous", names(p.Members.Ambiguous), row.unclear)
				r.equal("unread", p.Members.Unread != nil, row.unread)
				r.equal("other requests", p.OtherRequests, row.others)
				r.equal("members by day", p.Members.Days, []MemberDay{{"2000-01-01", 6}, {"2000-01-02", 1}})
			})
		})
	}
}

func TestMembersByDayAreThoseThatThePushAdds(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida, nora)
		r.link("messages")
		r.cache(message(0, ""), byAgent(1, "ida@example.dk"))
		r.equal("at first", r.planned(PushOptions{})[0].Members.Days, []MemberDay{{"2000-01-01", 2}})
		r.pushed()
		r.cache(message(2, ""), byAgent(3, "ida@example.dk"), byAgent(4, "nora@example.dk"), byAgent(30, "ida@example.dk"))
		r.equal("afterwards", r.planned(PushOptions{})[0].Members.Days, []MemberDay{{"2000-01-01", 1}, {"2000-01-02", 1}})
	})
}

func TestAPlanIsMadeWithoutPlectoWhereItIsInTrouble(t *testing.T) {
	for name, fault := range map[string]plectotest.Fault{"down": {Drop: true}, "in trouble": {Status: 502}} {
		bubble(t, func(r *rig) {
			r.hire(ida)
			r.link("messages")
			r.cache(byAgent(0, "ida@example.dk"))
			fault.Count = -1
			lift := r.plecto.Fault(fault)
			p := r.planned(PushOptions{})[0]
			r.equal("new, "+name, p.New, 1)
			r.equal("unread, "+name, p.Members.Unread != nil, true)
			lift()
			r.predicted("when it is over", PushOptions{})
		})
	}
}

func TestAPlanDoesNotWaitForPlectoLongerThanItIsGiven(t *testing.T) {
	bubble(t, func(r *rig) {
		r.hire(ida)
		r.link("messages")
		r.cache(byAgent(0, "ida@example.dk"))
		r.plecto.Fault(plectotest.Fault{Endpoint: "members", Count: -1, Status: 429, Header: http.Header{"Retry-After": {"3600"}}})
		ctx, cancel := context.WithTimeoutCause(r.Context(), time.Minute, ErrOutOfTime)
		defer cancel()
		_, err := r.Plan(ctx, PushOptions{})
		if !errors.Is(err, ErrOutOfTime) {
			r.Errorf("the error is %v", err)
		}
	})
}

func TestAPlanWithRefusedCredentialsFails(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.cache(messages(0, 1)...)
		r.plecto.Email, r.plecto.Password = "someone@example.com", "else"
		if _, err := r.Plan(r.Context(), PushOptions{}); !Unauthorized(err) {
			r.Errorf("the error is %v", err)
		}
		r.plecto.Email, r.plecto.Password = "", ""
		r.predicted("with the right ones", PushOptions{})
		r.hire(ida)
		r.cache(byAgent(1, "ida@example.dk"))
		r.plecto.Email, r.plecto.Password = "someone@example.com", "else"
		if _, err := r.Plan(r.Context(), PushOptions{}); !Unauthorized(err) {
			r.Errorf("the error with a data source that is known is %v", err)
		}
	})
}

func TestAPlanTellsHowLongTheBudgetMakesItTake(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits.PlectoRequestsPerHour = 2
		r.link("messages")
		r.cache(messages(0, 450)...)
		r.equal("at least", r.planned(PushOptions{})[0].Least, 2*time.Hour)
		began := time.Now()
		r.pushed()
		if took := time.Since(began); took < 2*time.Hour || took > 2*time.Hour*100/95 {
			r.Errorf("the push took %v", took)
		}
	})
}
