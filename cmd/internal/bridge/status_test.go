package bridge

import (
	"errors"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestTheStatusTellsWhatIsPendingRejectedAndMissing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.Limits = DefaultLimits()
		r.link("messages")
		r.bad(func(n int) bool { return n == 3 })
		r.put("messages", messages(0, 20)...)
		for _, day0 := range []int{0, 2} {
			r.imported(Range{From: start.Add(time.Duration(day0) * day), To: start.Add(time.Duration(day0+1) * day), Kinds: []string{"messages"}})
		}
		if _, err := r.Push(r.Context(), PushOptions{}); !errors.Is(err, ErrRejected) {
			r.Errorf("the error is %v", err)
		}
		r.cache(message(3, `,"duration":1`), message(5, `,"duration":1`), message(20, ""))
		asked := len(r.dixa.Requests()) + len(r.plecto.Requests())

		st, err := r.Status(r.Context(), time.UTC)
		r.must(err)
		r.equal("requests made for it", len(r.dixa.Requests())+len(r.plecto.Requests()), asked)
		src := st.Sources[0]
		r.equal("pending, rejected, accepted", []int{src.Pending, src.Rejected, src.Accepted}, []int{3, 1, 19})
		msgs := st.Kinds[1]
		r.equal("messages", msgs.Records, 21)
		r.equal("by month", msgs.Months, []store.Month{{Month: "2000-01", Records: 21}})
		r.equal("the place of sync", msgs.Synced, start.Add(100*day))
		for _, b := range st.Budgets {
			if want := map[string]int{"message exports": 3, "Plecto registrations": len(r.posts())}[b.Budget.Name]; want > 0 && b.Used != want {
				r.Errorf("used of %s: %d, want %d", b.Budget.Name, b.Used, want)
			}
		}
	})
}

func TestGapsLieBetweenWhatIsCovered(t *testing.T) {
	span := func(from, to int) store.Span { return store.Span{From: hour(from), To: hour(to)} }
	for _, row := range []struct{ covered, want []store.Span }{
		{nil, nil},
		{[]store.Span{span(0, 5)}, nil},
		{[]store.Span{span(0, 5), span(7, 9), span(20, 21)}, []store.Span{span(5, 7), span(9, 20)}},
	} {
		got := KindStatus{Covered: row.covered}.Gaps()
		if len(got) != len(row.want) {
			t.Fatalf("gaps of %v: %v", row.covered, got)
		}
		for i := range got {
			if got[i] != row.want[i] {
				t.Errorf("gaps of %v: %v", row.covered, got)
			}
		}
	}
}

func TestASampleShowsTheRecordThatChangedLast(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		sample, err := r.Sample(r.Context(), src)
		r.must(err)
		r.equal("fields without a record", []any{len(sample), sample[0].Value}, []any{len(Usual("messages")), nil})
		r.cache(messages(0, 3)...)
		r.cache(message(1, `,"duration":7`))
		sample, err = r.Sample(r.Context(), src)
		r.must(err)
		for _, f := range sample {
			if f.Key == "csid" {
				r.equal("the conversation", f.Value, any("1"))
			}
		}
	})
}
