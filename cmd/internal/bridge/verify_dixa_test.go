package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestWhereNothingIsCoveredDixaIsAskedFromTheOldestRecordOn(t *testing.T) {
	bubble(t, func(r *rig) {
		for n := range 1500 {
			r.put("messages", message(n, ""))
		}
		r.Patience = 0
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Do: dixatest.Cut, Bytes: 9000})
		if _, err := r.Import(r.Context(), Range{From: start, To: hour(1500), Kinds: []string{"messages"}}); !Temporary(err) {
			r.Errorf("the import: %v", err)
		}
		r.dixa.Heal()
		cached := r.records("messages")
		want := map[string]string{}
		for n := range 1500 {
			if id := fmt.Sprintf("m%04d", n); cached[id].ID == "" {
				want["Dixa messages "+id] = WhyUnknown
			}
		}
		if len(cached) == 0 || len(want) == 0 {
			r.Fatalf("%d are in the cache, %d are not", len(cached), len(want))
		}
		r.sameDifferences("the differences", r.differences(VerifyOptions{Dixa: true}), want)
	})
}

func TestABoundThatIsLeftOutIsTheCachesOrNow(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.put("messages", messages(0, 1000)...)
		_, err := r.Import(r.Context(), Range{From: hour(100), To: hour(200), Kinds: []string{"messages"}})
		r.must(err)
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.Patience = 0
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Count: -1, Request: len(r.exports(dixatest.MessageExport)) + 1, Do: dixatest.Cut, Bytes: 150})
		if _, err := r.Import(r.Context(), Range{From: hour(98), To: hour(100), Kinds: []string{"messages"}}); !Temporary(err) {
			r.Errorf("the second import: %v", err)
		}
		r.dixa.Heal()
		if r.records("messages")["m0098"].ID == "" || r.records("messages")["m0099"].ID != "" {
			r.Fatal("of the second import another message than the first is in the cache")
		}
		for name, row := range map[string]struct {
			span store.Span
			want int // that Dixa has and the cache has not
		}{
			"none":                         {store.Span{}, 0},
			"a start inside":               {store.Span{From: hour(150)}, 0},
			"a start before":               {store.Span{From: hour(90)}, 9},
			"a start after what is there":  {store.Span{From: hour(990)}, 10},
			"an end inside":                {store.Span{To: hour(150)}, 0},
			"an end before what is there":  {store.Span{To: hour(98)}, 0},
			"an end just after the oldest": {store.Span{To: hour(100)}, 1},
		} {
			v := r.verify(VerifyOptions{Dixa: true, Span: row.span})
			unknown := 0
			for _, d := range v.Differences {
				switch d.Why {
				case WhyUnknown:
					unknown++
				case WhyPending:
				default:
					r.Errorf("with %s: %s is told to be %q", name, d.ExternalID, d.Why)
				}
			}
			r.equal("not in the cache, with "+name, unknown, row.want)
		}
	})
}

func TestWithAnEmptyCacheThereIsNothingToAskDixaFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.put("messages", messages(0, 10)...)
		text := r.warned()
		r.equal("differences", r.verify(VerifyOptions{Dixa: true}), Verified{})
		if !strings.Contains(text.String(), "nothing to ask Dixa for") {
			r.Errorf("the warnings are %s", text)
		}
	})
}

func TestWhatIsFetchedWhileDixaIsAskedIsNoDifference(t *testing.T) {
	bubble(t, func(r *rig) {
		r.put("messages", messages(0, 1000)...)
		all := Range{From: start, To: hour(1000), Kinds: []string{"messages"}}
		_, err := r.Import(r.Context(), all)
		r.must(err)
		r.put("messages", message(7, `,"duration":5`), message(1000, `,"created_at":946684801000`))
		once := false
		r.Report = func(p Progress) { // after the first window
			if p.Flow == "verify" && !once {
				once = true
				r.cache(message(1000, `,"created_at":946684801000`)) // which Dixa had
				r.cache(message(1001, `,"created_at":946684801000`)) // which it had not yet
				r.cache(message(990, `,"duration":5`))               // which Dixa has otherwise
				r.cache(message(8, ""))                              // as it was
			}
		}
		v, err := r.Verify(r.Context(), VerifyOptions{Dixa: true})
		if !errors.Is(err, ErrDifferences) {
			r.Errorf("the error is %v", err)
		}
		r.equal("differences", r.told(v), map[string]string{"Dixa messages m0007": WhyChanged})
	})
}

