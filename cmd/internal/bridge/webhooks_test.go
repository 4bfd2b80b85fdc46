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

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestEventsAreThoseThatChangeARow(t *testing.T) {
	for _, row := range []struct {
		kinds    []string
		has, not string
		number   int
	}{
		{[]string{"conversations", "messages"}, "ConversationRated", "TypingStarted", 17},
		{[]string{"conversations"}, "ConversationMessageAdded", "SLAEvaluationBreached", 17},
		{[]string{"activities"}, "ConversationNoteAdded", "AgentBannedEnduser", 17},
		{[]string{"messages", "activities"}, "ConversationCreated", "ConversationMessageDeliverySeen", 17},
		{[]string{"messages"}, "ConversationMessageAdded", "ConversationAssigned", 1},
	} {
		events := eventsFor(row.kinds)
		if len(events) != row.number || !slices.Contains(events, row.has) || slices.Contains(events, row.not) {
			t.Errorf("for %v they are %v", row.kinds, events)
		}
	}
}

func TestAddressesLeadToAConnection(t *testing.T) {
	const uuid = "0123456789abcdef0123456789abcdef"
	for path, ok := range map[string]bool{
		HookPath(uuid):             true,
		"/behind" + HookPath(uuid): true,
		HookPath("01234567-89AB-cdef-0123-456789abcdef"): true,
		strings.TrimSuffix(HookPath(uuid), "/"):          true,
		HookPath(uuid) + "more":                          false,
		HookPath("elsewhere"):                            false,
		"/hooks/dixa":                                    false,
		"":                                               false,
	} {
		if connection, got := HookConnection(path); got != ok || ok && connection != uuid {
			t.Errorf("%s: %q, %v", path, connection, got)
		}
	}
}

const hookURL = "https://live.example.com/hook/"

func wanted(events ...string) dixa.WebhookConfig {
	return dixa.WebhookConfig{Name: "dixa2plecto", URL: hookURL, Events: events}
}

// subscribe makes a webhook as wanted, and returns it with what Dixa was asked for it.
func (r *rig) subscribe(want dixa.WebhookConfig) (s Subscription, asked string) {
	r.Helper()
	before := len(r.dixa.Requests())
	s, err := r.Subscribe(r.Context(), want)
	r.must(err)
	return s, r.methodsSince(before)
}

// methodsSince returns the methods of the requests that Dixa got since some.
func (r *rig) methodsSince(before int) string {
	var methods []string
	for _, req := range r.dixa.Requests()[before:] {
		methods = append(methods, req.Method)
	}
	return strings.Join(methods, " ")
}

func TestAWebhookIsMadeOnceAndThenLeftAsItIs(t *testing.T) {
	bubble(t, func(r *rig) {
		s, asked := r.subscribe(wanted("ConversationClosed", "ConversationRated"))
		r.equal("asked", asked, "GET POST")
		there := r.dixa.Subscriptions()
		if !s.Created || len(there) != 1 || s.Secret != there[0].Secret || there[0].URL != hookURL {
			r.Fatalf("%v, %v in Dixa", s, there)
		}
		s, asked = r.subscribe(wanted("ConversationRated", "ConversationClosed"))
		r.equal("asked", asked, "GET")
		if s.Created || s.Changed || s.Secret != there[0].Secret || s.ID != there[0].ID {
			r.Error(s)
		}
	})
}

