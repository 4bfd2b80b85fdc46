package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// activity is one of conversation n that happened n hours after start.
func activity(n int) string {
	return fmt.Sprintf(`{"id":"a%04d","conversationId":%d,"activityTimestamp":%q,"_type":"NoteAdded"}`, n, n, hour(n).Format(time.RFC3339))
}

// activities is the range of thirty days, one window, of activities alone.
var activities = Range{From: start, To: start.Add(30 * day), Kinds: []string{"activities"}}

// log gives Dixa an activity every twelve hours of the month, in nine pages.
func (r *rig) log() {
	r.Helper()
	r.dixa.Behaviour.ActivitiesPerPage = 7
	for n := 0; n < 30*24; n += 12 {
		r.put("activities", activity(n))
	}
}

// pages are the page keys that the activity log was asked for.
func (r *rig) pages() (keys []string) {
	r.Helper()
	for _, req := range r.exports(dixatest.ActivityLog) {
		values, err := url.ParseQuery(req.Query)
		r.must(err)
		keys = append(keys, values.Get("pageKey"))
	}
	return keys
}

func TestActivitiesAreAskedForPageByPageFromTheBudgetOfTheAPI(t *testing.T) {
	bubble(t, func(r *rig) {
		r.log()
		r.Limits.DixaAPIRequestsPerSecond = 100
		r.equal("the import", counts(r.imported(activities)[0]), "1 windows, 9 requests, 60 records, 60 changed, 0 aside")
		keys := r.pages()
		if len(keys) != 9 || keys[0] != "" || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != 9 {
			r.Errorf("the pages asked for: %q", keys)
		}
		agents := len(r.exports(dixatest.Agents))
		if agents == 0 {
			r.Error("the agents were not read")
		}
		used, _, err := r.Store.Used(r.Context(), r.Limits.api())
		r.must(err)
		r.equal("requests counted by the budget", used, 9+agents)
		r.equal("records", len(r.records("activities")), 60)
		again := r.imported(activities)[0]
		r.equal("the import again", counts(again), "1 windows, 9 requests, 60 records, 0 changed, 0 aside")
	})
}

func TestManyPagesOfActivitiesKeepWithinTheBudget(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits = DefaultLimits()
		r.dixa.Behaviour = dixatest.Behaviour{ActivitiesPerPage: 1} // the same limits
		for n := range 200 {
			r.put("activities", activity(n))
		}
		began := time.Now()
		got := r.imported(Range{From: start, To: start.Add(100 * day), Kinds: []string{"activities"}})[0]
		r.equal("the import", counts(got), "4 windows, 203 requests, 200 records, 200 changed, 0 aside")
		// Four at once, every half a second.
		requests := time.Duration(len(r.dixa.Requests()))
		if took := time.Since(began); took < 20*time.Second || took > requests*time.Second/8 {
			r.Errorf("it took %v", took)
		}
		for _, req := range r.dixa.Requests() {
			r.equal("status", req.Status, 200)
		}
	})
}

func TestATroubledPageIsAskedForAgainAndNotThoseBeforeIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault dixatest.Fault
		wait  time.Duration
	}{
		"cut":         {dixatest.Fault{Do: dixatest.Cut, Bytes: 300}, firstWait},
		"shortened":   {dixatest.Fault{Do: dixatest.Short, Bytes: 300}, firstWait},
		"a page":      {dixatest.Page(), firstWait},
		"unavailable": {dixatest.Fault{Status: 503}, firstWait},
		"a limit":     {dixatest.Fault{Status: 429, Header: http.Header{"Retry-After": {"77"}}}, 77 * time.Second},
	} {
		for _, page := range []int{1, 3, 9} {
			t.Run(fmt.Sprintf("%s, page %d", name, page), func(t *testing.T) {
				bubble(t, func(r *rig) {
					r.log()
					row.fault.Endpoint, row.fault.Request = dixatest.ActivityLog, page
					r.dixa.Fault(row.fault)
					r.equal("the import", counts(r.imported(activities)[0]), "1 windows, 10 requests, 60 records, 60 changed, 0 aside")
					keys, asked := r.pages(), r.exports(dixatest.ActivityLog)
					r.equal("the page asked for again", keys[page], keys[page-1])
					r.equal("pages", len(slices.Compact(keys)), 9)
					if waited := asked[page].Time.Sub(asked[page-1].Time); waited < row.wait || waited > row.wait+time.Second {
						r.Errorf("it waited %v", waited)
					}
				})
			})
		}
	}
}

