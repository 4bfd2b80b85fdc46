package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// pushed makes a push that is to succeed, of the only source.
func (r *rig) pushed() Pushed {
	r.Helper()
	all, err := r.Push(r.Context(), PushOptions{})
	r.must(err)
	return all[0]
}

// tally is what a push counted.
func tally(p Pushed) string {
	return fmt.Sprintf("%d sent, %d unchanged, %d rejected, %d requests", p.Sent, p.Unchanged, p.Rejected, p.Requests)
}

func TestAPushSendsWhatIsPendingOnceAndInFullBatches(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 250)...)
		r.equal("the first push", tally(r.pushed()), "250 sent, 0 unchanged, 0 rejected, 3 requests")
		r.equal("the second push", tally(r.pushed()), "0 sent, 250 unchanged, 0 rejected, 0 requests")
		r.cache(message(7, `,"duration":5`), message(250, ""))
		r.equal("the push of a changed and a new one", tally(r.pushed()), "2 sent, 249 unchanged, 0 rejected, 1 requests")
		// A change that no field shows is nothing to send.
		r.cache(message(7, `,"duration":5,"text":"edited"`))
		r.equal("the push of one that looks the same", tally(r.pushed()), "0 sent, 251 unchanged, 0 rejected, 0 requests")
		for _, reg := range r.plecto.Registrations(src.UUID) {
			if want := map[bool]int{true: 2, false: 1}[reg.ExternalID == "m0007"]; reg.Writes != want {
				r.Errorf("%s was written %d times", reg.ExternalID, reg.Writes)
			}
		}
		r.equal("requests at once", r.most.Load(), int32(1))
	})
}

func TestEachSourceIsSentAllOfItsKind(t *testing.T) {
	bubble(t, func(r *rig) {
		a, b := r.link("messages"), r.link("messages")
		r.link("conversations")
		r.cache(messages(0, 3)...)
		r.pushed()
		for _, src := range []store.Source{a, b} {
			r.equal("registrations of "+src.Name, len(r.plecto.Registrations(src.UUID)), 3)
		}
		r.cache(message(3, ""))
		one, err := r.Push(r.Context(), PushOptions{Source: b.Name})
		r.must(err)
		r.equal("the source pushed", []any{len(one), one[0].Source.Name, one[0].Sent}, []any{1, "messages-2", 1})
		r.equal("registrations of the other", len(r.plecto.Registrations(a.UUID)), 3)
		if _, err := r.Push(r.Context(), PushOptions{Source: "nobody"}); !errors.Is(err, ErrUsage) {
			r.Errorf("a source that is not there: %v", err)
		}
	})
}

func TestAPushWaitsAsLongAsPlectoSays(t *testing.T) {
	date := start.Add(100*day + 90*time.Second).Format(http.TimeFormat)
	for _, row := range []struct {
		name   string
		status int
		header http.Header
		wait   time.Duration
	}{
		{"seconds", 429, http.Header{"Retry-After": {"77"}}, 77 * time.Second},
		{"an hour", 429, http.Header{"Retry-After": {"3600"}}, time.Hour},
		{"a date", 429, http.Header{"Retry-After": {date}}, 90 * time.Second},
		{"nothing", 429, nil, time.Minute},
		{"unreadable", 429, http.Header{"Retry-After": {"soon"}}, time.Minute},
		{"seconds, with a 503", 503, http.Header{"Retry-After": {"77"}}, 77 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				src := r.link("messages")
				r.cache(messages(0, 1)...)
				r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Status: row.status, Header: row.header})
				r.equal("the push", tally(r.pushed()), "1 sent, 0 unchanged, 0 rejected, 2 requests")
				posts := r.posts()
				r.equal("waited", posts[1].Time.Sub(posts[0].Time), row.wait)
				r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 1)
			})
		})
	}
}

func TestTroubleWithPlectoIsMetWithPatience(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]plectotest.Fault{
		"unavailable":               {Status: 503},
		"an error after storing":    {Status: 500, AfterStoring: true},
		"dropped":                   {Drop: true},
		"dropped after storing":     {Drop: true, AfterStoring: true},
		"a page of someone between": {Status: 200, Body: "<html>Log in</html>"},
		"a stall":                   {Stall: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.Patience = 5 * time.Minute
				src := r.link("messages")
				r.cache(messages(0, 150)...)
				fault.Endpoint, fault.Request, fault.Count = "registrations", 2, 3
				r.plecto.Fault(fault)
				r.equal("the push", tally(r.pushed()), "150 sent, 0 unchanged, 0 rejected, 5 requests")
				r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 150)

				fault.Request, fault.Count = 0, -1
				lift := r.plecto.Fault(fault)
				r.cache(message(150, ""))
				began := time.Now()
				_, err := r.Push(r.Context(), PushOptions{})
				if took := time.Since(began); !Temporary(err) || took > r.Patience+time.Minute {
					r.Errorf("after %v: %v", took, err)
				}
				lift()
				r.equal("sent when it is over", r.pushed().Sent, 1)
			})
		})
	}
}

