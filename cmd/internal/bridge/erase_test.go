package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestErasedContentIsNowhereAnyMore(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.plecto.Refuse = func(row map[string]any) string {
			if text, _ := row["Text"].(string); strings.HasPrefix(text, "refuse") {
				return "text: " + text + " is not allowed"
			}
			return ""
		}
		// Many others, so that pages split and merge.
		p.dixa.World = dixatest.NewWorld(dixatest.Team{Seed: 5, From: start, To: start.AddDate(0, 0, 15), ConversationsPerDay: fewer(10)})
		whole := func() { p.fetched(start, start.AddDate(0, 0, 16)) }
		for version := range 3 {
			for n := 1; n <= 3; n++ {
				p.conversation(n, hour(500+version), nil)
				for m := range 4 {
					p.message(n, m, nil)
					p.activity(n, m)
				}
			}
			whole()
		}
		// One that Plecto accepted is refused now, with words that quote it; one that could not be read is set aside.
		p.message(2, 1, map[string]any{"text": "refuse " + p.plant("refused")})
		aside := fmt.Sprintf(`{"id":"broken","created_at":"soon","csid":3,"text":"%s"}`, p.plant("aside"))
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(p.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert, Body: aside})
		if _, err := p.Import(p.Context(), Range{From: start, To: start.AddDate(0, 0, 16)}); !errors.Is(err, ErrAside) {
			p.Errorf("the import: %v", err)
		}
		if _, err := p.Push(p.Context(), PushOptions{}); !errors.Is(err, ErrRejected) {
			p.Errorf("the push: %v", err)
		}
		p.everywhere()

		found, err := p.FindErased(p.Context(), Erasure{CSIDs: []int64{3, 1, 2, 2}})
		p.must(err)
		p.equal("what it is about", counted(found), "3: 3 conversations, 12 messages, 12 activities, 0 aside")
		p.everywhere()
		p.equal("erased", p.erase(Erasure{CSIDs: []int64{3, 1, 2, 2}}),
			"3: 3 conversations, 12 messages, 12 activities, 1 aside; conversations: 3 sent, 0 unchanged, 0 rejected in 1; "+
				"messages: 12 sent, 0 unchanged, 0 rejected in 1; activities: 12 sent, 0 unchanged, 0 rejected in 1")
		p.nowhere("after the erasure")
		p.equal("erased again", p.erase(Erasure{CSIDs: []int64{1, 2, 3}}),
			"3: 3 conversations, 12 messages, 12 activities, 0 aside; conversations: 0 sent, 3 unchanged, 0 rejected in 0; "+
				"messages: 0 sent, 12 unchanged, 0 rejected in 0; activities: 0 sent, 12 unchanged, 0 rejected in 0")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})

		// What is fetched again, or set aside, comes without; what counts stays current.
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(p.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert, Body: aside})
		p.conversation(2, hour(900), map[string]any{"status": "closed", "closed_at": hour(20).UnixMilli(), "tags": []string{"refund", "late"}})
		p.message(2, 9, map[string]any{"direction": "outbound", "author_name": "Ida Holm", "author_email": "ida@example.com"})
		if _, err := p.Import(p.Context(), Range{From: start, To: start.AddDate(0, 0, 16)}); !errors.Is(err, ErrAside) {
			p.Errorf("the import: %v", err)
		}
		pushed, err := p.Push(p.Context(), PushOptions{})
		p.must(err)
		p.nowhere("after it was fetched again")
		for _, reg := range p.plecto.Registrations(pushed[0].Source.UUID) {
			if reg.ExternalID == "2" {
				p.equal("what counts", []any{reg.Fields["Status"], reg.Fields["Tags"], fmt.Sprint(reg.Fields["CSAT score"]), fmt.Sprint(reg.Fields["Messages out"])},
					[]any{"closed", "refund, late", "4", "1"})
			}
		}
		p.equal("differences, then", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestACustomerIsErasedInWhateverCaseAndForGood(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		const email = "Kirsten.Toft@Example.dk"
		p.conversation(100, hour(100), map[string]any{"requester_email": "kirsten.toft@example.dk"})
		p.message(100, 1, nil)
		p.conversation(101, hour(101), map[string]any{"requester_additional_emails": []string{"other@example.com", " KIRSTEN.TOFT@example.dk"}})
		p.message(101, 1, nil)
		p.message(102, 1, map[string]any{"author_email": "kirsten.toft@EXAMPLE.dk"}) // of a conversation that is not there
		p.message(102, 2, nil)
		p.activity(101, 1)
		p.putAny("activities", map[string]any{"id": "log104", "conversationId": 104, "activityTimestamp": hour(104).Format(time.RFC3339), "_type": "FormSubmitted",
			"author": map[string]any{"id": p.plant("id"), "email": "Kirsten.Toft@example.dk"}, "attributes": map[string]any{"answer": p.plant("answer")}})
		hers := len(p.planted)
		p.fetched(hour(90), hour(110))
		p.everywhere()
		others := &planter{rig: p.rig, name: "other"}
		others.conversation(103, hour(103), nil)
		others.message(103, 1, map[string]any{"direction": "outbound", "to": email})
		p.fetched(hour(90), hour(110))
		p.equal("erased", p.erase(Erasure{Requester: "  " + email}),
			"4: 2 conversations, 4 messages, 2 activities, 0 aside; conversations: 2 sent, 0 unchanged, 0 rejected in 1; "+
				"messages: 4 sent, 0 unchanged, 0 rejected in 1; activities: 2 sent, 0 unchanged, 0 rejected in 1")
		p.nowhere("after the erasure")
		others.everywhere()
		p.fetched(hour(90), hour(110))
		p.nowhere("after the same range")

		// Older ranges, and those that have been there and come later.
		p.conversation(20, hour(20), map[string]any{"requester_email": "KIRSTEN.toft@example.dk"})
		p.message(20, 1, nil)
		p.conversation(21, hour(21), map[string]any{"requester_additional_emails": []string{"Kirsten.Toft@example.dk"}})
		p.message(21, 1, nil)
		p.conversation(102, hour(102), map[string]any{"requester_email": email})
		p.fetched(start, hour(110))
		p.nowhere("after an older range")
		if len(p.planted) <= hers {
			p.Error("nothing was planted for the older range")
		}
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
		// Of what she writes from then on nothing was asked to be erased.
		again := &planter{rig: p.rig, name: "again"}
		n := int(time.Since(start)/time.Hour) + 5
		time.Sleep(10 * time.Hour)
		again.conversation(n, hour(n), map[string]any{"requester_email": email})
		again.message(n, 1, nil)
		p.fetched(hour(n-10), hour(n+10))
		again.everywhere()
	})
}

