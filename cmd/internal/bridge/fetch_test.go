package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// fill gives Dixa a message every twelve hours of the month.
func (r *rig) fill() {
	r.Helper()
	for n := 0; n < 30*24; n += 12 {
		r.put("messages", message(n, `,"text":"Hej, hvor er min pakke?"`))
	}
}

func TestAWindowThatKeepsBreakingIsHalved(t *testing.T) {
	for name, fault := range map[string]dixatest.Fault{
		"cut":       {Do: dixatest.Cut, Bytes: 900},
		"shortened": {Do: dixatest.Short, Bytes: 900},
		"stalled":   {Do: dixatest.Stall, Bytes: 900},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.fill()
				fault.Endpoint, fault.Count, fault.WiderThan = dixatest.MessageExport, -1, 8*day
				r.dixa.Fault(fault)
				// 30 days break twice, 15 days twice two times; four times 7½ go well.
				r.equal("the import", counts(r.imported(month)[0]), "4 windows, 10 requests, 60 records, 60 changed, 0 aside")
				r.equal("records", len(r.records("messages")), 60)
				covered, err := r.Store.Coverage(r.Context(), "messages")
				r.must(err)
				r.equal("the coverage", covered, []store.Span{{From: month.From, To: month.To}})
			})
		})
	}
}

func TestWhatCameBeforeAWindowBrokeCountsOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.fill()
		r.put("messages", message(1, `,"updated_at":1`)) // no moment in milliseconds
		for i, changed := range []int{60, 0} {
			r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 1 + 2*i, Do: dixatest.Cut, Bytes: 4000})
			all, err := r.Import(r.Context(), month)
			if !errors.Is(err, ErrAside) {
				r.Errorf("the error is %v", err)
			}
			r.equal("the import", counts(all[0]), fmt.Sprintf("1 windows, 2 requests, 60 records, %d changed, 1 aside", changed))
		}
	})
}

func TestASlowBodyIsReadToItsEnd(t *testing.T) {
	bubble(t, func(r *rig) {
		r.fill()
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Do: dixatest.Drip, Bytes: 100, Interval: 20 * time.Second})
		began := time.Now()
		r.equal("the import", counts(r.imported(month)[0]), "1 windows, 1 requests, 60 records, 60 changed, 0 aside")
		if took := time.Since(began); took < 20*time.Minute {
			r.Errorf("it took only %v", took)
		}
	})
}

func TestAnAnswerThatIsNoExportIsNeverTakenAsWhole(t *testing.T) {
	for name, fault := range map[string]dixatest.Fault{
		"a page":           dixatest.Page(),
		"an object":        dixatest.Wrapped(),
		"nothing":          {Do: dixatest.Answer},
		"no answer":        {Do: dixatest.Cut, Bytes: -1},
		"unavailable":      {Do: dixatest.Answer, Status: 503},
		"a stall":          {Do: dixatest.Stall, Bytes: -1},
		"an array, no end": {Do: dixatest.Answer, Body: `[`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.fill()
				r.Patience = 10 * time.Minute
				fault.Endpoint, fault.Request, fault.Count = dixatest.MessageExport, 1, 3
				r.dixa.Fault(fault)
				got := r.imported(month)[0]
				r.equal("records", []int{got.Records, len(r.records("messages"))}, []int{60, 60})
				if got.Requests < 4 {
					r.Errorf("there were only %d requests", got.Requests)
				}
			})
		})
	}
}

func TestAnImportWaitsAsLongAsDixaSays(t *testing.T) {
	for _, row := range []struct {
		name   string
		header http.Header
		wait   time.Duration
	}{
		{"seconds", http.Header{"Retry-After": {"77"}}, 77 * time.Second},
		{"a date", http.Header{"Retry-After": {start.Add(100*day + 90*time.Second).Format(http.TimeFormat)}}, 90 * time.Second},
		{"nothing", nil, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 1, Do: dixatest.Answer, Status: 429, Header: row.header})
				r.equal("the import", counts(r.imported(month)[0]), "1 windows, 2 requests, 0 records, 0 changed, 0 aside")
				asked := r.exports(dixatest.MessageExport)
				r.equal("waited", asked[1].Time.Sub(asked[0].Time), row.wait)
			})
		})
	}
}

func TestAnImportKeepsWithinItsBudgets(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits = DefaultLimits()
		r.dixa.Behaviour = dixatest.Behaviour{} // the same limits
		began := time.Now()
		all := r.imported(Range{From: start.Add(-1000 * day), To: start.Add(100 * day)})
		r.equal("requests", []int{all[0].Requests, all[1].Requests}, []int{37, 37})
		// 37 requests for messages, three a minute: the last one after twelve minutes.
		if took := time.Since(began); took < 12*time.Minute || took > 12*time.Minute*100/95 {
			r.Errorf("it took %v", took)
		}
		for _, req := range r.dixa.Requests() {
			r.equal("status", req.Status, 200)
		}
	})
}

func TestRecordsThatCannotBeReadAreSetAsideAndTheOthersKept(t *testing.T) {
	for _, how := range []string{"no id", "seconds", "not UTF-8", "not object"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.fill()
				r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Do: dixatest.Insert, Rows: 30, Body: dixatest.Spoilt(dixatest.MessageExport, how)})
				all, err := r.Import(r.Context(), month)
				if !errors.Is(err, ErrAside) {
					r.Errorf("the error is %v", err)
				}
				r.equal("the import", counts(all[0]), "1 windows, 1 requests, 60 records, 60 changed, 1 aside")
				st, err := r.Status(r.Context(), time.UTC)
				r.must(err)
				r.equal("set aside", len(st.Aside), 1)
			})
		})
	}
}

func TestAStoppedImportKeepsWhatHasComeAndGoesOnLater(t *testing.T) {
	bubble(t, func(r *rig) {
		r.fill()
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Do: dixatest.Drip, Bytes: 200, Interval: time.Second})
		ctx, stop := context.WithCancelCause(r.Context())
		began := time.Now()
		time.AfterFunc(20*time.Second, func() { stop(ErrOutOfTime) })
		all, err := r.Import(ctx, month)
		if took := time.Since(began); !errors.Is(err, ErrOutOfTime) || took > 20*time.Second+grace {
			r.Errorf("after %v: %v", took, err)
		}
		kept := len(r.records("messages"))
		if kept == 0 || kept == 60 || all[0].Windows != 0 {
			r.Errorf("%d records are kept, windows done: %d", kept, all[0].Windows)
		}
		again := r.imported(month)
		r.equal("it goes on", again[0].Resumed, true)
		r.equal("records", len(r.records("messages")), 60)
	})
}
