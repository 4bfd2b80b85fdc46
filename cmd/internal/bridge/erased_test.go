package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// aside puts an element that cannot be read into the next export of some kind, and imports that.
func (p *planter) aside(endpoint, element string) {
	p.Helper()
	p.dixa.Fault(dixatest.Fault{Endpoint: endpoint, Request: len(p.exports(endpoint)) + 1, Do: dixatest.Insert, Body: element})
	if _, err := p.Import(p.Context(), Range{From: start, To: hour(100)}); !errors.Is(err, ErrAside) {
		p.Errorf("the import: %v", err)
	}
}

// answer are members of an agent's message.
func answer() map[string]any {
	return map[string]any{"direction": "outbound", "author_name": "Ida Holm", "author_email": "ida@example.com"}
}

func TestWhatIsSetAsideIsErasedWithItsCustomer(t *testing.T) {
	planting(t, func(p *planter) {
		p.message(7, 1, answer()) // of a conversation that is known from what is set aside alone
		element := fmt.Sprintf(`{"id":7,"created_at":%d,"closed_at":"yesterday","requester_email":"J\u00d8RGEN\u0040example.dk","subject":"%s"}`,
			hour(1).UnixMilli(), p.plant("subject"))
		p.aside(dixatest.ConversationExport, element)
		other := &planter{rig: p.rig, name: "other"}
		other.aside(dixatest.ConversationExport, fmt.Sprintf(`{"id":8,"created_at":%d,"closed_at":"yesterday","requester_email":"ida@example.dk","subject":"%s","asked":{"id":7}}`,
			hour(1).UnixMilli(), other.plant("subject")))
		e := Erasure{Requester: "jørgen@example.dk"}
		for range 2 { // the second time nothing but what is remembered tells
			done, err := p.Erase(p.Context(), e)
			p.must(err)
			p.equal("conversations", done.CSIDs, []int64{7})
			p.nowhere("after the erasure")
		}
		if here, _ := other.found(); len(here) != 1 {
			p.Error("another's element is gone, which only names the conversation within")
		}
		p.aside(dixatest.ConversationExport, element)
		p.aside(dixatest.MessageExport, fmt.Sprintf(`{"id":"m","created_at":"soon","text":"%s, says <J\u00d8RGEN@example.dk>."}`, p.plant("text")))
		p.nowhere("after it came again")
	})
}

func TestWhatAnErasedCustomerWroteComesWithoutContentThoughTheirConversationIsNotKnown(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.erase(Erasure{Requester: "kirsten@example.dk"})
		p.message(1, 1, map[string]any{"author_email": "Kirsten@example.dk"})
		p.putAny("activities", map[string]any{"id": "log1", "conversationId": 1, "activityTimestamp": hour(1).Format(time.RFC3339), "_type": "FormSubmitted",
			"author": map[string]any{"email": "KIRSTEN@example.dk", "name": p.plant("name")}, "attributes": map[string]any{"answer": p.plant("answer")}})
		others := &planter{rig: p.rig, name: "other"}
		others.message(1, 2, map[string]any{"author_email": "jens@example.dk"})
		others.message(1, 3, map[string]any{"author_email": "kirsten@example.dk", "direction": "outbound"}) // as an agent
		for range 2 {
			p.fetched(start, hour(10))
			p.nowhere("after they came")
			others.everywhere()
		}
		p.equal("differences", p.differences(VerifyOptions{Dixa: true}), map[string]string{})
		again := &planter{rig: p.rig, name: "again"}
		n := int(time.Since(start)/time.Hour) + 5
		time.Sleep(10 * time.Hour)
		again.message(n, 1, map[string]any{"author_email": "kirsten@example.dk"})
		p.fetched(hour(n-1), hour(n+1))
		again.everywhere()
	})
}

func TestAConversationThatNamesNoCustomerIsErasedAsThatOfItsAuthor(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), map[string]any{"requester_email": " "})
		p.message(1, 1, map[string]any{"author_email": "Kirsten@example.dk"})
		p.message(1, 2, answer())
		p.fetched(start, hour(10))
		done, err := p.Erase(p.Context(), Erasure{Requester: "kirsten@example.dk"})
		p.must(err)
		p.equal("conversations", done.CSIDs, []int64{1})
		p.nowhere("after the erasure")
	})
}

func TestWhatPlectoStoredWithoutSayingSoIsErasedThere(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		_, err := p.Import(p.Context(), Range{From: start, To: hour(10)})
		p.must(err)
		p.Patience = 0
		lift := p.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Drop: true, AfterStoring: true, Count: -1})
		if _, err := p.Push(p.Context(), PushOptions{}); err == nil {
			p.Error("the push went well")
		}
		lift()
		p.everywhere()
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("after the erasure")
	})
}

