package bridge

import (
	"errors"
	"net/http"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// elsewhere goes on in another account of Plecto, where the first data source, whose UUID is that of the first one here,
// has another title; there is none without one.
func (r *rig) elsewhere(title string) {
	r.plecto = &plectotest.Server{Behaviour: r.plecto.Behaviour}
	if title != "" {
		r.plecto.AddDataSource(title)
	}
	r.login("other@example.com")
}

func TestAnotherDataSourceUnderTheUUIDGetsNothingUntilItIsConfirmed(t *testing.T) {
	for name, title := range map[string]string{"another title": "Sales", "none": ""} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				src := r.link("messages", plectotest.Field{Name: "Channel"}, plectotest.Field{Name: "Direction"})
				r.hire(ida)
				r.cache(append(messages(0, 149), byAgent(149, "ida@example.dk"))...)
				r.pushed()
				r.elsewhere(title)
				r.equal("with nothing to send", r.pushed().Sent, 0)
				r.cache(message(150, ""))
				refused := func(o PushOptions) {
					r.Helper()
					if _, err := r.Plan(r.Context(), o); !errors.Is(err, ErrElsewhere) {
						r.Errorf("the plan: %v", err)
					}
					if _, err := r.Push(r.Context(), o); !errors.Is(err, ErrElsewhere) {
						r.Errorf("the push: %v", err)
					}
				}
				refused(PushOptions{})
				if _, err := r.Push(r.Context(), PushOptions{ConfirmTarget: "another"}); !errors.Is(err, ErrUsage) {
					r.Errorf("with a name that no source has: %v", err)
				}
				r.equal("POSTs", r.order(), "")
				if title == "" {
					r.plecto.AddDataSource("Support")
				}
				confirmed := PushOptions{ConfirmTarget: src.Name}
				r.equal("planned", figures(r.planned(confirmed)[0]), "151 new, 0 changed, 0 unchanged, 0 rejected, 0 to another day, 0 to another member")
				if title != "" {
					refused(PushOptions{}) // a plan confirms nothing
				}
				r.predicted("a push that is confirmed", confirmed)
				r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 151)
				r.equal("POSTs", r.order(), "R100 M R51")
				r.predicted("the next push", PushOptions{})
			})
		})
	}
}

func TestAnotherAccountWithTheSameDataSourceIsNotAskedAbout(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		r.elsewhere("Dixa messages")
		r.cache(message(3, ""))
		r.predicted("the push", PushOptions{})
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 1)
	})
}

func TestAnotherAccountThatCannotBeAskedGetsNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		r.elsewhere("Sales")
		r.cache(message(3, ""))
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "datasources", Count: -1, Status: 503})
		if _, err := r.Push(r.Context(), PushOptions{}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("POSTs", r.order(), "")
		lift()
		r.plecto.Fault(plectotest.Fault{Endpoint: "datasources", Count: 2, Status: 503})
		if _, err := r.Push(r.Context(), PushOptions{}); !errors.Is(err, ErrElsewhere) {
			r.Errorf("the error after trouble that passes is %v", err)
		}
	})
}

func TestOtherFieldsAloneDoNotReachAnotherAccount(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		r.elsewhere("Sales")
		_, _, err := r.Link(r.Context(), "messages", src.UUID, "", &store.Choice{Keys: []string{"direction"}})
		r.must(err)
		if _, err := r.Push(r.Context(), PushOptions{}); !errors.Is(err, ErrElsewhere) {
			r.Errorf("the error is %v", err)
		}
		r.equal("POSTs", r.order(), "")
	})
}

func TestALoginThatIsMistypedLosesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages", plectotest.Field{Name: "Channel"})
		r.plecto.Email, r.plecto.Password = "push@example.com", "secret"
		r.cache(messages(0, 3)...)
		r.pushed()
		known, err := r.Store.Source(r.Context(), src.Name)
		r.must(err)
		r.login("pusch@example.com")
		r.cache(message(3, ""))
		if _, err := r.Push(r.Context(), PushOptions{}); !Unauthorized(err) {
			r.Errorf("the error is %v", err)
		}
		now, err := r.Store.Source(r.Context(), src.Name)
		r.must(err)
		r.equal("the source", now, known)
		r.login("push@example.com")
		r.predicted("with the right one", PushOptions{})
	})
}

func TestADeletedDataSourceIsNamedAsOne(t *testing.T) {
	for name, status := range map[string]int{"refused rows": 0, "404": 404} {
		for shape, fields := range map[string][]plectotest.Field{
			"with all fields":  {{Name: "Direction"}, {Name: "Channel"}},
			"which lacks some": {{Name: "Channel"}},
		} {
			t.Run(name+", "+shape, func(t *testing.T) {
				bubble(t, func(r *rig) {
					r.plecto.Behaviour.UnknownDataSourceStatus = status
					uuid := r.plecto.AddDataSource("Support", fields...)
					_, _, err := r.Link(r.Context(), "messages", uuid, "", &store.Choice{Keys: []string{"direction", "initial_channel"}})
					r.must(err)
					r.cache(messages(0, 3)...)
					r.pushed()
					r.plecto.RemoveDataSource(uuid)
					for n := range 3 { // with one row to send, with two and three
						r.cache(message(3+n, ""))
						pushed, err := r.Push(r.Context(), PushOptions{})
						if !errors.Is(err, ErrGone) || errors.Is(err, ErrRejected) {
							r.Errorf("the error is %v", err)
						}
						r.equal("rejected", pushed[0].Rejected, 0)
					}
				})
			})
		}
	}
}

func TestAConfirmedTargetGetsEverythingAnewThoughNothingIsPending(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		r.elsewhere("Sales")
		pushed, err := r.Push(r.Context(), PushOptions{ConfirmTarget: src.Name})
		r.must(err)
		r.equal("the push", tally(pushed[0]), "3 sent, 0 unchanged, 0 rejected, 1 requests")
	})
}

func TestVerifyTellsAnotherOrADeletedDataSourceFromOneWithDifferences(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages", plectotest.Field{Name: "Channel"})
		r.cache(messages(0, 3)...)
		r.pushed()
		r.plecto.RemoveDataSource(src.UUID)
		r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Count: -1, Status: http.StatusBadRequest})
		if _, err := r.Verify(r.Context(), VerifyOptions{}); !errors.Is(err, ErrGone) {
			r.Errorf("a deleted one: %v", err)
		}
		r.elsewhere("Sales")
		if _, err := r.Verify(r.Context(), VerifyOptions{Repair: true}); !errors.Is(err, ErrElsewhere) {
			r.Errorf("another one: %v", err)
		}
	})
}