func TestAConversationThatComesLaterComesWithoutContent(t *testing.T) {
	planting(t, func(p *planter) {
		p.equal("erased", p.erase(Erasure{CSIDs: []int64{50, 51}}),
			"2: 0 conversations, 0 messages, 0 activities, 0 aside; conversations: 0 sent, 0 unchanged, 0 rejected in 0; "+
				"messages: 0 sent, 0 unchanged, 0 rejected in 0; activities: 0 sent, 0 unchanged, 0 rejected in 0")
		p.conversation(50, hour(50), nil)
		p.message(50, 1, nil)
		p.message(51, 1, nil)
		p.fetched(start, hour(100))
		p.nowhere("after it has come")
		p.equal("in the cache", []int{len(p.records("conversations")), len(p.records("messages"))}, []int{1, 2})
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestAnErasureThatWasCutOffIsFinishedByTheSameCall(t *testing.T) {
	t.Parallel()
	const email = "kirsten.toft@example.dk"
	erasures := map[string]Erasure{"conversations": {}, "a customer": {Requester: email}}
	for n := 1; n <= 130; n++ {
		e := erasures["conversations"]
		e.CSIDs = append(e.CSIDs, int64(n))
		erasures["conversations"] = e
	}
	for name, e := range erasures {
		for _, request := range []int{1, 2, 3}[:fewer(3)] {
			t.Run(fmt.Sprintf("%s, at request %d", name, request), func(t *testing.T) {
				planting(t, func(p *planter) {
					for n := 1; n <= 130; n++ {
						p.conversation(n, hour(n), map[string]any{"requester_email": email})
						p.message(n, 1, nil)
					}
					p.fetched(start, hour(200))
					lift := p.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(p.posts()) + request, Count: -1, Status: 503})
					done, err := p.Erase(p.Context(), e)
					if !Temporary(err) {
						p.Errorf("the error is %v", err)
					}
					p.equal("conversations", len(done.CSIDs), 130)
					if here, there := p.found(); len(here) > 0 || len(there) == 0 {
						p.Errorf("while Plecto is down there are %d texts in the cache's folder, and %d in Plecto", len(here), len(there))
					}
					lift()
					before := len(p.posts())
					done, err = p.Erase(p.Context(), e)
					p.must(err)
					p.nowhere("when it is done")
					sent, left := done.Sources[0].Sent+done.Sources[1].Sent, 260-100*min(request-1, 1)-30*max(request-2, 0)
					p.equal("sent by the second call", []int{sent, len(p.posts()) - before}, []int{left, 4 - (request - 1)})
					p.equal("of", []int{len(done.CSIDs), done.Records["conversations"], done.Records["messages"]}, []int{130, 130, 130})
				})
			})
		}
	}
}

func TestAnErasureThatWasKilledIsFinishedByTheSameCallOrTheNextSync(t *testing.T) {
	t.Parallel()
	const email = "kirsten.toft@example.dk"
	for _, e := range []Erasure{{CSIDs: []int64{1, 2}}, {Requester: email}}[:fewer(2)] {
		for name, killed := range map[string]func(*planter){
			"after it was remembered": func(p *planter) {},
			"in the middle of the scrubbing": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1}, scrub)
				p.must(err)
			},
			"before the file was wiped": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1, 2}, scrub)
				p.must(err)
			},
			"before Plecto was asked": func(p *planter) {
				_, err := p.Store.Scrub(p.Context(), []int64{1, 2}, scrub)
				p.must(err)
				p.must(p.Store.Wipe(p.Context()))
			},
		} {
			for _, next := range []string{"erase", "sync"} {
				t.Run(fmt.Sprintf("%v, %s, then %s", e, name, next), func(t *testing.T) {
					planting(t, func(p *planter) {
						for n := 1; n <= 2; n++ {
							p.conversation(n, hour(n), map[string]any{"requester_email": email})
							p.message(n, 1, nil)
						}
						p.fetched(start, hour(200))
						_, err := p.remember(p.Context(), e)
						p.must(err)
						killed(p)
						if next == "erase" {
							p.erase(e)
						} else {
							_, _, err := p.Sync(p.Context(), PushOptions{})
							p.must(err)
						}
						p.nowhere("when it is done")
					})
				})
			}
		}
	}
}