func TestAnErasureTellsPlectoOfAnAgentBeforeTheirFirstRegistration(t *testing.T) {
	for _, without := range []bool{false, true} {
		bubble(t, func(r *rig) {
			r.link("conversations")
			r.put("conversations", fmt.Sprintf(`{"id":1,"created_at":%d,"updated_at":%d,"assignee_id":"a1","assignee_name":"Ida Holm","assignee_email":"ida@example.com"}`,
				hour(1).UnixMilli(), hour(1).UnixMilli()))
			_, err := r.Import(r.Context(), Range{From: start, To: hour(10)})
			r.must(err)
			done, err := r.Erase(r.Context(), Erasure{CSIDs: []int64{1}, NoMembers: without})
			r.must(err)
			r.equal("sent and members", []int{done.Sources[0].Sent, done.Sources[0].Members}, map[bool][]int{false: {1, 1}, true: {1, 0}}[without])
		})
	}
}

func TestAnErasureDoesNotReachAnotherAccount(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.cache(messages(0, 3)...)
		r.pushed()
		r.elsewhere("Sales")
		if _, err := r.Erase(r.Context(), Erasure{CSIDs: []int64{1}}); !errors.Is(err, ErrElsewhere) {
			r.Errorf("the error is %v", err)
		}
		r.equal("POSTs", r.order(), "")
	})
}

func TestAConversationNamedBesideACustomerIsNotRememberedAsTheirs(t *testing.T) {
	bubble(t, func(r *rig) {
		r.cache(message(1, `,"author_email":"kirsten@example.dk"`), message(2, `,"author_email":"jens@example.dk"`))
		done, err := r.Erase(r.Context(), Erasure{CSIDs: []int64{2}, Requester: "kirsten@example.dk"})
		r.must(err)
		r.equal("conversations", done.CSIDs, []int64{1, 2})
		found, err := r.FindErased(r.Context(), Erasure{Requester: "kirsten@example.dk"})
		r.must(err)
		r.equal("conversations of the customer", found.CSIDs, []int64{1})
	})
}

func TestAnErasureTellsWhatHadContentUntilThen(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.message(2, 1, nil)
		p.fetched(start, hour(10))
		for _, row := range []struct {
			csids             []int64
			records, scrubbed map[string]int
		}{
			{[]int64{1}, map[string]int{"conversations": 1, "messages": 1}, map[string]int{"conversations": 1, "messages": 1}},
			{[]int64{1, 2}, map[string]int{"conversations": 1, "messages": 2}, map[string]int{"messages": 1}},
			{[]int64{1, 2}, map[string]int{"conversations": 1, "messages": 2}, map[string]int{}},
		} {
			done, err := p.Erase(p.Context(), Erasure{CSIDs: row.csids})
			p.must(err)
			p.equal("records", done.Records, row.records)
			p.equal("records that had content", done.Scrubbed, row.scrubbed)
		}
	})
}

// anonymizes puts one conversation into the cache, and then has Dixa anonymize it.
func (p *planter) anonymizes(n int) {
	p.conversation(n, hour(n), nil)
	p.message(n, 1, nil)
	p.fetched(start, hour(100))
	p.putAny("conversations", anonymized(n, hour(n+1)))
}

// reading runs something while another process reads the cache, which has something set aside.
func (p *planter) reading(run func()) {
	p.Helper()
	other, err := store.Open(p.Context(), p.file)
	p.must(err)
	defer other.Close()
	once := false
	p.must(other.EachAside(p.Context(), func([]byte) {
		if !once {
			once = true
			run()
		}
	}))
	if !once {
		p.Error("nothing is set aside")
	}
}

const anyBad = `{"id":"bad","created_at":"soon"}`

func TestAWipeThatFailsAfterAnImportIsAWarningAndDoneByTheNext(t *testing.T) {
	planting(t, func(p *planter) {
		var log bytes.Buffer
		p.Log = slog.New(slog.NewTextHandler(&log, nil))
		p.aside(dixatest.MessageExport, anyBad)
		p.anonymizes(1)
		p.reading(func() {
			_, err := p.Import(p.Context(), Range{From: start, To: hour(100)})
			p.must(err)
		})
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "another process reads the file") {
			p.Errorf("the log is %s", log.String())
		}
		_, err := p.Import(p.Context(), Range{From: start, To: hour(100)})
		p.must(err)
		if here, _ := p.found(); len(here) > 0 {
			p.Errorf("in the cache's folder there still are %v", here)
		}
	})
}

