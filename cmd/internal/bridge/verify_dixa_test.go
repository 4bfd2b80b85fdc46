package bridge

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
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

func TestMappingManyRecordsHoldsFewThreads(t *testing.T) {
	bubble(t, func(r *rig) {
		const threads, size = 500, 100_000
		var all []string
		for n := range threads {
			r.put("conversations", conversation(n+1, hour(n+1)))
			all = append(all, message(n+1, fmt.Sprintf(`,"text":%q`, strings.Repeat("lorem ips ", size/10))))
		}
		r.cache(all...)
		_, err := r.Import(r.Context(), Range{From: start, To: hour(threads + 1), Kinds: []string{"conversations"}})
		r.must(err)
		inUse := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		page, err := r.Store.RecordsBetween(r.Context(), "conversations", store.Span{}, store.Record{}, threads)
		r.must(err)
		before, most, mapped := inUse(), uint64(0), 0
		m := &mapping{source: r.link("conversations"), fields: []Field{{Title: "Example", value: func(subject) any {
			if mapped++; mapped%25 == 1 {
				most = max(most, inUse())
			}
			return nil
		}}}}
		items, err := r.itemsOf(r.Context(), m, page)
		r.must(err)
		r.equal("items", len(items), threads)
		if took := int64(most) - int64(before); took > 4*pageThreads*size {
			r.Errorf("mapping %d threads of %d kB each took %d MB", threads, size/1000, took>>20)
		}
	})
}
