package bridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// bad makes Plecto refuse some messages.
func (r *rig) bad(is func(n int) bool) {
	r.plecto.Refuse = func(row map[string]any) string {
		var n int
		fmt.Sscanf(row["external_id"].(string), "m%d", &n)
		if is(n) {
			return fmt.Sprintf("row %d is bad", n)
		}
		return ""
	}
}

func TestRefusedRowsStandAloneAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	at := func(bad int) func(int) bool { return func(n int) bool { return n == bad } }
	for _, row := range []struct {
		name     string
		bad      func(n int) bool
		rejected int
		requests int // at most
		answer   plectotest.BadItem
	}{
		{"the first of a hundred", at(0), 1, 15, plectotest.BadItemErrors},
		{"the last of a hundred", at(99), 1, 15, plectotest.BadItemErrors},
		{"one in the middle", at(49), 1, 15, plectotest.BadItemErrors},
		{"one where halves are uneven", at(37), 1, 15, plectotest.BadItemErrors},
		{"the first thirty", func(n int) bool { return n < 30 }, 30, 100, plectotest.BadItemErrors},
		{"the last thirty", func(n int) bool { return n >= 70 }, 30, 100, plectotest.BadItemErrors},
		{"the first ninety", func(n int) bool { return n < 90 }, 90, 250, plectotest.BadItemErrors},
		{"every second, where Plecto names none", func(n int) bool { return n%2 == 0 }, 50, 250, plectotest.BadItemDetail},
		{"every tenth", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemErrors},
		{"every tenth but the first", func(n int) bool { return n%10 == 5 }, 10, 100, plectotest.BadItemErrors},
		{"every tenth, where Plecto names none", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemDetail},
		{"every tenth, where Plecto stores the others", func(n int) bool { return n%10 == 0 }, 10, 100, plectotest.BadItemLeftOut},
	} {
		t.Run(row.name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.plecto.Behaviour.BadItem = row.answer
				src := r.link("messages")
				r.bad(row.bad)
				r.cache(messages(0, 100)...)
				all, err := r.Push(r.Context(), PushOptions{})
				if !errors.Is(err, ErrRejected) {
					r.Fatalf("the error is %v", err)
				}
				r.equal("rejected", all[0].Rejected, row.rejected)
				r.equal("sent", all[0].Sent, 100-row.rejected)
				if all[0].Requests > row.requests {
					r.Errorf("%d requests", all[0].Requests)
				}
				for _, reg := range r.plecto.Registrations(src.UUID) {
					var n int
					fmt.Sscanf(reg.ExternalID, "m%d", &n)
					if row.bad(n) {
						r.Errorf("%s is there", reg.ExternalID)
					}
				}
				rejections, err := r.Rejections(r.Context())
				r.must(err)
				for _, rej := range rejections {
					var n int
					fmt.Sscanf(rej.ExternalID, "m%d", &n)
					if !strings.Contains(rej.Reason, fmt.Sprintf("row %d is bad", n)) {
						r.Errorf("%s is rejected with the words %q", rej.ExternalID, rej.Reason)
					}
				}
				posts := len(r.posts())
				_, err = r.Push(r.Context(), PushOptions{})
				if !errors.Is(err, ErrRejected) || len(r.posts()) != posts {
					r.Errorf("a push of nothing but rejected ones: %v after %d requests", err, len(r.posts())-posts)
				}
			})
		})
	}
}

func TestWhereEverythingIsRefusedNothingIsRejected(t *testing.T) {
	t.Parallel()
	for rows, most := range map[int]int{1: 1, 2: 14, 100: 14, 1000: 14} {
		bubble(t, func(r *rig) {
			r.link("messages")
			r.bad(func(int) bool { return true })
			r.cache(messages(0, rows)...)
			all, err := r.Push(r.Context(), PushOptions{})
			if !errors.Is(err, ErrAllRefused) || !strings.Contains(err.Error(), "is bad") {
				r.Errorf("the error of %d is %v", rows, err)
			}
			r.equal("rejected", all[0].Rejected, 0)
			if n := len(r.posts()); n > most {
				r.Errorf("%d rows took %d requests", rows, n)
			}
			// The cause is mended: all is still pending.
			r.plecto.Refuse = nil
			r.equal("sent when it is mended", r.pushed().Sent, rows)
		})
	}
}

func TestALoneBadRowIsRejectedWhereTheSourceHasWorked(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n == 5 })
		r.cache(messages(0, 5)...)
		r.pushed()
		r.cache(message(5, ""))
		all, err := r.Push(r.Context(), PushOptions{})
		if !errors.Is(err, ErrRejected) {
			r.Errorf("the error is %v", err)
		}
		r.equal("the push", tally(all[0]), "0 sent, 5 unchanged, 1 rejected, 1 requests")
	})
}

func TestRejectedRowsAreSentAgainWhenTheyChangeOrWhenAskedFor(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n == 2 || n == 3 })
		r.cache(messages(0, 10)...)
		push := func(o PushOptions) string {
			all, err := r.Push(r.Context(), o)
			if err != nil && !errors.Is(err, ErrRejected) {
				r.Errorf("the error is %v", err)
			}
			all[0].Requests = 0
			return tally(all[0])
		}
		r.equal("the first push", push(PushOptions{}), "8 sent, 0 unchanged, 2 rejected, 0 requests")
		r.equal("a retry while they are still bad", push(PushOptions{RetryRejected: true}), "0 sent, 8 unchanged, 2 rejected, 0 requests")
		r.bad(func(n int) bool { return n == 3 })
		r.equal("a push after one was mended in Plecto", push(PushOptions{}), "0 sent, 8 unchanged, 2 rejected, 0 requests")
		r.equal("a retry after one was mended in Plecto", push(PushOptions{RetryRejected: true}), "1 sent, 8 unchanged, 1 rejected, 0 requests")
		posts := len(r.posts())
		r.cache(message(3, `,"text":"edited"`))
		r.equal("a push after a change that no field shows", push(PushOptions{}), "0 sent, 9 unchanged, 1 rejected, 0 requests")
		r.equal("requests of that push", len(r.posts())-posts, 0)
		r.plecto.Refuse = nil
		r.cache(message(3, `,"duration":5`))
		r.equal("a push after the other changed", push(PushOptions{}), "1 sent, 9 unchanged, 0 rejected, 0 requests")
	})
}

func TestManyRejectedRowsThatAreStillBadStayRejected(t *testing.T) {
	bubble(t, func(r *rig) {
		r.link("messages")
		r.bad(func(n int) bool { return n < 20 })
		r.cache(messages(0, 100)...)
		for _, retry := range []bool{false, true} {
			all, err := r.Push(r.Context(), PushOptions{RetryRejected: retry})
			if !errors.Is(err, ErrRejected) || all[0].Rejected != 20 {
				r.Errorf("retry %v: %v, %s", retry, err, tally(all[0]))
			}
		}
	})
}
