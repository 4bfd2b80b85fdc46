package dixatest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// conversationEvents are the events that traffic makes, as a subscription lists them.
const conversationEvents = `"ConversationCreated","ConversationOpen","ConversationPending","ConversationClosed","ConversationAbandoned",` +
	`"ConversationEnqueued","ConversationAssigned","ConversationUnassigned","ConversationTransferred","ConversationNoteAdded","ConversationMessageAdded",` +
	`"ConversationTagAdded","ConversationTagRemoved","ConversationRated","ConversationCustomAttributeUpdated"`

// run has traffic in a server over a world for some time, and returns what was delivered.
func run(t *testing.T, w *dixatest.World, config dixatest.TrafficConfig, d time.Duration) (*dixatest.Server, []post) {
	t.Helper()
	r := new(receiver)
	s := &dixatest.Server{World: w, Token: token, Behaviour: unlimited, Client: &http.Client{Transport: r}}
	defer s.Close()
	subscribe(t, s, `{"name":"all","url":"https://example.com","authorization":{"_type":"NoAuth"},"events":[`+conversationEvents+`]}`)
	traffic := dixatest.NewTraffic(s, config)
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	traffic.Run(ctx)
	flush(t, s)
	return s, r.all()
}

func TestTrafficHoldsWholeLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, posts := run(t, nil, dixatest.TrafficConfig{Seed: 1, Speed: 10}, 5*time.Minute)
		seen := map[string]int{}
		for _, p := range posts {
			seen[p.event.Type]++
		}
		for name := range strings.SplitSeq(conversationEvents, ",") {
			if kind := upperSnake(strings.Trim(name, `"`)); seen[kind] == 0 {
				t.Errorf("nothing was %s: %v", kind, seen)
			}
		}
		closed := 0
		begun := decode[lifted](t, array(s.World.Conversations()))
		for _, c := range begun {
			if c.Status == "closed" {
				closed++
			}
		}
		t.Logf("%d conversations, %d closed, %d events: %v", len(begun), closed, len(posts), seen)
		if len(begun) < 30 || len(begun) > 80 || closed < len(begun)/2 {
			t.Errorf("%d conversations began and %d closed", len(begun), closed)
		}
	})
}

func TestNoRecordOfTrafficChangesWithoutAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, posts := run(t, nil, dixatest.TrafficConfig{Seed: 2, Speed: 10, PerHour: 120}, 5*time.Minute)
		last, told := map[int64]post{}, map[string]bool{}
		for _, p := range posts {
			csid := p.event.Data.Conversation.CSID
			if last[csid].event.Timestamp < p.event.Timestamp {
				last[csid] = p
			}
			told[p.event.Data.MessageID] = true
		}
		for _, c := range decode[lifted](t, array(s.World.Conversations())) {
			e := last[number(t, c)].event
			if at := time.UnixMilli(c.UpdatedAt).UTC().Format("2006-01-02T15:04:05.000Z"); e.Timestamp != at || e.Data.Conversation.Status != strings.ToUpper(c.Status) {
				t.Errorf("conversation %s is %s since %s, its last event told %+v", c.ID, c.Status, at, e)
			}
		}
		for _, m := range decode[lifted](t, array(s.World.Messages())) {
			if !told[strings.Trim(string(m.ID), `"`)] {
				t.Errorf("nothing told of message %s", m.ID)
			}
		}
	})
}

func TestEachStepOfTrafficHasATimeOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, posts := run(t, nil, dixatest.TrafficConfig{Seed: 2, Speed: 100, PerHour: 300}, 30*time.Second)
		steps := []string{"CONVERSATION_CREATED", "CONVERSATION_MESSAGE_ADDED", "CONVERSATION_ASSIGNED", "CONVERSATION_TAG_ADDED", "CONVERSATION_RATED"}
		type moment struct {
			csid int64
			at   string
		}
		taken := map[moment]string{}
		for _, p := range posts {
			if e := p.event; slices.Contains(steps, e.Type) {
				at := moment{e.Data.Conversation.CSID, e.Timestamp}
				if other := taken[at]; other != "" {
					t.Errorf("%s and %s are both of %v", other, e.Type, at)
				}
				taken[at] = e.Type
			}
		}
	})
}

func TestEveryMessageOfTrafficIsInTheActivityLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := run(t, nil, dixatest.TrafficConfig{Seed: 2, Speed: 10}, 2*time.Minute)
		logged := map[string]int{}
		for _, a := range decode[struct{ Attributes struct{ MessageID string } }](t, array(s.World.Activities())) {
			logged[a.Attributes.MessageID]++
		}
		for _, m := range decode[lifted](t, array(s.World.Messages())) {
			if id := strings.Trim(string(m.ID), `"`); logged[id] != 1 {
				t.Errorf("message %s is logged %d times", id, logged[id])
			}
		}
	})
}

func number(t *testing.T, c lifted) (csid int64) {
	t.Helper()
	if err := json.Unmarshal(c.ID, &csid); err != nil {
		t.Fatal(err)
	}
	return csid
}