func TestARecordThatChangesWhileItIsSentIsSentAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 10)...)
		release := make(chan struct{})
		r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Hold: release})
		go func() {
			r.comes(r.plecto.Reached("registrations", 1))
			r.cache(message(4, `,"duration":5`))
			close(release)
		}()
		r.equal("the push", tally(r.pushed()), "10 sent, 0 unchanged, 0 rejected, 1 requests")
		r.equal("the next push", tally(r.pushed()), "1 sent, 9 unchanged, 0 rejected, 1 requests")
		r.equal("what Plecto holds", fmt.Sprint(r.plecto.Registrations(src.UUID)[4].Fields["Duration"]), "5")
	})
}

func TestAfterAChangeOfTheMappingOnlyWhatDiffersIsSent(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		all := messages(0, 120)
		for _, n := range []int{3, 50, 110} {
			all[n] = message(n, `,"direction":"outbound","author_email":"Ida@example.com"`)
		}
		r.cache(all...)
		r.pushed()
		r.must(r.Store.SaveAgents(r.Context(), []store.Agent{{ID: "a1", Name: "Ida Holm", Emails: []string{"ida@example.com"}}}, true))
		r.equal("the push", tally(r.pushed()), "3 sent, 117 unchanged, 0 rejected, 1 requests")
		r.equal("the members", []string{r.plecto.Members()[0].Name, r.plecto.Members()[1].Name}, []string{"Dixa", "Ida Holm"})
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 120)
		r.equal("the next push", r.pushed().Sent, 0)
	})
}

func TestFieldsThatADataSourceLacksAreLeftOutUntilItHasThem(t *testing.T) {
	bubble(t, func(r *rig) {
		r.plecto.Behaviour.RefuseUnknownKeys = true
		src := r.link("messages", plectotest.Field{Name: "Channel"}, plectotest.Field{Name: "Direction"})
		r.cache(messages(0, 2)...)
		r.equal("the push", tally(r.pushed()), "2 sent, 0 unchanged, 0 rejected, 1 requests")
		r.equal("the fields", r.plecto.Registrations(src.UUID)[0].Fields, map[string]any{"Channel": "email", "Direction": "inbound"})
	})
}

func TestAPushSpendsWhatTheLimitAllowsAndNoMore(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		const perHour, rows = 36, 10_000
		r.Limits.PlectoRequestsPerHour = perHour
		r.plecto.Behaviour.RegistrationsPerHour = perHour // what exceeds it is a violation
		src := r.link("messages")
		r.cache(messages(0, rows)...)
		began := time.Now()
		r.equal("the push", tally(r.pushed()), "10000 sent, 0 unchanged, 0 rejected, 100 requests")
		// 36 at once, 36 an hour later, the rest after two hours.
		if took := time.Since(began); took < 2*time.Hour || took > 2*time.Hour*100/95 {
			r.Errorf("it took %v", took)
		}
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), rows)
		if slices.ContainsFunc(r.posts(), func(p plectotest.Request) bool { return p.Status == 429 }) {
			r.Error("Plecto had to refuse a request")
		}
	})
}

func TestNothingIsSentWithoutASource(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cache(messages(0, 1)...)
		if _, err := r.Push(r.Context(), PushOptions{}); !errors.Is(err, ErrNoSource) {
			r.Errorf("the error is %v", err)
		}
	})
}

func TestRefusedCredentialsEndAPushAtOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.plecto.Email, r.plecto.Password = "someone@example.com", "else"
		r.link("messages")
		r.link("messages")
		r.cache(messages(0, 10)...)
		if _, err := r.Push(r.Context(), PushOptions{}); !Unauthorized(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("requests, with none of registrations", []int{len(r.plecto.Requests()), len(r.posts())}, []int{1, 0})
	})
}

func TestAStoppedPushEndsItsRequestAndGoesOnLaterFromThere(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 250)...)
		r.plecto.Behaviour.Latency = 2 * time.Second
		ctx, stop := context.WithCancelCause(r.Context())
		time.AfterFunc(5*time.Second, func() { stop(ErrOutOfTime) }) // one request, that for the fields, is over, and one and a half more
		all, err := r.Push(ctx, PushOptions{})
		if err == nil {
			r.Error("it says that all was sent")
		}
		r.equal("the push", tally(all[0]), "200 sent, 0 unchanged, 0 rejected, 2 requests")
		r.equal("the next push", tally(r.pushed()), "50 sent, 200 unchanged, 0 rejected, 1 requests")
		for _, reg := range r.plecto.Registrations(src.UUID) {
			r.equal("writes of "+reg.ExternalID, reg.Writes, 1)
		}
	})
}
