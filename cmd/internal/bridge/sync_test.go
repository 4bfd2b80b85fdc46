package bridge

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// synced makes a sync that is to succeed.
func (r *rig) synced() ([]Imported, []Pushed) {
	r.Helper()
	imported, pushed, err := r.Sync(r.Context(), PushOptions{})
	r.must(err)
	return imported, pushed
}

// query is what the last export of an endpoint was asked for.
func (r *rig) query(endpoint string) string {
	r.Helper()
	all := r.exports(endpoint)
	return all[len(all)-1].Query
}

func bounds(by string, from, to time.Time) string {
	return fmt.Sprintf("%s_after=%d&%[1]s_before=%[3]d", by, from.UnixMilli()-1, to.UnixMilli()+1)
}

func TestTheFirstSyncAsksForThirtyDaysByCreation(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("conversations")
		r.link("messages")
		now := time.Now()
		r.synced()
		for _, endpoint := range []string{dixatest.ConversationExport, dixatest.MessageExport} {
			r.equal(endpoint, r.query(endpoint), bounds("created", now.Add(-30*day), now))
		}
	})
}

func TestALaterSyncAsksFromWhereTheLastStoodLessAnHour(t *testing.T) {
	for name, first := range map[string]func(*rig){
		"after a sync":                func(r *rig) { r.synced() },
		"after an import of long ago": func(r *rig) { r.imported(Range{From: start, To: start.Add(day)}) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.link("conversations")
				r.link("messages")
				last := time.Now()
				first(r)
				time.Sleep(10 * time.Minute)
				now := time.Now()
				r.synced()
				r.equal("conversations", r.query(dixatest.ConversationExport), bounds("updated", last.Add(-time.Hour), now))
				r.equal("messages", r.query(dixatest.MessageExport), bounds("created", last.Add(-time.Hour), now))
			})
		})
	}
}

func TestASyncAsksOnlyForKindsThatHaveASource(t *testing.T) {
	bubble(t, func(r *rig) {
		if _, _, err := r.Sync(r.Context(), PushOptions{}); !errors.Is(err, ErrNoSource) {
			r.Errorf("without a source: %v", err)
		}
		r.link("messages")
		r.synced()
		r.equal("exports of conversations", len(r.exports(dixatest.ConversationExport)), 0)
	})
}

func TestASyncBringsWhatChangedIntoPlecto(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("conversations")
		r.put("conversations", conversation(99*24, hour(99*24)), conversation(1, hour(1)))
		_, pushed := r.synced()
		r.equal("sent at first: what was created lately", pushed[0].Sent, 1)
		time.Sleep(day)
		r.put("conversations", conversation(1, time.Now())) // an old one is changed
		time.Sleep(time.Minute)
		imported, pushed := r.synced()
		r.equal("imported and sent then", []int{imported[0].Changed, pushed[0].Sent}, []int{1, 1})
		r.equal("registrations", len(r.plecto.Registrations(src.UUID)), 2)
	})
}

func TestRowsThatShowUpLateAreNotLost(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.dixa.Behaviour.Lag = 15 * time.Minute
		c, m := r.link("conversations"), r.link("messages")
		r.synced()
		const minutes = 180
		for n := range minutes {
			time.Sleep(time.Minute)
			r.put("messages", fmt.Sprintf(`{"id":"late%d","csid":%d,"created_at":%d}`, n, n, time.Now().UnixMilli()))
			r.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d}`, 1000+n, hour(1).UnixMilli(), time.Now().UnixMilli()))
			if n%5 == 0 {
				r.synced()
			}
		}
		time.Sleep(15*time.Minute + time.Second)
		r.synced()
		r.equal("registrations of conversations", len(r.plecto.Registrations(c.UUID)), minutes)
		r.equal("registrations of messages", len(r.plecto.Registrations(m.UUID)), minutes)
	})
}

func TestTroubleWithDixaDoesNotKeepWhatIsCachedFromPlecto(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.cache(messages(0, 5)...)
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Count: -1, Do: dixatest.Answer, Status: 503})
		_, pushed, err := r.Sync(r.Context(), PushOptions{})
		if !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.equal("sent", pushed[0].Sent, 5)
		// What was not fetched, the next sync asks for.
		r.put("messages", message(100*24, ""))
		r.dixa.Heal()
		imported, _ := r.synced()
		r.equal("changed", imported[0].Changed, 1)
	})
}
