package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// made counts the requests of a method to an endpoint of Plecto.
func (r *rig) made(method, endpoint string) (n int) {
	for _, req := range r.plecto.Requests() {
		if req.Method == method && req.Endpoint == endpoint {
			n++
		}
	}
	return n
}

func TestAddingASourceMakesOneDataSourceWithAllItsFields(t *testing.T) {
	want := map[Type]string{Text: plectotest.TextInput, Number: plectotest.NumberInput, YesNo: plectotest.CheckboxInput, Time: plectotest.DateTimeInput}
	for i, kind := range Kinds() {
		bubble(t, func(r *rig) {
			done, err := r.Add(r.Context(), AddOptions{Kind: kind})
			r.must(err)
			r.equal("the first time", []any{done.Found, done.InCache, done.Source.Name}, []any{false, false, kind})
			made := r.plecto.DataSources()[0]
			r.equal("the data source", []string{made.UUID, made.Title}, []string{done.Source.UUID, "Dixa " + kind})
			for n, f := range Usual(kind) {
				r.equal("the field", []string{made.Fields[n].Name, made.Fields[n].Input}, []string{f.Title, want[f.Type]})
			}
			r.equal("its fields", len(made.Fields), len(Usual(kind)))

			requests := len(r.plecto.Requests())
			again, err := r.Add(r.Context(), AddOptions{Kind: kind})
			r.must(err)
			r.equal("the second time", []any{again.Source.UUID, again.InCache}, []any{made.UUID, true})
			r.equal("requests for it", len(r.plecto.Requests())-requests, 0)

			r.must(r.Store.RemoveSource(r.Context(), done.Source)) // as if it had been killed before
			found, err := r.Add(r.Context(), AddOptions{Kind: kind})
			r.must(err)
			r.equal("with the source forgotten", []any{found.Source.UUID, found.Found, found.InCache}, []any{made.UUID, true, false})
			r.equal("data sources", len(r.plecto.DataSources()), 1)

			other, err := r.Add(r.Context(), AddOptions{Kind: Kinds()[(i+1)%3]})
			r.must(err)
			r.equal("another kind is another data source", other.Source.UUID != made.UUID, true)
		})
	}
}

func TestALostAnswerMakesNoSecondDataSource(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]plectotest.Fault{
		"dropped":                           {Drop: true},
		"an error":                          {Status: 500},
		"a limit of someone between":        {Status: 503, Header: http.Header{"Retry-After": {"7"}}},
		"a page of someone between":         {Status: 200, Body: "<html>Log in</html>"},
		"a stall until the client gives up": {Stall: true},
	} {
		for shape, lists := range map[string]plectotest.Lists{"a bare list": plectotest.ListsMixed, "an envelope": plectotest.ListsEnveloped} {
			t.Run(name+", "+shape, func(t *testing.T) {
				bubble(t, func(r *rig) {
					r.plecto.Behaviour.Lists = lists
					fault.Endpoint, fault.Request, fault.AfterStoring = "datasources", 2, true // after the list
					r.plecto.Fault(fault)
					done, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
					r.must(err)
					r.equal("data sources", len(r.plecto.DataSources()), 1)
					r.equal("the source's", done.Source.UUID, r.plecto.DataSources()[0].UUID)
					r.equal("POSTs", r.made("POST", "datasources"), 1)
				})
			})
		}
	}
}

func TestTheUUIDIsLookedUpWhereTheAnswerDoesNotTellIt(t *testing.T) {
	for name, created := range map[string]plectotest.Created{"the id alone": plectotest.CreatedID, "nothing": plectotest.CreatedEmpty} {
		bubble(t, func(r *rig) {
			r.plecto.Behaviour.Created = created
			r.plecto.Behaviour.RefuseInputs = []string{plectotest.NumberInput}
			done, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
			r.must(err)
			r.equal("with "+name, []any{done.Source.UUID, done.Found}, []any{r.plecto.DataSources()[0].UUID, false})
			r.equal("as text with "+name, done.Source.AsText, []string{"duration", "since_previous_seconds"})
		})
	}
}

