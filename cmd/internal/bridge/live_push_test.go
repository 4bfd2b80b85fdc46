//go:build !race

// Simulated hours take the race detector many minutes: it sees the same code at work in the other tests of the receiver.

package bridge

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// spoken is a conversation of which something is told up to a last message, which may lie ahead of the messages there are.
func spoken(csid int, created, last time.Time) string {
	return fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"last_message_created_at":%d,"status":"open","direction":"inbound","initial_channel":"email"}`,
		csid, created.UnixMilli(), last.UnixMilli(), last.UnixMilli())
}

// said is a message of a customer.
func said(id string, csid int, at time.Time) string {
	return fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email"}`, id, csid, at.UnixMilli())
}

// messagesIn is what Plecto has of a conversation's messages, in its first data source.
func (r *rig) messagesIn(csid int) string {
	for _, reg := range r.plecto.Registrations(r.plecto.DataSources()[0].UUID) {
		if reg.ExternalID == fmt.Sprint(csid) {
			return fmt.Sprint(reg.Fields["Messages in"])
		}
	}
	return "no row"
}

func TestALongPushBlanksNoFiguresOfWhatComesMeanwhile(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		const rows = 1200
		for n := range rows {
			l.put("conversations", conversation(n+1, hour(n+1)))
		}
		l.Limits.PlectoRequestsPerHour = 30
		_, err := l.Import(l.Context(), Range{From: start, To: time.Now(), Open: true, Kinds: []string{"conversations", "messages"}})
		l.must(err)
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(9 * time.Minute)
		now := time.Now()
		l.put("conversations", spoken(5000, now, now))
		l.put("messages", said("m1", 5000, now))
		e := event(messageAdded, 5000)
		e.MessageID, e.MessageAt = "m1", now
		l.tell(live, e)
		l.drained(6 * time.Minute)
		l.equal("messages when it was there", l.messagesIn(5000), "1")
		if n := len(l.registrations()); n >= rows {
			l.Fatalf("the push is over already: %d rows", n)
		}
		time.Sleep(45 * time.Minute)
		l.equal("rows in the end", len(l.registrations()), rows+1)
		l.equal("messages in the end", l.messagesIn(5000), "1")
		posts := l.posted["conversations 5000"]
		if len(posts) == 2 && posts[0].messages == "<nil>" { // fetched before its message
			posts = posts[1:]
		}
		l.equal("how often it was sent with its message", len(posts), 1)
	})
}

func TestFiguresAreToldAtTheEdgeOfWhatIsKeptCurrentAlone(t *testing.T) {
	for name, row := range map[string]struct {
		closed bool          // the range ends on a day long ago
		ahead  time.Duration // of the last message that the conversation tells of
		want   string
	}{
		"a range that ended":                 {true, 4 * time.Minute, "<nil>"},
		"a range that ended, of all it has":  {true, -time.Minute, "1"},
		"up to the present":                  {false, 4 * time.Minute, "1"},
		"up to the present, and beyond that": {false, 6 * time.Minute, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(r *rig) {
				r.link("conversations")
				to := time.Now()
				if row.closed {
					to = start.Add(10 * day)
				}
				r.put("conversations", spoken(1, to.Add(-time.Hour), to.Add(row.ahead)))
				r.put("messages", said("m1", 1, to.Add(-time.Hour)))
				if row.ahead > 0 {
					r.put("messages", said("m2", 1, to.Add(row.ahead)))
				}
				_, err := r.Import(r.Context(), Range{From: start, To: to, Open: !row.closed, Kinds: []string{"conversations", "messages"}})
				r.must(err)
				_, err = r.Push(r.Context(), PushOptions{})
				r.must(err)
				r.equal("messages in the cache", len(r.records("messages")), 1)
				r.equal("messages that Plecto is told of", r.messagesIn(1), row.want)
			})
		})
	}
}

