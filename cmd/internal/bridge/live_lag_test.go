//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestWaitsGrowWhileTheExportIsBehindTheEvent(t *testing.T) {
	for lag, want := range map[time.Duration]string{
		30 * time.Second: "[0s 5s 13s 24s 41s]",
		3 * time.Minute:  "[0s 5s 13s 24s 41s 1m6s 1m44s 2m41s 4m6s]",
	} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			living(t, []string{"conversations", "messages"}, func(l *liveRig) {
				l.dixa.Behaviour.Lag = lag
				_, stop := l.serve(LiveOptions{Every: time.Hour})
				defer stop()
				time.Sleep(time.Minute)
				began := time.Now()
				l.put("conversations", conversation(1, began))
				l.put("messages", fmt.Sprintf(`{"id":"m1","csid":1,"created_at":%d,"direction":"inbound","initial_channel":"email"}`, began.UnixMilli()))
				_, err := l.dixa.Emit(dixatest.Event{Name: "ConversationMessageAdded", CSID: 1, MessageID: "m1"})
				l.must(err)
				l.must(l.dixa.Flush(l.Context()))
				l.drained(10 * time.Minute)
				time.Sleep(10 * time.Minute)
				for endpoint, row := range map[string]string{dixatest.ConversationExport: "conversations 1", dixatest.MessageExport: "messages m1"} {
					var asked []time.Duration
					for _, req := range l.exports(endpoint) {
						if d := req.Time.Sub(began); d >= 0 {
							asked = append(asked, d.Round(time.Second))
						}
					}
					l.equal(endpoint+" asked after", fmt.Sprint(asked), want)
					if len(l.posted[row]) == 0 {
						l.Errorf("%s has not reached Plecto", row)
					}
				}
				l.same("in the end")
			})
		})
	}
}

func TestEverythingArrivesFromAnExportThatIsBehind(t *testing.T) {
	for _, lag := range []time.Duration{30 * time.Second, 3 * time.Minute} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			living(t, Kinds(), func(l *liveRig) {
				l.dixa.Behaviour.Lag = lag
				l.documented(3600)
				const every = 15 * time.Minute
				_, stop := l.serve(LiveOptions{Every: every})
				defer stop()
				l.office(time.Duration(fewer(5))*time.Minute, dixatest.TrafficConfig{Seed: 2, PerHour: 180, Speed: 2})
				l.drained(insistFor + 3*time.Minute)
				conversations, messages := l.waits()
				l.Logf("before a refresh: conversations: %v; messages: %v", conversations, messages)
				time.Sleep(lag + every)
				l.drained(time.Minute)
				l.limited(3600)
				stop()
				l.same("after a refresh")
			})
		})
	}
}