func TestAnErasureThatCannotWipeFailsAndIsDoneInPlectoAllTheSame(t *testing.T) {
	t.Parallel()
	planting(t, func(p *planter) {
		p.aside(dixatest.MessageExport, anyBad)
		p.conversation(1, hour(1), nil)
		p.message(1, 1, nil)
		p.fetched(start, hour(100))
		p.reading(func() {
			if _, err := p.Erase(p.Context(), Erasure{CSIDs: []int64{1}}); !errors.Is(err, store.ErrRead) {
				p.Errorf("the error is %v", err)
			}
		})
		if _, there := p.found(); len(there) > 0 {
			p.Errorf("in Plecto there still are %v", there)
		}
		p.erase(Erasure{CSIDs: []int64{1}})
		p.nowhere("when it is done")
	})
}

func TestAPushScrubsAndDoesNotWaitForTheWipe(t *testing.T) {
	planting(t, func(p *planter) {
		p.conversation(1, hour(1), nil)
		p.fetched(start, hour(100))
		_, err := p.remember(p.Context(), Erasure{CSIDs: []int64{1}})
		p.must(err)
		before, err := os.Stat(p.file)
		p.must(err)
		_, err = p.Push(p.Context(), PushOptions{})
		p.must(err)
		after, err := os.Stat(p.file)
		p.must(err)
		left, err := p.Store.Residue(p.Context())
		p.must(err)
		p.equal("the file holds something, and was not written anew", []bool{left.Held, after.ModTime().Equal(before.ModTime())}, []bool{true, true})
		if strings.Contains(p.records("conversations")["1"].Body, "kanarie") {
			p.Error("the conversation is not scrubbed")
		}
	})
}

func TestALargeFileIsWipedOnceADay(t *testing.T) {
	now := hour(1000)
	for _, row := range []struct {
		left store.Residue
		want bool
	}{
		{store.Residue{Size: 1}, false},
		{store.Residue{Held: true, Size: 1}, true},
		{store.Residue{Held: true, Size: largeFile - 1, WipedAt: now}, true},
		{store.Residue{Held: true, Size: largeFile}, true}, // never before
		{store.Residue{Held: true, Size: largeFile, WipedAt: now.Add(-23 * time.Hour)}, false},
		{store.Residue{Held: true, Size: largeFile, WipedAt: now.Add(-24 * time.Hour)}, true},
		{store.Residue{Held: true, Size: largeFile, WipedAt: now.Add(time.Hour)}, true}, // the clock was ahead
		{store.Residue{Size: largeFile, WipedAt: now.Add(-48 * time.Hour)}, false},
	} {
		if got := wipeDue(row.left, now); got != row.want {
			t.Errorf("%+v: %v", row.left, got)
		}
	}
}

func TestTheEMailsOfAnElementThatCannotBeReadAreFound(t *testing.T) {
	for _, row := range []struct {
		body string
		want []string
	}{
		{`{"a":"Kirsten@Example.dk","b":["x <jens.b+1@mail.example.dk>, O'Neil@example.com."]}`, []string{"kirsten@example.dk", "jens.b+1@mail.example.dk", "o'neil@example.com"}},
		{`"mailto:J\u00d8RGEN\u0040example.dk?subject=hi"`, []string{"jørgen@example.dk"}},
		{"{\"text\":\"\xff kirsten@example.dk\"}", []string{"kirsten@example.dk"}},
		{`{"a":"@example.dk","b":"kirsten@","c":"a@ b"}`, nil},
		{`{"a":"kirsten@example.dk",`, []string{"kirsten@example.dk"}},
	} {
		if got := emailsIn([]byte(row.body)); !slices.Equal(got, row.want) {
			t.Errorf("%s: %q", row.body, got)
		}
	}
}

func TestTheConversationsAnElementNamesAreThoseOfItsOwnMembers(t *testing.T) {
	for body, want := range map[string][]int64{
		`{"id":7,"csid":"8","conversationId":9.0}`:          {7, 8, 9},
		`{"id":"m1","author":{"id":7},"text":"\"csid\":8}`:  nil,
		`{"author":{"id":7},"tags":[{"id":8}],"csid":null}`: nil,
		"{\"text\":\"\xff\",\"csid\":7}":                    {7},
		`[{"id":7}]`:                                        nil,
		`"7"`:                                               nil,
	} {
		if got := numbers([]byte(body)); !slices.Equal(got, want) {
			t.Errorf("%s: %v", body, got)
		}
	}
}