func TestWhatPlectoDoesNotTellOrTakeIsAskedForOnceAnHour(t *testing.T) {
	for name, row := range map[string]struct {
		prepare  func(l *liveRig)
		endpoint string
		words    string
	}{
		"fields that the data source lacks": {func(l *liveRig) {
			l.link("conversations", plectotest.Field{Name: "Status"}, plectotest.Field{Name: "Channel"}, plectotest.Field{Name: "Updated at"})
		}, "datasources", "lacks fields"},
		"a refused member": {func(l *liveRig) {
			l.link("conversations")
			l.plecto.Behaviour.ForbidMembers = true
			l.must(l.dixa.World.Put("agents", []byte(`{"id":"a1","displayName":"A One","email":"a1@example.com"}`)))
		}, "members", "Plecto is told of no agents"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			living(t, nil, func(l *liveRig) {
				row.prepare(l)
				warned := l.warned()
				live, stop := l.serve(LiveOptions{Every: 24 * time.Hour})
				defer stop()
				asked := func() (n int) {
					for _, req := range l.plecto.Requests() {
						if req.Endpoint == row.endpoint {
							n++
						}
					}
					return n
				}
				time.Sleep(time.Minute)
				rounds := fewer(30)
				for hours := range 2 {
					before, posts := asked(), len(l.posts())
					warned.Reset()
					for n := range rounds {
						now := time.Now()
						l.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"open","initial_channel":"email",
							"assignee_id":"a1","assignee_name":"A One","assignee_email":"a1@example.com"}`, 1+n, now.UnixMilli(), now.UnixMilli()))
						l.tell(live, event("CONVERSATION_CLOSED", int64(1+n)))
						time.Sleep(10 * time.Second)
					}
					l.drained(time.Minute)
					l.equal("posts", len(l.posts())-posts, rounds)
					l.equal(fmt.Sprint("asked in hour ", hours), asked()-before, 1)
					l.equal(fmt.Sprint("told in hour ", hours), strings.Count(warned.String(), row.words), 1)
					if lines := strings.Count(warned.String(), "\n"); lines > 2 { // the other is of figures that stay empty
						l.Errorf("hour %d has %d lines: %s", hours, lines, strings.TrimSpace(warned.String()))
					}
					time.Sleep(asksAgain)
				}
			})
		})
	}
}

func TestTwoPushesBesideEachOtherUseAsManyRequestsAsOne(t *testing.T) {
	t.Parallel()
	takes := func(pushers int) (took time.Duration) {
		living(t, []string{"conversations"}, func(l *liveRig) {
			for n := range 600 {
				l.put("conversations", conversation(n+1, hour(n+1)))
			}
			_, err := l.Import(l.Context(), Range{From: start, To: time.Now(), Open: true, Kinds: []string{"conversations"}})
			l.must(err)
			l.Limits.PlectoRequestsPerHour = 3
			l.plecto.Behaviour.Latency = time.Second // so that the two meet
			other, done := l.beside()
			defer done()
			began := time.Now()
			var all sync.WaitGroup
			for _, b := range []*Bridge{l.Bridge, other}[:pushers] {
				all.Go(func() {
					if _, err := b.Push(l.Context(), PushOptions{}); err != nil {
						l.Errorf("a push ended with %v", err)
					}
				})
			}
			all.Wait()
			posts := l.posts()
			took = posts[len(posts)-1].Time.Sub(began)
			l.equal(fmt.Sprint("requests of ", pushers), len(posts), 6)
			l.equal(fmt.Sprint("rows of ", pushers), len(l.registrations()), 600)
		})
		return took
	}
	if one, two := takes(1), takes(2); two > one+time.Minute {
		t.Errorf("one takes %v, and two take %v", one, two)
	}
}

func TestASourceThatIsRefusedForAMinuteWaitsAloneAndCatchesUp(t *testing.T) {
	t.Parallel()
	living(t, []string{"conversations", "messages"}, func(l *liveRig) {
		refused, accept := l.plecto.DataSources()[0].UUID, l.plecto.Refuse
		var refusing atomic.Bool
		l.plecto.Refuse = func(row map[string]any) string {
			if refusing.Load() && row["data_source"] == refused {
				return "nope"
			}
			return accept(row)
		}
		live, stop := l.serve(LiveOptions{Every: time.Hour})
		defer stop()
		time.Sleep(time.Minute)
		happen := func(from, to int) {
			for n := from; n < to; n++ {
				e := l.change(n)
				e.Type, e.MessageID, e.MessageAt = messageAdded, fmt.Sprint("m", n), e.At
				l.put("messages", said(e.MessageID, n, e.At))
				l.tell(live, e)
			}
		}
		happen(1, 2)
		l.gets(1, "open", time.Second)
		refusing.Store(true)
		began := time.Now()
		happen(2, 8) // while the next request waits its turn: all come at once
		time.Sleep(5 * time.Second)
		l.equal("messages of the other source", len(l.plecto.Registrations(l.plecto.DataSources()[1].UUID)), 7)
		time.Sleep(50 * time.Second)
		now, err := l.Store.Live(l.Context())
		l.must(err)
		l.equal("what waits", now.Unpushed, 6)
		if lag := time.Since(now.OldestUnpushed) - time.Since(began); lag.Abs() > time.Second {
			l.Errorf("they wait since %v, and were told of at %v", now.OldestUnpushed, began)
		}
		time.Sleep(time.Until(began.Add(time.Minute)))
		refusing.Store(false)
		if took := l.drained(time.Minute); took > 2*firstRest {
			l.Errorf("they were there %v later", took)
		}
		for n := 2; n < 8; n++ {
			l.gets(n, "open", time.Second)
		}
		happen(8, 9)
		l.gets(8, "open", 2*time.Second)
		l.same("in the end")
	})
}

func TestARowRefusedAloneIsNotRejectedWhereAnotherProcessDeliveredANewer(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.plecto.Refuse = func(row map[string]any) string {
			if row["external_id"] == "m0001" && row["Direction"] == "inbound" {
				return "bad"
			}
			return ""
		}
		r.cache(messages(1, 4)...)
		// All are refused, then the first alone, the last is accepted, and the one left has to be tried twice. Meanwhile the
		// first is another.
		const last = 4
		r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: last, Status: 503})
		other := *r.Bridge
		var all sync.WaitGroup
		defer all.Wait()
		all.Go(func() {
			r.comes(r.plecto.Reached("registrations", last))
			time.Sleep(firstWait / 2)
			r.cache(message(1, `,"direction":"outbound"`))
			if _, err := other.Push(r.Context(), PushOptions{}); err != nil {
				r.Errorf("the other ended with %v", err)
			}
		})
		_, err := r.Push(r.Context(), PushOptions{})
		if errors.Is(err, ErrRejected) {
			rejections, _ := r.Rejections(r.Context())
			r.Fatalf("rejected: %v", rejections)
		}
		r.must(err)
		all.Wait()
		for _, reg := range r.plecto.Registrations(src.UUID) {
			r.equal("the direction of "+reg.ExternalID, reg.Fields["Direction"], map[bool]string{true: "outbound", false: "inbound"}[reg.ExternalID == "m0001"])
		}
		posts := len(r.posts())
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.equal("requests of another push", len(r.posts())-posts, 0)
	})
}