func TestADayThatDixaWasAskedForHasItsCount(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.put("messages", messages(0, 24)...)
		r.put("messages", messages(48, 60)...)
		_, err := r.Import(r.Context(), Range{From: start, To: start.Add(3 * day)})
		r.must(err)
		r.pushed()
		r.plecto.Edit(src.UUID, "m0000", map[string]any{"date": hour(30).Format(time.RFC3339)})
		r.plecto.Edit(src.UUID, "m0001", map[string]any{"date": hour(130).Format(time.RFC3339)})
		r.equal("the days", r.verify(VerifyOptions{Dixa: true}).Days, []Day{
			{"messages", "messages", "2000-01-01", 24, 24, 22}, {"messages", "messages", "2000-01-02", 0, 0, 1},
			{"messages", "messages", "2000-01-03", 12, 12, 12}, {"messages", "messages", "2000-01-06", -1, 0, 1},
		})
		r.equal("without a source", r.verify(VerifyOptions{Dixa: true, Source: r.link("conversations").Name}).Days, []Day(nil))
	})
}

func TestVerifyComparesTheCacheWithDixa(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.dixa.Behaviour.ActivitiesPerPage = 1000
		r.atWork(50, fewer(3))
		r.equal("differences after an import", r.differences(VerifyOptions{Dixa: true}), map[string]string{})

		r.put("conversations", conversation(1, hour(1)), conversation(2, hour(2)))
		all := Range{From: start, To: start.AddDate(0, 0, 50)}
		_, err := r.Import(r.Context(), all)
		r.must(err)
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		var prices []Price
		v := r.verify(VerifyOptions{Dixa: true, Price: func(p []Price) { prices = p }})
		r.equal("differences", v.Differences, []Difference(nil))
		for _, d := range v.Days {
			r.equal(d.Name+" on "+d.Day, []int{d.Dixa, d.Plecto}, []int{d.Cache, d.Cache})
		}
		said := 0
		for _, p := range prices {
			said += p.Requests
		}
		if off := said - v.Requests; off < -2 || off > 2 {
			r.Errorf("it said %d requests, and made %d", said, v.Requests)
		}

		r.dixa.Behaviour.ActivitiesPerPage = 70
		r.put("conversations", conversation(1, hour(9))) // changed
		r.put("messages", message(30, ""))               // new
		r.put("activities", `{"id":"log-1","conversationId":1,"activityTimestamp":"2000-01-03T04:05:06.789Z","_type":"ConversationClosed"}`)
		r.cache(message(31, "")) // no longer there
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(r.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert,
			Body: `{"id":"m0777","csid":7,"created_at":"soon"}`})
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.sameDifferences("with Dixa", r.differences(VerifyOptions{Dixa: true}), map[string]string{
			"conversations 1": WhyChanged, "messages m0030": WhyUnknown, "messages m0031": WhyVanished, "messages m0777": WhyAside,
			"activities log-1": WhyUnknown,
		})
		r.equal("of conversations alone", r.differences(VerifyOptions{Dixa: true, Source: "conversations"}), map[string]string{"conversations 1": WhyChanged})
		r.sameDifferences("in a span", r.differences(VerifyOptions{Dixa: true, Span: store.Span{From: hour(31), To: hour(40)}}), map[string]string{"messages m0031": WhyVanished})
		r.equal("with Plecto", r.differences(VerifyOptions{}), map[string]string{})
	})
}

func TestWhatIsErasedIsNoDifference(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.atWork(10, 4)
		conversations := slices.Sorted(maps.Keys(r.records("conversations")))
		var csids []int64
		for _, id := range conversations[:8] {
			csids = append(csids, r.records("conversations")[id].CSID)
		}
		_, err := r.Erase(r.Context(), Erasure{CSIDs: csids})
		r.must(err)
		r.equal("differences", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
		// What changes later of one is one, as long as it is not fetched.
		var body map[string]any
		for _, c := range r.dixa.World.Conversations() {
			r.must(json.Unmarshal(c, &body))
			if fmt.Sprint(int64(body["id"].(float64))) == conversations[0] {
				break
			}
		}
		body["status"], body["updated_at"] = "pending-for-long", time.Now().UnixMilli()
		changed, err := json.Marshal(body)
		r.must(err)
		r.put("conversations", string(changed))
		r.equal("differences, then", r.differences(VerifyOptions{Dixa: true}), map[string]string{"conversations " + conversations[0]: WhyChanged})
	})
}

func TestAVerificationWithDixaGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.atWork(95, 1) // four windows for each kind, and no more than a page in each
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 2, Count: -1, Status: 503})
		before := r.asked()
		if _, err := r.Verify(r.Context(), VerifyOptions{Dixa: true}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		lift()
		r.equal("windows asked for", r.asked()-before, 12)
		r.equal("differences", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
		r.equal("windows asked for in all", r.asked()-before, 12)

		// What was fetched between is no difference.
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(r.exports(dixatest.MessageExport)) + 3, Count: -1, Status: 503})
		if _, err := r.Verify(r.Context(), VerifyOptions{Dixa: true}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.dixa.Heal()
		r.put("messages", message(5, ""))
		_, err := r.Import(r.Context(), Range{From: start, To: start.AddDate(0, 0, 95)})
		r.must(err)
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.equal("differences after an import between", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}