func TestAWindowOfActivitiesIsDoneWithItsLastPageAlone(t *testing.T) {
	bubble(t, func(r *rig) {
		r.log()
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Request: 3, Count: -1, Status: 503})
		began := time.Now()
		all, err := r.Import(r.Context(), activities)
		if took := time.Since(began); !Temporary(err) || took > r.Patience+time.Minute {
			r.Errorf("after %v: %v", took, err)
		}
		r.equal("windows done and records", []int{all[0].Windows, all[0].Changed, len(r.records("activities"))}, []int{0, 14, 14})
		covered, err := r.Store.Coverage(r.Context(), "activities")
		r.must(err)
		r.equal("what is covered", len(covered), 0)

		r.dixa.Heal()
		before := len(r.pages())
		again := r.imported(activities)[0]
		r.equal("the same import later", []any{again.Resumed, counts(again)}, []any{true, "1 windows, 9 requests, 60 records, 46 changed, 0 aside"})
		r.equal("it begins with", r.pages()[before], "")
		covered, err = r.Store.Coverage(r.Context(), "activities")
		r.must(err)
		r.equal("what is covered then", covered, []store.Span{{From: activities.From, To: activities.To}})
	})
}

func TestAStopBetweenPagesIsHeardAtOnceAndKeepsWhatHasCome(t *testing.T) {
	for name, fault := range map[string]dixatest.Fault{
		"while a limit holds": {Status: 429, Header: http.Header{"Retry-After": {"600"}}},
		"while a page stalls": {Do: dixatest.Stall, Bytes: 300},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.log()
				fault.Endpoint, fault.Request = dixatest.ActivityLog, 3
				r.dixa.Fault(fault)
				ctx, stop := context.WithCancelCause(r.Context())
				time.AfterFunc(20*time.Second, func() { stop(ErrOutOfTime) })
				began := time.Now()
				all, err := r.Import(ctx, activities)
				if took := time.Since(began); !errors.Is(err, ErrOutOfTime) || took > 20*time.Second+grace {
					r.Errorf("after %v: %v", took, err)
				}
				r.equal("windows done, records kept", []int{all[0].Windows, len(r.records("activities"))}, []int{0, 14})
				time.Sleep(time.Hour)
				again := r.imported(activities)[0]
				r.equal("the same import later", []any{again.Resumed, counts(again)}, []any{true, "1 windows, 9 requests, 60 records, 46 changed, 0 aside"})
			})
		})
	}
}

func TestActivitiesThatAreAddedWhileTheirPagesAreReadAreNotLost(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		src := r.link("activities")
		r.dixa.Behaviour.ActivitiesPerPage = 2
		for n := range 200 {
			time.Sleep(time.Minute)
			r.put("activities", fmt.Sprintf(`{"id":"late%d","conversationId":%d,"activityTimestamp":%q}`, n, n, time.Now().Format(time.RFC3339)))
			if n%7 == 0 {
				r.synced()
			}
		}
		time.Sleep(time.Minute)
		r.synced()
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 200)
	})
}

func TestASyncOfActivitiesAsksFromWhereTheLastStoodLessAnHour(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("activities")
		asked := func() string {
			values, err := url.ParseQuery(r.query(dixatest.ActivityLog))
			r.must(err)
			return values.Get("fromDatetime") + " " + values.Get("toDatetime")
		}
		// A second wider than the window at each end.
		bounds := func(from, to time.Time) string {
			return from.Add(-time.Second).UTC().Format(time.RFC3339) + " " + to.Add(time.Second).UTC().Format(time.RFC3339)
		}
		first := time.Now()
		r.synced()
		r.equal("the first", asked(), bounds(first.Add(-30*day), first))
		time.Sleep(10 * time.Minute)
		second := time.Now()
		imported, _ := r.synced()
		r.equal("kinds", len(imported), 1)
		r.equal("the second", asked(), bounds(first.Add(-time.Hour), second))
	})
}