func TestTypesThatPlectoRefusesBecomeText(t *testing.T) {
	all := []string{plectotest.NumberInput, plectotest.CheckboxInput, plectotest.DateTimeInput}
	for _, row := range []struct {
		name    string
		inputs  []string
		refusal plectotest.InputRefusal
		asText  func(Type) bool
		posts   int
	}{
		{"none", nil, plectotest.InputByField, func(Type) bool { return false }, 1},
		{"numbers", all[:1], plectotest.InputByField, func(t Type) bool { return t == Number }, 2},
		{"times", all[2:], plectotest.InputByField, func(t Type) bool { return t == Time }, 2},
		{"all but text", all, plectotest.InputByField, func(t Type) bool { return t != Text }, 2},
		{"one, without its name", all[1:2], plectotest.InputUnnamed, func(t Type) bool { return t != Text }, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.plecto.Behaviour.RefuseInputs, r.plecto.Behaviour.InputRefusal = row.inputs, row.refusal
				done, err := r.Add(r.Context(), AddOptions{Kind: "conversations"})
				r.must(err)
				var want []string
				for _, f := range Usual("conversations") {
					if row.asText(f.Type) {
						want = append(want, f.Key)
					}
				}
				r.equal("as text", done.Source.AsText, want)
				r.equal("POSTs", r.made("POST", "datasources"), row.posts)

				r.put("conversations", `{"id":1,"created_at":946684800000,"updated_at":946688400000,"closed_at":946688400000,"status":"closed","total_duration":90.5}`)
				r.imported(Range{From: start, To: start.Add(day), Kinds: []string{"conversations"}})
				r.pushed() // Plecto refuses a value of another type than its field's
				held := r.plecto.Registrations(done.Source.UUID)[0].Fields
				for _, value := range []struct {
					title       string
					t           Type
					text, typed any
				}{
					{"Closed", YesNo, "yes", true},
					{"Reopened", YesNo, "no", false},
					{"Closed at", Time, "2000-01-01T01:00:00+00:00", "2000-01-01T01:00:00+00:00"},
				} {
					if row.asText(value.t) {
						value.typed = value.text
					}
					r.equal(value.title, held[value.title], value.typed)
				}
				if text, ok := held["Close seconds"].(string); ok != row.asText(Number) || ok && text != "3600" {
					r.Errorf("a number is %T %[1]v", held["Close seconds"])
				}
			})
		})
	}
}

func TestATitleThatIsTakenIsLeftAlone(t *testing.T) {
	for name, fields := range map[string][]plectotest.Field{"other fields": {{Name: "Sales"}}, "no fields to see": nil} {
		bubble(t, func(r *rig) {
			r.plecto.AddDataSource("Dixa messages", fields...)
			if _, err := r.Add(r.Context(), AddOptions{Kind: "messages"}); !errors.Is(err, ErrTitleTaken) {
				r.Errorf("%s: %v", name, err)
			}
			r.equal("POSTs", r.made("POST", "datasources"), 0)
			_, err := r.Add(r.Context(), AddOptions{Kind: "messages", Title: "Dixa replies"})
			r.must(err)
			r.equal("data sources after another title", len(r.plecto.DataSources()), 2)
		})
	}
}

func TestWhatMayNotOrCannotBeMadeIsNotRemembered(t *testing.T) {
	for _, row := range []struct {
		name     string
		prepare  func(*rig)
		expected func(error) bool
	}{
		{"a login without the right", func(r *rig) { r.plecto.Behaviour.ForbidDataSources = true }, Unauthorized},
		{"a service that lists and does not make", func(r *rig) {
			for n := 2; n < 1000; n += 2 {
				r.plecto.Fault(plectotest.Fault{Endpoint: "datasources", Request: n, Status: 503})
			}
		}, Temporary},
		{"a service that is down", func(r *rig) { r.plecto.Fault(plectotest.Fault{Count: -1, Drop: true}) }, Temporary},
	} {
		bubble(t, func(r *rig) {
			row.prepare(r)
			began := time.Now()
			if _, err := r.Add(r.Context(), AddOptions{Kind: "messages"}); !row.expected(err) {
				r.Errorf("%s: %v", row.name, err)
			}
			if took := time.Since(began); took > r.Patience+time.Minute {
				r.Errorf("%s took %v", row.name, took)
			}
			sources, err := r.Store.Sources(r.Context())
			r.must(err)
			r.equal("sources with "+row.name, len(sources), 0)
			r.equal("data sources with "+row.name, len(r.plecto.DataSources()), 0)
		})
	}
}

