package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
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

// bad makes Plecto refuse some messages.
func (r *rig) bad(is func(n int) bool) {
	r.plecto.Refuse = func(row map[string]any) string {
		var n int
		fmt.Sscanf(row["external_id"].(string), "m%d", &n)
		if is(n) {
			return fmt.Sprintf("row %d is bad", n)
		}
		return ""
	}
}

func TestRefusedRowsStandAloneAndTheOthersGoOn(t *testing.T) {
	at := func(bad int) func(int) bool { return func(n int) bool { return n == bad } }
	for _, row := range []struct {
		name     string
		bad      func(n int) bool
		rejected int
		requests int // at most
		answer   plectotest.BadItem
	}{
		{"the first of a hundred", at(0), 1, 15, plectotest.BadItemErrors},
		{"the last of a hundred", at(99), 1, 15, plectotest.BadItemErrors},
		{"one in the middle", at(49), 1, 15, plectotest.BadItemErrors},
		{"one where halves are uneven", at(37), 1, 15, plectotest.BadItemErrors},
		{"the first thirty", func(n int) bool { return n < 30 }, 30, 100, plectotest.BadItemErrors},
		{"the last thirty", func(n int) bool { return n >= 70 }, 30, 100, plectotest.BadItemErrors},
		{"every tenth", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemErrors},
		{"every tenth but the first", func(n int) bool { return n%10 == 5 }, 10, 100, plectotest.BadItemErrors},
		{"every tenth, where Plecto names none", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemDetail},
		{"every tenth, where Plecto stores the others", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemLeftOut},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.plecto.Behaviour.BadItem = row.answer
				src := r.link("messages")
				r.bad(row.bad)
				r.cache(messages(0, 100)...)
				all, err := r.Push(r.Context(), PushOptions{})
				if !errors.Is(err, ErrRejected) {
					r.Fatalf("the error is %v", err)
				}
				r.equal("rejected", all[0].Rejected, row.rejected)
				r.equal("sent", all[0].Sent, 100-row.rejected)
				if all[0].Requests > row.requests {
					r.Errorf("%d requests", all[0].Requests)
				}
				for _, reg := range r.plecto.Registrations(src.UUID) {
					var n int
					fmt.Sscanf(reg.ExternalID, "m%d", &n)
					if row.bad(n) {
						r.Errorf("%s is there", reg.ExternalID)
					}
				}
				rejections, err := r.Rejections(r.Context())
				r.must(err)
				for _, rej := range rejections {
					var n int
					fmt.Sscanf(rej.ExternalID, "m%d", &n)
					if !strings.Contains(rej.Reason, fmt.Sprintf("row %d is bad", n)) {
						r.Errorf("%s is rejected with the words %q", rej.ExternalID, rej.Reason)
					}
				}
				posts := len(r.posts())
				_, err = r.Push(r.Context(), PushOptions{})
				if !errors.Is(err, ErrRejected) || len(r.posts()) != posts {
					r.Errorf("a push of nothing but rejected ones: %v after %d requests", err, len(r.posts())-posts)
				}
			})
		})
	}
}

func TestWhereEverythingIsRefusedNothingIsRejected(t *testing.T) {
	for rows, most := range map[int]int{1: 1, 2: 14, 100: 14, 1000: 14} {
		bubble(t, func(r *rig) {
			r.link("messages")
			r.bad(func(int) bool { return true })
			r.cache(messages(0, rows)...)
			all, err := r.Push(r.Context(), PushOptions{})
			if !errors.Is(err, ErrAllRefused) || !strings.Contains(err.Error(), "is bad") {
				r.Errorf("the error of %d is %v", rows, err)
			}
			r.equal("rejected", all[0].Rejected, 0)
			if n := len(r.posts()); n > most {
				r.Errorf("%d rows took %d requests", rows, n)
			}
			// The cause is mended: all is still pending.
			r.plecto.Refuse = nil
			r.equal("sent when it is mended", r.pushed().Sent, rows)
		})
	}
}

func TestALoneBadRowIsRejectedWhereTheSourceHasWorked(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n == 5 })
		r.cache(messages(0, 5)...)
		r.pushed()
		r.cache(message(5, ""))
		all, err := r.Push(r.Context(), PushOptions{})
		if !errors.Is(err, ErrRejected) {
			r.Errorf("the error is %v", err)
		}
		r.equal("the push", tally(all[0]), "0 sent, 5 unchanged, 1 rejected, 1 requests")
	})
}

func TestRejectedRowsAreSentAgainWhenTheyChangeOrWhenAskedFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n == 2 || n == 3 })
		r.cache(messages(0, 10)...)
		push := func(o PushOptions) string {
			all, err := r.Push(r.Context(), o)
			if err != nil && !errors.Is(err, ErrRejected) {
				r.Errorf("the error is %v", err)
			}
			all[0].Requests = 0
			return tally(all[0])
		}
		r.equal("the first push", push(PushOptions{}), "8 sent, 0 unchanged, 2 rejected, 0 requests")
		r.equal("a retry while they are still bad", push(PushOptions{RetryRejected: true}), "0 sent, 8 unchanged, 2 rejected, 0 requests")
		r.bad(func(n int) bool { return n == 3 })
		r.equal("a push after one was mended in Plecto", push(PushOptions{}), "0 sent, 8 unchanged, 2 rejected, 0 requests")
		r.equal("a retry after one was mended in Plecto", push(PushOptions{RetryRejected: true}), "1 sent, 8 unchanged, 1 rejected, 0 requests")
		r.plecto.Refuse = nil
		r.cache(message(3, `,"duration":5`))
		r.equal("a push after the other changed", push(PushOptions{}), "1 sent, 9 unchanged, 0 rejected, 0 requests")
	})
}

func TestManyRejectedRowsThatAreStillBadStayRejected(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n < 20 })
		r.cache(messages(0, 100)...)
		for _, retry := range []bool{false, true} {
			all, err := r.Push(r.Context(), PushOptions{RetryRejected: retry})
			if !errors.Is(err, ErrRejected) || all[0].Rejected != 20 {
				r.Errorf("retry %v: %v, %s", retry, err, tally(all[0]))
			}
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
			<-r.plecto.Reached("registrations", 1)
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
		r.equal("requests with registrations", len(r.posts()), 1)
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
