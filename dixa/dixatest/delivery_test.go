package dixatest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAnEventGoesSignedToWhoeverListsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, one := delivering(t, r, dixatest.WebhookBehaviour{})
		subscribe(t, s, strings.Replace(subscribed, `"ConversationClosed"`, `"ConversationOpen"`, 1))
		subscribe(t, s, strings.Replace(subscribed, "{", `{"enabled":false,`, 1))
		ids := emit(t, s, "ConversationClosed", "ConversationPending")
		flush(t, s)
		posts := r.all()
		if len(posts) != 1 {
			t.Fatalf("delivered %d times", len(posts))
		}
		p := posts[0]
		if !signed(p, one.Secret) || p.header.Get("X-Dixa-Subscription-Id") != one.ID || p.header.Get("Content-Type") != "application/json" {
			t.Errorf("delivered with %v", p.header)
		}
		if got, want := stamp(p), fmt.Sprintf("t=%d", time.Now().UnixMilli()); got != want {
			t.Errorf("stamped %s, want %s", got, want)
		}
		if e := p.event; e.ID != ids[0] || e.Type != "CONVERSATION_CLOSED" || e.Version != "1" || e.Timestamp != "2000-01-01T00:00:00.000Z" || e.Data.Conversation.CSID != 1 {
			t.Errorf("told %s", p.body)
		}
		if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 2, Due: 1, Delivered: 1, Attempts: 1}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestADeliveryCarriesTheHeadersOfItsSubscription(t *testing.T) {
	r := new(receiver)
	s, _ := delivering(t, r, dixatest.WebhookBehaviour{})
	one := subscribe(t, s, `{"name":"n","url":"https://example.com","events":["ConversationOpen"],"authorization":{"_type":"TokenAuth","value":"abc"},`+
		`"customHeaders":{"X-Team":"a","Content-Type":"text/plain","X-DIXA-SUBSCRIPTION-ID":"mine"}}`)
	emit(t, s, "ConversationOpen")
	flush(t, s)
	h := r.all()[0].header
	if h.Get("Authorization") != "Bearer abc" || h.Get("X-Team") != "a" || h.Get("Content-Type") != "application/json" || h.Get("X-Dixa-Subscription-Id") != one.ID {
		t.Errorf("delivered with %v", h)
	}
}

func TestWhatCannotBeToldIsNotEmitted(t *testing.T) {
	s, _ := delivering(t, new(receiver), dixatest.WebhookBehaviour{})
	for _, e := range []dixatest.Event{
		{Name: "ConversationForgotten", CSID: 1},
		{Name: "ConversationClosed", CSID: 4},
		{Name: "ConversationMessageAdded", CSID: 1, MessageID: "m2"},
		{Name: "ConversationMessageAdded", CSID: 1, MessageID: "m9"},
	} {
		if id, err := s.Emit(e); err == nil || id != "" {
			t.Errorf("%+v is emitted as %q", e, id)
		}
	}
	if got := s.Deliveries(); got != (dixatest.Deliveries{}) {
		t.Errorf("counted %+v", got)
	}
	if _, err := new(dixatest.Server).Emit(dixatest.Event{Name: "ConversationClosed", CSID: 1}); err == nil {
		t.Error("a server without a world emits")
	}
}

func TestSomeEventsAreDeliveredTwiceAndSomeNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, _ := delivering(t, r, dixatest.WebhookBehaviour{DuplicateEvery: 3, LoseEvery: 4, InFlight: 1})
		ids := emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 8)...)
		flush(t, s)
		want := []string{ids[0], ids[1], ids[2], ids[2], ids[4], ids[5], ids[5], ids[6]}
		var got []string
		for _, p := range r.all() {
			got = append(got, p.event.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("delivered %v of %v", got, ids)
		}
		if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 8, Lost: 2, Due: 8, Delivered: 8, Attempts: 8}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestLateDeliveriesComeInAnotherOrderTheSameForASeed(t *testing.T) {
	order := func(seed uint64) (positions []int) {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			s, _ := delivering(t, r, dixatest.WebhookBehaviour{LateBy: time.Minute, Seed: seed})
			ids, began := emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 30)...), time.Now()
			flush(t, s)
			for _, p := range r.all() {
				positions = append(positions, slices.Index(ids, p.event.ID))
				if late := p.at.Sub(began); late >= time.Minute {
					t.Errorf("a delivery is late by %v", late)
				}
			}
		})
		return positions
	}
	one := order(1)
	if slices.IsSorted(one) || len(one) != 30 || !slices.Equal(one, order(1)) || slices.Equal(one, order(2)) {
		t.Errorf("the order is %v", one)
	}
}