func TestAnAdditionThatMakesNoSenseAsksNobody(t *testing.T) {
	bubble(t, func(r *rig) {
		_, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
		r.must(err)
		requests := len(r.plecto.Requests())
		for name, o := range map[string]AddOptions{
			"no kind":                       {Kind: "calls"},
			"a name with a space":           {Kind: "messages", Title: "Replies", Name: "two words"},
			"a name that is taken":          {Kind: "conversations", Name: "messages"},
			"the first with other fields":   {Kind: "messages", Choice: store.Choice{Keys: []string{"direction"}}},
			"the first with another date":   {Kind: "messages", Choice: store.Choice{DateField: "created_at"}},
			"the first with another member": {Kind: "messages", Choice: store.Choice{Member: Assignee}},
		} {
			if _, err := r.Add(r.Context(), o); !errors.Is(err, ErrUsage) {
				r.Errorf("%s: %v", name, err)
			}
		}
		r.equal("requests", len(r.plecto.Requests())-requests, 0)
	})
}

func TestOneDataSourceIsOneSource(t *testing.T) {
	bubble(t, func(r *rig) {
		first, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
		r.must(err)
		if _, err := r.Add(r.Context(), AddOptions{Kind: "messages", Name: "replies"}); !errors.Is(err, ErrUsage) {
			r.Errorf("the same title by another name: %v", err)
		}
		src, added, err := r.Link(r.Context(), "messages", first.Source.UUID, "", nil)
		r.must(err)
		r.equal("the link to it", []any{src.Name, added}, []any{"messages", false})
	})
}

func TestALinkWithAChoiceChangesTheSourceAndOneWithoutDoesNot(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		choice, err := r.ParseChoice(r.Context(), "messages", "direction,initial_channel", "", Nobody)
		r.must(err)
		for _, c := range []*store.Choice{&choice, nil} {
			requests := len(r.plecto.Requests())
			_, added, err := r.Link(r.Context(), "messages", src.UUID, "", c)
			r.must(err)
			r.equal("added", added, false)
			r.equal("requests", len(r.plecto.Requests())-requests, 0)
			now, err := r.Store.Source(r.Context(), src.Name)
			r.must(err)
			r.equal("the fields", now.Keys, []string{"direction", "initial_channel"})
			r.equal("the member", now.Member, Nobody)
		}
		r.equal("sent with other fields", r.pushed().Sent, 3)
		for name := range r.plecto.Registrations(src.UUID)[0].Fields {
			if !slices.Contains([]string{"Direction", "Channel"}, name) {
				r.Errorf("%s is still there", name)
			}
		}
	})
}

func TestWhatThisCallHasMadeNeedsNotShowItsFields(t *testing.T) {
	for name, created := range map[string]plectotest.Created{"id": plectotest.CreatedID, "empty": plectotest.CreatedEmpty} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.plecto.Behaviour = plectotest.Behaviour{HideFields: true, Created: created, RefuseInputs: []string{plectotest.NumberInput}}
				done, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
				r.must(err)
				r.equal("the source", []any{done.Source.UUID, done.Found, done.Source.AsText},
					[]any{r.plecto.DataSources()[0].UUID, false, []string{"duration", "since_previous_seconds"}})
				if _, err := r.Add(r.Context(), AddOptions{Kind: "messages", Title: "Dixa messages", Name: "again"}); !errors.Is(err, ErrTitleTaken) {
					r.Errorf("one that may be anyone's: %v", err)
				}
			})
		})
	}
}

func TestAListMayShowLessThanTheDataSourceItself(t *testing.T) {
	bubble(t, func(r *rig) {
		_, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
		r.must(err)
		src, err := r.Store.Source(r.Context(), "messages")
		r.must(err)
		r.must(r.Store.RemoveSource(r.Context(), src))
		list := fmt.Sprintf(`[{"uuid":%q,"title":"Dixa messages"}]`, src.UUID)
		r.plecto.Fault(plectotest.Fault{Endpoint: "datasources", Request: 3, Status: http.StatusOK, Body: list})
		done, err := r.Add(r.Context(), AddOptions{Kind: "messages"})
		r.must(err)
		r.equal("found", []any{done.Found, done.Source.UUID, len(r.plecto.DataSources())}, []any{true, src.UUID, 1})
	})
}