func TestAnErasureSendsToPlectoWhatTheNextPushWouldHave(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		messages := p.plecto.DataSources()[1].UUID
		p.message(1, 2, nil) // never sent
		_, err := p.Import(p.Context(), Range{From: start, To: hour(10)})
		p.must(err)
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("after the erasure")
		p.equal("messages in Plecto", len(p.plecto.Registrations(messages)), 2)
	})
}

func TestAnErasureOverwritesWhatARepairHasMadePending(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		messages := p.plecto.DataSources()[1].UUID
		p.plecto.Edit(messages, messageID(1, 1), map[string]any{"Direction": "sideways"})
		p.equal("repaired", p.verify(VerifyOptions{Repair: true}).Repaired, 1)
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("after the erasure")
	})
}

func TestAnErasureThatPlectoRefusesIsNotDone(t *testing.T) {
	planting(t, func(p *planter) {
		for n := 1; n <= 3; n++ {
			p.conversation(n, hour(n), nil)
		}
		p.fetched(start, hour(10))
		p.plecto.Refuse = func(row map[string]any) string {
			if row["external_id"] == "2" {
				return "it is locked"
			}
			return ""
		}
		for range 2 {
			done, err := p.Erase(p.Context(), Erasure{CSIDs: []int64{1, 2, 3}})
			if !errors.Is(err, ErrRejected) {
				p.Errorf("the error is %v", err)
			}
			p.equal("rejected", done.Sources[0].Rejected, 1)
		}
		p.plecto.Refuse = nil
		p.erase(Erasure{CSIDs: []int64{1, 2, 3}})
		p.nowhere("once it is accepted")
	})
}

func TestAStoppedErasureHasForgottenNothing(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		for n := 1; n <= 130; n++ {
			p.conversation(n, hour(n), nil)
		}
		p.fetched(start, hour(200))
		var e Erasure
		for n := range 130 {
			e.CSIDs = append(e.CSIDs, int64(n+1))
		}
		p.plecto.Behaviour.Latency = time.Second
		ctx, cancel := context.WithCancelCause(p.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(ErrOutOfTime) })
		if _, err := p.Erase(ctx, e); err == nil {
			p.Error("it says that all is erased")
		}
		_, there := p.found()
		if len(there) == 0 {
			p.Error("it was not stopped in time")
		}
		done, err := p.Erase(p.Context(), e)
		p.must(err)
		p.equal("sent by the second call", done.Sources[0].Sent, 30)
		p.nowhere("when it is done")
		if slices.Contains(done.CSIDs, 0) {
			p.Error("it erased what nobody asked for")
		}
	})
}