func TestDeliveriesAreInTheOrderOfTheirEventsOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{slow: time.Second}
		s, _ := delivering(t, r, dixatest.WebhookBehaviour{InFlight: 1})
		ids := emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 20)...)
		flush(t, s)
		for i, p := range r.all() {
			if p.event.ID != ids[i] {
				t.Fatalf("delivery %d is of event %d", i, slices.Index(ids, p.event.ID))
			}
		}
	})
}

func TestNoMoreDeliveriesAreUnderWayThanAllowed(t *testing.T) {
	for inFlight, want := range map[int]int{0: 8, 3: 3} {
		synctest.Test(t, func(t *testing.T) {
			r, began := &receiver{slow: time.Second}, time.Now()
			s, _ := delivering(t, r, dixatest.WebhookBehaviour{InFlight: inFlight})
			emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 4*want)...)
			flush(t, s)
			if took := time.Since(began); r.most != want || took != 4*time.Second {
				t.Errorf("with %d in flight there were %d, and it took %v", inFlight, r.most, took)
			}
		})
	}
}

func TestARefusedDeliveryIsTriedAgainAsOftenAsWanted(t *testing.T) {
	for _, restamp := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(post) (int, string) { return 503, "busy" }}
			s, one := delivering(t, r, dixatest.WebhookBehaviour{Retries: 2, RetryWait: time.Hour, RestampRetries: restamp})
			began := time.Now()
			emit(t, s, "ConversationClosed")
			flush(t, s)
			posts := r.all()
			if len(posts) != 3 || posts[2].at.Sub(began) != 2*time.Hour || !bytes.Equal(posts[0].body, posts[2].body) {
				t.Fatalf("%d attempts: %v", len(posts), posts)
			}
			if again := stamp(posts[1]) != stamp(posts[0]); again != restamp || !signed(posts[2], one.Secret) {
				t.Errorf("restamp %v: stamped %s, then %s", restamp, stamp(posts[0]), stamp(posts[1]))
			}
			if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 1, Due: 1, Refused: 1, Attempts: 3}); got != want {
				t.Errorf("counted %+v, want %+v", got, want)
			}
		})
	}
}

func TestADeliveryThatIsTakenAtLastCountsAsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		r := &receiver{answer: func(post) (int, string) { n++; return 500 - 300*(n/2), "" }}
		s, _ := delivering(t, r, dixatest.WebhookBehaviour{Retries: 5})
		emit(t, s, "ConversationClosed")
		flush(t, s)
		if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 1, Due: 1, Delivered: 1, Attempts: 2}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestAReceiverThatDoesNotAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, one := delivering(t, &receiver{slow: time.Hour}, dixatest.WebhookBehaviour{})
		began := time.Now()
		emit(t, s, "ConversationClosed")
		flush(t, s)
		status := ask(s, "GET", "/v1/webhooks/"+one.ID+"/delivery-status", "").Body.String()
		if took := time.Since(began); took != 10*time.Second || !strings.Contains(status, `"success":false,"responseCode":0,"responseText":"no answer in time"`) {
			t.Errorf("after %v: %s", took, status)
		}
	})
}

func TestWhatIsSignedAfterARotationCarriesTheNewSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, one := delivering(t, r, dixatest.WebhookBehaviour{})
		emit(t, s, "ConversationClosed")
		flush(t, s)
		secret, _ := s.RotateSecret(one.ID)
		emit(t, s, "ConversationClosed")
		flush(t, s)
		if posts := r.all(); !signed(posts[0], one.Secret) || signed(posts[1], one.Secret) || !signed(posts[1], secret) {
			t.Error("not signed with the secret of its time")
		}
	})
}

func TestNothingMoreGoesToASubscriptionThatIsGoneOrDisabled(t *testing.T) {
	for _, row := range []struct{ method, body string }{{"DELETE", ""}, {"PATCH", `{"enabled":false}`}} {
		synctest.Test(t, func(t *testing.T) {
			r := new(receiver)
			s, one := delivering(t, r, dixatest.WebhookBehaviour{LateBy: time.Hour})
			emit(t, s, "ConversationClosed")
			ask(s, row.method, "/v1/webhooks/"+one.ID, row.body)
			emit(t, s, "ConversationClosed")
			flush(t, s)
			if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 2, Due: 1, Dropped: 1}); got != want || len(r.all()) != 0 {
				t.Errorf("%s: counted %+v, want %+v", row.method, got, want)
			}
		})
	}
}