func TestKindsThatAreNotNamedAreThoseThatHaveASource(t *testing.T) {
	for name, row := range map[string]struct{ sources, want []string }{
		"no source":        {nil, []string{"conversations", "messages"}},
		"activities":       {[]string{"activities"}, []string{"activities"}},
		"all, in no order": {[]string{"activities", "messages", "conversations"}, []string{"conversations", "messages", "activities"}},
		"messages twice":   {[]string{"messages", "messages"}, []string{"messages"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				for _, kind := range row.sources {
					r.link(kind)
				}
				var kinds []string
				for _, one := range r.imported(Range{From: start, To: start.Add(day)}) {
					kinds = append(kinds, one.Kind)
				}
				r.equal("kinds", kinds, row.want)
				r.equal("the activity log was asked for", len(r.exports(dixatest.ActivityLog)) > 0, slices.Contains(row.want, "activities"))
			})
		})
	}
}

func TestTheStatusTellsOfActivitiesLikeOfTheOthers(t *testing.T) {
	bubble(t, func(r *rig) {
		r.log()
		r.imported(activities)
		r.link("activities")
		st, err := r.Status(r.Context(), time.UTC)
		r.must(err)
		k := st.Kinds[2]
		r.equal("the kind, its records and what is covered", []any{k.Kind, k.Records, k.Covered, fmt.Sprint(k.Months)},
			[]any{"activities", 60, []store.Span{{From: activities.From, To: activities.To}}, "[{2000-01 60}]"})
		r.equal("pending", st.Sources[0].Pending, 60)
		r.equal("the push", tally(r.pushed()), "60 sent, 0 unchanged, 0 rejected, 1 requests")
	})
}

func TestOfAnErasedConversationNothingUnreadableIsKept(t *testing.T) {
	bubble(t, func(r *rig) {
		unreadable := func(id string, csid int) {
			r.put("messages", fmt.Sprintf(`{"id":%q,"created_at":%d,"updated_at":1,"csid":%d,"text":"Hej"}`, id, hour(1).UnixMilli(), csid))
		}
		setAside := func() int {
			r.Helper()
			if _, err := r.Import(r.Context(), month); !errors.Is(err, ErrAside) {
				r.Errorf("the error is %v", err)
			}
			aside, err := r.Store.Aside(r.Context(), 10)
			r.must(err)
			return len(aside)
		}
		unreadable("m1", 7)
		unreadable("7-e", 8) // an id that only begins like the number of the other conversation
		r.equal("set aside", setAside(), 2)
		done, err := r.Erase(r.Context(), Erasure{CSIDs: []int64{7}})
		r.must(err)
		r.equal("removed", done.Aside, 1)
		unreadable("m2", 7)
		r.equal("set aside again", setAside(), 3) // as elements that have been there, of which nothing is known
		done, err = r.Erase(r.Context(), Erasure{CSIDs: []int64{7}})
		r.must(err)
		r.equal("removed then", done.Aside, 0)
	})
}

// Whether Dixa's 90 days are an age or a span is not documented: as an age, they must not keep the rest from the cache.
func TestOldActivitiesThatAreRefusedDoNotKeepBackTheOthers(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits.DixaAPIRequestsPerSecond = 100
		time.Sleep(time.Until(start.Add(100 * day)))
		r.put("activities", activity(24*45), activity(24*70))
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Request: 1, Status: http.StatusBadRequest})
		asked := Range{From: start, To: start.Add(90 * day), Kinds: []string{"activities"}}
		all, err := r.Import(r.Context(), asked)
		if !errors.Is(err, ErrTooOld) || len(all) != 1 {
			r.Fatalf("the import: %v, %v", all, err)
		}
		r.equal("the import", []any{counts(all[0]), all[0].TooOld}, []any{"2 windows, 3 requests, 2 records, 2 changed, 0 aside", 1})
		covered, err := r.Store.Coverage(r.Context(), "activities")
		r.must(err)
		r.equal("covered", covered, []store.Span{{From: start.Add(30 * day), To: start.Add(90 * day)}})

		// Of younger ones a refusal says something else.
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Request: len(r.exports(dixatest.ActivityLog)) + 1, Status: http.StatusBadRequest})
		asked.From = start.Add(60 * day)
		if _, err := r.Import(r.Context(), asked); err == nil || errors.Is(err, ErrTooOld) {
			r.Errorf("of younger ones: %v", err)
		}
	})
}
