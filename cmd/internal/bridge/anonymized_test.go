package bridge

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// anonymized is conversation n as Dixa has it after it has removed the content.
func anonymized(n int, at time.Time) map[string]any {
	return map[string]any{
		"id": n, "created_at": hour(n).UnixMilli(), "updated_at": at.UnixMilli(), "anonymized_at": at.UnixMilli(), "status": "closed",
		"initial_channel": "email", "requester_name": "Anonymized", "requester_email": nil,
	}
}

func TestWhatDixaAnonymizesIsErasedInOneCycle(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		now := int(time.Since(start) / time.Hour)
		for n := now - 20; n < now-10; n++ {
			p.conversation(n, hour(n), nil)
			p.message(n, 1, nil)
			p.message(n, 2, nil)
			p.activity(n, 3)
		}
		sync := func() {
			p.Helper()
			_, _, err := p.Sync(p.Context(), PushOptions{})
			p.must(err)
		}
		sync()
		p.everywhere()
		time.Sleep(2 * time.Hour)
		for n := now - 20; n < now-10; n++ {
			p.putAny("conversations", anonymized(n, time.Now()))
		}
		time.Sleep(time.Hour)
		before := len(p.posts())
		sync()
		p.nowhere("after the next sync")
		p.equal("requests with registrations", len(p.posts())-before, 3)
		p.fetched(hour(now-30), hour(now))
		p.nowhere("after the range was fetched again")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestAnImportAloneErasesWhatDixaAnonymizes(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		p.putAny("conversations", anonymized(1, hour(2)))
		_, err := p.Import(p.Context(), Range{From: start, To: hour(10)})
		p.must(err)
		if here, _ := p.found(); len(here) > 0 {
			p.Errorf("before the push there still are %v", here)
		}
	})
}

func TestMessagesThatComeBeforeTheirAnonymizedConversationAreErased(t *testing.T) {
	planting(t, func(p *planter) {
		p.putAny("conversations", anonymized(1, hour(2)))
		p.message(1, 1, nil)
		p.message(1, 2, nil)
		release := make(chan struct{})
		p.dixa.Fault(dixatest.Fault{Endpoint: dixatest.ConversationExport, Request: 1, Do: dixatest.Stall, Bytes: -1, Release: release})
		go func() {
			time.Sleep(time.Second) // the messages are all in the cache
			p.everyMessage(2)
			close(release)
		}()
		p.fetched(start, hour(10))
		p.nowhere("after the import")
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}

func TestAnImportKilledBeforeItErasedIsFinishedByTheNextPushAndImport(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(10))
		// The conversation is saved, and what follows did not happen.
		body, err := json.Marshal(anonymized(1, hour(2)))
		p.must(err)
		run, left, err := p.start(p.Context(), store.Run{Command: "import", Kinds: []string{"conversations"}, Starts: start, Ends: hour(10), Began: time.Now()},
			[]store.Window{{Kind: "conversations", By: "created", Starts: start, Ends: hour(10)}})
		p.must(err)
		request, _, err := p.Store.Spend(p.Context(), store.Budget{Name: "conversation exports"})
		p.must(err)
		record := recordOf(p.T, "conversations", string(body))
		record.UpdatedAt = hour(2).UnixMilli()
		record.Body, err = scrub(record)
		p.must(err)
		batches := make(chan store.Batch, 1)
		batches <- store.Batch{Records: []store.Record{record}, Erase: []int64{1}, Whole: true}
		close(batches)
		_, err = p.Store.Save(p.Context(), store.Answer{Window: left[0], Request: request, Asked: time.Now()}, batches)
		p.must(err)
		p.must(p.Store.FinishRun(p.Context(), run))
		p.everywhereBut(0)
		_, err = p.Push(p.Context(), PushOptions{})
		p.must(err)
		if _, there := p.found(); len(there) > 0 {
			p.Errorf("after the push in Plecto there still are %v", there)
		}
		_, err = p.Import(p.Context(), Range{From: hour(50), To: hour(51)})
		p.must(err)
		p.nowhere("after the next import")
	})
}