func TestTheDeliveryStatusTellsOfTheLastDeliveryOfEachEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		code := 503
		r := &receiver{answer: func(post) (int, string) { return code, "<b>busy</b>" }}
		s, one := delivering(t, r, dixatest.WebhookBehaviour{})
		path := "/v1/webhooks/" + one.ID + "/delivery-status"
		const none = `{"event":"ConversationRated","deliveryStatus":{"_type":"NoRecentDelivery"}}`
		emit(t, s, "ConversationClosed")
		flush(t, s)
		time.Sleep(time.Minute)
		code = 200
		emit(t, s, "ConversationClosed")
		flush(t, s)
		var got, want any
		json.Unmarshal(ask(s, "GET", path, "").Body.Bytes(), &got)
		json.Unmarshal([]byte(`{"data":[{"event":"ConversationClosed","deliveryStatus":{"_type":"DeliveryDetail","deliveryTimestamp":"2000-01-01T00:01:00.000Z",`+
			`"success":true,"responseCode":200,"responseText":"<b>busy</b>"}},`+none+`]}`), &want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("the status is %v, want %v", got, want)
		}
		type entry struct {
			DeliveryDetail struct{ ResponseCode int }
			Payload        string
		}
		log := data[[]entry](t, ask(s, "GET", path+"/logs/ConversationClosed", ""))
		if len(log) != 2 || log[0].DeliveryDetail.ResponseCode != 200 || log[1].DeliveryDetail.ResponseCode != 503 || log[1].Payload != string(r.all()[0].body) {
			t.Errorf("the log is %+v", log)
		}
		if log := data[[]entry](t, ask(s, "GET", path+"/logs/ConversationRated", "")); len(log) != 0 {
			t.Errorf("the log of what never happened is %+v", log)
		}
	})
}

func TestCloseBreaksOffWhatIsUnderWayAndDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := delivering(t, &receiver{slow: time.Hour}, dixatest.WebhookBehaviour{InFlight: 2, Retries: 3, Timeout: 2 * time.Hour})
		emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 5)...)
		synctest.Wait()
		began := time.Now()
		s.Close()
		s.Close()
		emit(t, s, "ConversationClosed")
		flush(t, s)
		if got, want := s.Deliveries(), (dixatest.Deliveries{Emitted: 6, Due: 6, Dropped: 6, Attempts: 2}); got != want || !time.Now().Equal(began) {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestFlushEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := delivering(t, new(receiver), dixatest.WebhookBehaviour{LateBy: 100 * time.Hour, Seed: 1})
		emit(t, s, slices.Repeat([]string{"ConversationClosed"}, 20)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := s.Flush(ctx); err != context.DeadlineExceeded {
			t.Errorf("it ends with %v", err)
		}
	})
}

func TestDeliveriesWorkOverPipesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		bodies := make(chan string, 1)
		web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if time.Now().Hour() < 6 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			body, _ := io.ReadAll(r.Body)
			bodies <- string(body)
		})}
		go web.Serve(p)
		defer web.Close()
		transport := &http.Transport{DialContext: p.dial}
		defer transport.CloseIdleConnections()
		s := small(t)
		defer s.Close()
		s.Behaviour.Webhooks = dixatest.WebhookBehaviour{Retries: 1, RetryWait: 6 * time.Hour}
		s.Client = &http.Client{Transport: transport}
		subscribe(t, s, strings.Replace(subscribed, "https:", "http:", 1))
		emit(t, s, "ConversationClosed")
		flush(t, s)
		if body := <-bodies; !strings.Contains(body, "CONVERSATION_CLOSED") {
			t.Errorf("delivered %s", body)
		}
	})
}

func TestDeliveriesGoOverSocketsAndFollowNoRedirect(t *testing.T) {
	s := small(t)
	defer s.Close()
	var mu sync.Mutex
	var paths []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		paths = append(paths, r.URL.Path)
		mu.Unlock()
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/in", http.StatusTemporaryRedirect)
		}
	}))
	defer web.Close()
	for _, path := range []string{"/in", "/moved"} {
		subscribe(t, s, strings.Replace(subscribed, "https://hook.example.com/in", web.URL+path, 1))
	}
	emit(t, s, "ConversationClosed")
	flush(t, s)
	slices.Sort(paths)
	if got := s.Deliveries(); got.Delivered != 1 || got.Refused != 1 || !slices.Equal(paths, []string{"/in", "/moved"}) {
		t.Errorf("counted %+v of %v", got, paths)
	}
}