func TestAWebhookThatIsOtherwiseIsChanged(t *testing.T) {
	cases := map[string]func(*rig, *dixa.WebhookConfig){
		"another address": func(_ *rig, want *dixa.WebhookConfig) { want.URL = "https://other.example.com/hook/" },
		"other events":    func(_ *rig, want *dixa.WebhookConfig) { want.Events = []string{"ConversationRated"} },
		"credentials":     func(_ *rig, want *dixa.WebhookConfig) { want.Authorization.Token = "example" },
		"disabled":        func(r *rig, _ *dixa.WebhookConfig) { r.disable(r.dixa.Subscriptions()[0].ID) },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				want := wanted("ConversationClosed")
				r.subscribe(want)
				change(r, &want)
				s, asked := r.subscribe(want)
				r.equal("asked", asked, "GET PATCH")
				there := r.dixa.Subscriptions()
				if s.Created || !s.Changed || len(there) != 1 || !there[0].Enabled || there[0].URL != want.URL || !slices.Equal(there[0].Events, want.Events) {
					r.Errorf("%+v, in Dixa %+v", s, there)
				}
				if want.Authorization.Token != "" {
					r.equal("the header", there[0].Headers["Authorization"], "Bearer example")
				}
			})
		})
	}
}

// disable does what an administrator may do in Dixa.
func (r *rig) disable(id string) {
	r.Helper()
	r.api(http.MethodPatch, "/webhooks/"+id, `{"enabled":false}`)
}

func (r *rig) api(method, path, body string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, "http://dixa.example.com/v1"+path, strings.NewReader(body))
	r.must(err)
	req.Header.Set("Authorization", "example-token")
	resp, err := r.http.Do(req)
	r.must(err)
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		r.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

func TestOfNamesakesTheOneWithTheAddressIsTakenElseTheOldest(t *testing.T) {
	bubble(t, func(r *rig) {
		for n := range 3 {
			r.api(http.MethodPost, "/webhooks", fmt.Sprintf(
				`{"name":"dixa2plecto","url":"https://example.com/%d/","events":[],"authorization":{"_type":"NoAuth"},"customHeaders":{}}`, n))
			time.Sleep(time.Minute)
		}
		ids := r.dixa.Subscriptions()
		want := wanted("ConversationClosed")
		want.URL = "https://example.com/1/"
		s, _ := r.subscribe(want)
		r.equal("the one", s.ID, ids[1].ID)
		r.equal("the others", []string{s.Namesakes[0].ID, s.Namesakes[1].ID}, []string{ids[0].ID, ids[2].ID})
		s, _ = r.subscribe(wanted("ConversationClosed"))
		r.equal("the oldest", s.ID, ids[0].ID)
		if len(r.dixa.Subscriptions()) != 3 {
			r.Error(r.dixa.Subscriptions())
		}
	})
}

func TestTheAnswerThatIsLostMakesNoSecondWebhook(t *testing.T) {
	bubble(t, func(r *rig) {
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Webhooks, Request: 2, Do: dixatest.Cut, Bytes: 10})
		s, asked := r.subscribe(wanted("ConversationClosed"))
		r.equal("asked", asked, "GET POST GET")
		if there := r.dixa.Subscriptions(); !s.Created || s.Changed || len(there) != 1 || there[0].Secret != s.Secret {
			r.Errorf("%+v, in Dixa %+v", s, there)
		}
	})
}

func TestAWebhookIsAskedForAgainWhereItWasNotMade(t *testing.T) {
	bubble(t, func(r *rig) {
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Webhooks, Request: 2, Status: http.StatusBadGateway})
		s, asked := r.subscribe(wanted("ConversationClosed"))
		r.equal("asked", asked, "GET POST GET POST")
		if !s.Created || len(r.dixa.Subscriptions()) != 1 {
			r.Error(s)
		}
	})
	bubble(t, func(r *rig) {
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Webhooks, Request: 2, Count: -1, Status: http.StatusBadGateway})
		began := time.Now()
		_, err := r.Subscribe(r.Context(), wanted("ConversationClosed"))
		if took := time.Since(began); !Temporary(err) || took < r.Patience || took > 2*r.Patience {
			r.Errorf("%v after %s", err, took)
		}
	})
}