func TestEveryChangeOfTrafficIsOfItsMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now().UnixMilli()
		w, updated := new(dixatest.World), map[int64]int64{}
		r := new(receiver)
		s := &dixatest.Server{World: w, Behaviour: unlimited, Client: &http.Client{Transport: r}}
		s.Behaviour.Webhooks.InFlight = 1
		defer s.Close()
		subscribe(t, s, `{"name":"all","url":"https://example.com","authorization":{"_type":"NoAuth"},"events":[`+conversationEvents+`]}`)
		events := 0
		r.answer = func(p post) (int, string) {
			events++
			csid, now := p.event.Data.Conversation.CSID, time.Now().UnixMilli()
			i := slices.IndexFunc(w.Conversations(), func(c json.RawMessage) bool {
				return number(t, decode[lifted](t, array([]json.RawMessage{c}))[0]) == csid
			})
			c := decode[lifted](t, array(w.Conversations()[i:i+1]))[0]
			if c.UpdatedAt != now || c.UpdatedAt < updated[csid] {
				t.Errorf("at %d conversation %d is of %d, before of %d", now, csid, c.UpdatedAt, updated[csid])
			}
			updated[csid] = c.UpdatedAt
			return 204, ""
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		dixatest.NewTraffic(s, dixatest.TrafficConfig{Seed: 3, Speed: 10}).Run(ctx)
		flush(t, s)
		end := time.Now().UnixMilli()
		newest := map[int64]int64{}
		for _, m := range decode[lifted](t, array(w.Messages())) {
			newest[m.CSID] = max(newest[m.CSID], m.CreatedAt)
		}
		for _, c := range decode[lifted](t, array(w.Conversations())) {
			if c.LastMessage != nil && *c.LastMessage != newest[number(t, c)] || c.LastMessage == nil && newest[number(t, c)] != 0 {
				t.Errorf("the last message of %s is of %d, it says %v", c.ID, newest[number(t, c)], c.LastMessage)
			}
		}
		for _, record := range slices.Concat(w.Conversations(), w.Messages()) {
			for key, at := range timesIn(t, record) {
				if at < began || at > end {
					t.Errorf("%s is %d, outside [%d, %d], in %s", key, at, began, end, record)
				}
			}
		}
		if events < 100 || len(w.Activities()) < events/2 {
			t.Errorf("%d events and %d activities", events, len(w.Activities()))
		}
	})
}

func TestTrafficGoesOnWithTheOrganisationOfAMadeWorld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := dixatest.NewWorld(dixatest.Team{Seed: 4, From: time.Now().AddDate(0, 0, -10), To: time.Now()})
		before, agents := w.Conversations(), join(w.Agents())
		known := map[any]bool{nil: true}
		for _, c := range decode[record](t, array(before)) {
			known[c["queue_id"]], known[c["assignee_id"]], known[c["widget_id"]] = true, true, true
		}
		run(t, w, dixatest.TrafficConfig{Seed: 4, Speed: 10}, 2*time.Minute)
		after := w.Conversations()
		if string(join(after[:len(before)])) != string(join(before)) || string(join(w.Agents())) != string(agents) {
			t.Error("what was there has changed")
		}
		last := number(t, decode[lifted](t, array(before))[len(before)-1])
		fresh := decode[record](t, array(after[len(before):]))
		if len(fresh) < 10 {
			t.Errorf("%d conversations came", len(fresh))
		}
		for _, c := range fresh {
			if c["id"].(float64) <= float64(last) || !known[c["queue_id"]] || !known[c["assignee_id"]] || !known[c["widget_id"]] {
				t.Errorf("conversation %v is not of this organisation", c["id"])
			}
		}
	})
}

func TestTrafficBringsItsAgentsAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := run(t, new(dixatest.World), dixatest.TrafficConfig{Speed: 10}, time.Minute)
		agents := map[any]bool{nil: true}
		for _, a := range decode[record](t, array(s.World.Agents())) {
			agents[a["id"]] = true
		}
		for _, c := range decode[record](t, array(s.World.Conversations())) {
			if !agents[c["assignee_id"]] {
				t.Errorf("nobody knows the assignee of %v", c["id"])
			}
		}
		if len(agents) < 5 {
			t.Errorf("%d agents", len(agents))
		}
	})
}

func TestSpeedAndDensityMultiply(t *testing.T) {
	for _, row := range []struct {
		config dixatest.TrafficConfig
		d      time.Duration
	}{
		{dixatest.TrafficConfig{Seed: 1}, 4 * time.Hour},
		{dixatest.TrafficConfig{Seed: 1, Speed: 8}, 30 * time.Minute},
		{dixatest.TrafficConfig{Seed: 1, Speed: 2, PerHour: 240}, 30 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, posts := run(t, nil, row.config, row.d)
			if n := len(s.World.Conversations()); n < 190 || n > 290 || len(posts) < 8*n || len(posts) > 12*n {
				t.Errorf("%+v begins %d conversations and makes %d events in %v", row.config, n, len(posts), row.d)
			}
		})
	}
}

func TestTrafficComesAtFiveEventsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, posts := run(t, nil, dixatest.TrafficConfig{Seed: 5, Speed: 10, PerHour: 180}, 5*time.Minute)
		late := time.Now().Add(-4 * time.Minute)
		steady := len(slices.DeleteFunc(posts, func(p post) bool { return p.at.Before(late) }))
		if perSecond := float64(steady) / (4 * 60); perSecond < 4.5 || perSecond > 6 {
			t.Errorf("%.2f events a second", perSecond)
		}
	})
}

func TestTrafficOfOneSeedIsOfTheSameKind(t *testing.T) {
	kinds := func(seed uint64) (all []string) {
		synctest.Test(t, func(t *testing.T) {
			_, posts := run(t, nil, dixatest.TrafficConfig{Seed: seed, Speed: 10}, time.Minute)
			for _, p := range posts {
				all = append(all, p.event.Type)
			}
			slices.Sort(all)
		})
		return all
	}
	if one := kinds(1); !slices.Equal(one, kinds(1)) || slices.Equal(one, kinds(2)) {
		t.Error("the seed does not choose")
	}
}
