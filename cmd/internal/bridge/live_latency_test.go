//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// busy are five events a second.
var busy = dixatest.TrafficConfig{Seed: 1, PerHour: 1800}

func TestEventsReachPlectoWithinSecondsAlsoBesideABackfill(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		const perHour = 1800
		l.documented(perHour)
		pending := fewer(40_000)
		bodies := make([]string, pending)
		for n := range bodies {
			at := start.Add(time.Duration(n) * time.Second).UnixMilli()
			bodies[n] = fmt.Sprintf(`{"id":"old%d","csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email"}`, n, 1000+n/10, at)
		}
		l.cache(bodies...)
		_, stop := l.serve(LiveOptions{})
		defer stop()
		other, done := l.beside()
		defer done()
		ctx, cancel := context.WithCancel(l.Context())
		defer cancel()
		backfill := make(chan error, 1)
		go func() {
			_, err := other.Push(ctx, PushOptions{NoMembers: true})
			backfill <- err
		}()
		l.office(time.Duration(fewer(20))*time.Minute, busy)
		l.drained(time.Minute)
		cancel()
		if err := <-backfill; !errors.Is(err, context.Canceled) {
			l.Errorf("the backfill ended with %v: it was to run all the time", err)
		}
		// The receiver sends of it too, from the same share.
		sent := 0
		for key := range l.posted {
			if strings.HasPrefix(key, "messages old") {
				sent++
			}
		}
		if sent == 0 || sent == pending {
			l.Errorf("of a backfill of %d registrations %d were sent", pending, sent)
		}
		conversations, messages := l.waits()
		l.Logf("conversations: %v; messages: %v; the backfill sent %d", conversations, messages, sent)
		if conversations.most(95) > 12*time.Second || messages.most(95) > 30*time.Second {
			l.Errorf("conversations: %v; messages: %v", conversations, messages)
		}
		l.limited(perHour)
	})
}

func TestEventsReachPlectoWithinSecondsWithTheDocumentedLimits(t *testing.T) {
	t.Parallel()
	living(t, Kinds(), func(l *liveRig) {
		l.documented(3600)
		_, stop := l.serve(LiveOptions{})
		defer stop()
		l.office(time.Duration(fewer(10))*time.Minute, busy)
		l.drained(time.Minute)
		conversations, messages := l.waits()
		l.Logf("conversations: %v; messages: %v", conversations, messages)
		if conversations.most(95) > 12*time.Second || messages.most(95) > 30*time.Second {
			l.Errorf("conversations: %v; messages: %v", conversations, messages)
		}
		l.limited(3600)
	})
}

func TestEventsReachPlectoWithinTwoSecondsWithoutLimits(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		_, stop := l.serve(LiveOptions{})
		defer stop()
		l.office(time.Duration(fewer(5))*time.Minute, busy)
		l.drained(time.Minute)
		conversations, messages := l.waits()
		l.Logf("conversations: %v; messages: %v", conversations, messages)
		if conversations.most(95) > 2*time.Second || messages.most(95) > 2*time.Second {
			l.Errorf("conversations: %v; messages: %v", conversations, messages)
		}
		time.Sleep(againAfter + 5*time.Second)
		l.drained(time.Minute)
		l.same("after the traffic")
	})
}