func TestTheSecretThatAReplyLeavesOutIsAskedFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.dixa.Behaviour.Webhooks.OmitSecret = true
		s, asked := r.subscribe(wanted("ConversationClosed"))
		r.equal("asked", asked, "GET POST GET")
		r.equal("the secret", s.Secret, r.dixa.Subscriptions()[0].Secret)
	})
	for name, secret := range map[string]string{"none": "", "one that is not hex": "scrambled-sample"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.dixa.Behaviour.Webhooks.OmitSecret = true
				r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Webhook, Count: -1, Body: `{"data":{"id":"8d6f2f3e-5a53-4c0e-9b43-0f3c1c7a2b11","secretKey":"` + secret + `"}}`})
				s, err := r.Subscribe(r.Context(), wanted("ConversationClosed"))
				if !errors.Is(err, ErrNoSecret) || Temporary(err) || s.ID != r.dixa.Subscriptions()[0].ID || secret != "" && strings.Contains(err.Error(), secret) {
					r.Errorf("%v, %v", s, err)
				}
			})
		})
	}
}

func TestDeliveriesThatAreNotToldHideNoWebhook(t *testing.T) {
	bubble(t, func(r *rig) {
		ours := wanted("ConversationClosed")
		ours.URL = "https://live.example.com" + HookPath(r.Store.Connection())
		r.subscribe(ours)
		other := wanted("ConversationClosed")
		other.Name = "other"
		r.subscribe(other)
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.DeliveryStatus, Request: 1, Status: http.StatusNotFound})
		all, err := r.Subscriptions(r.Context())
		r.must(err)
		if len(all) != 2 || all[0].Err == nil || all[1].Err != nil || !all[0].Ours || all[1].Ours || len(all[1].Deliveries) != 1 {
			r.Errorf("%+v", all)
		}
		r.equal("asked for deliveries", len(r.exports(dixatest.DeliveryStatus)), 2)

		// Trouble with all of them takes no longer than with one.
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.DeliveryStatus, Count: -1, Status: http.StatusInternalServerError})
		began := time.Now()
		all, err = r.Subscriptions(r.Context())
		r.must(err)
		if took := time.Since(began); took > r.Patience+time.Second || all[0].Err == nil || all[1].Err == nil {
			r.Errorf("%s, %+v", took, all)
		}

		ctx, stop := context.WithCancel(r.Context())
		stop()
		if _, err := r.Subscriptions(ctx); err == nil {
			r.Error("it went on when it was stopped")
		}
	})
}

func TestTheNewestDeliveryIsTheLast(t *testing.T) {
	d := Delivered{Deliveries: []dixa.Delivery{{Event: "a"}, {Event: "b", At: hour(1)}, {Event: "c", At: hour(2)}, {Event: "d"}}}
	if last, ok := d.Last(); !ok || last.Event != "c" {
		t.Error(last, ok)
	}
	if _, ok := (Delivered{Deliveries: []dixa.Delivery{{Event: "a"}}}).Last(); ok {
		t.Error("one that never was")
	}
}

func TestADeletedWebhookTellsItsSecretOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		s, _ := r.subscribe(wanted("ConversationClosed"))
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.Webhook, Request: 2, Status: http.StatusBadGateway, Hit: func() {
			r.api(http.MethodDelete, "/webhooks/"+s.ID, "") // it was done, and the answer is lost
		}})
		before := len(r.dixa.Requests())
		w, err := r.Unsubscribe(r.Context(), s.ID)
		r.must(err)
		r.equal("asked", r.methodsSince(before), "GET DELETE DELETE DELETE")
		r.equal("the secret", w.Secret, s.Secret)
		r.equal("left", len(r.dixa.Subscriptions()), 0)
		if _, err := r.Unsubscribe(r.Context(), s.ID); !errors.Is(err, dixa.ErrNotFound) {
			r.Error(err)
		}
	})
}

func TestRequestsAboutWebhooksCountInTheBudgetOfTheAPI(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits.DixaAPIRequestsPerSecond = 10
		r.subscribe(wanted("ConversationClosed"))
		_, err := r.Subscriptions(r.Context())
		r.must(err)
		used, _, err := r.Store.Used(r.Context(), r.Limits.api())
		r.must(err)
		r.equal("used", used, 4)
	})
}
