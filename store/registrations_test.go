package store_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

func TestARegistrationIsKeptAsItWasSent(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	var ids []string
	var marks []store.Registration
	for n := range 250 {
		ids = append(ids, fmt.Sprintf("m%d", n))
		marks = append(marks, store.Registration{Record: ids[n], Hash: 1, Row: fmt.Sprintf(`{"n":%d}`, n)})
	}
	must(t, s.Mark(t.Context(), src, 1, marks))
	rows, err := s.Rows(t.Context(), src, append(ids, "nobody"))
	must(t, err)
	equal(t, "rows", len(rows), 250)
	equal(t, "one of them", rows["m7"], `{"n":7}`)
	for _, row := range []struct {
		name string
		mark store.Registration
		want string
	}{
		{"changed and refused", store.Registration{Record: "m7", Rejected: 2, Rejection: "no", Row: `{"n":"refused"}`}, `{"n":7}`},
		{"changed and accepted", store.Registration{Record: "m7", Hash: 3, Row: `{"n":"accepted"}`}, `{"n":"accepted"}`},
	} {
		must(t, s.Mark(t.Context(), src, 1, []store.Registration{row.mark}))
		rows, err := s.Rows(t.Context(), src, []string{"m7"})
		must(t, err)
		equal(t, row.name, rows["m7"], row.want)
	}
	rows, err = s.Rows(t.Context(), other, ids)
	must(t, err)
	equal(t, "rows of another source", len(rows), 0)
}

func TestAForgottenRegistrationIsNewAndAtTheEndOfTheChangeLog(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	put(t, s, messages(0, 5)...)
	end := log(t, s, []string{"messages"}, 0, 10)[4].Revision
	for _, of := range []store.Source{src, other} {
		must(t, s.Mark(t.Context(), of, end, []store.Registration{{Record: "m1", Hash: 1, Row: "{}"}, {Record: "m3", Hash: 3, Row: "{}"}}))
	}
	must(t, s.Mark(t.Context(), src, end, []store.Registration{{Record: "m2", Rejected: 2, Rejection: "no"}}))
	must(t, s.Forget(t.Context(), src, []string{"m3", "m1", "m2", "gone from the cache"}))
	var order []string
	for _, c := range log(t, s, []string{"messages"}, end, 10) {
		order = append(order, c.ID)
	}
	equal(t, "behind the place", order, []string{"m3", "m1", "m2"})
	ids := []string{"m1", "m2", "m3"}
	known, err := s.Registrations(t.Context(), src, ids)
	must(t, err)
	equal(t, "registrations", known, map[string]store.Registration{
		"m1": {Record: "m1"}, "m2": {Record: "m2", Rejected: 2, Rejection: "no"}, "m3": {Record: "m3"},
	})
	accepted, rejected, err := s.CountRegistrations(t.Context(), src)
	must(t, err)
	equal(t, "accepted and rejected", []int{accepted, rejected}, []int{0, 1})
	known, err = s.Registrations(t.Context(), other, ids)
	must(t, err)
	equal(t, "registrations of another source", known, map[string]store.Registration{"m1": {Record: "m1", Hash: 1}, "m3": {Record: "m3", Hash: 3}})
	equal(t, "the body", body(t, s, "messages", "m3"), message(3, "hi").Body)
}

func TestARestartedSourceKnowsNothing(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	src.Keys, src.Account = []string{"channel"}, "someone"
	must(t, s.Describe(t.Context(), src))
	must(t, s.Choose(t.Context(), src))
	src, err := s.Remap(t.Context(), src, "mapping")
	must(t, err)
	for _, of := range []store.Source{src, other} {
		must(t, s.Mark(t.Context(), of, 7, []store.Registration{{Record: "m1", Hash: 1, Row: "{}"}, {Record: "m2", Rejected: 1, Rejection: "no"}}))
	}
	must(t, s.Restart(t.Context(), src))
	got := source(t, s, "a")
	src.Place, src.Mapping, src.Accepted, src.AsText = 0, "", 0, []string{}
	equal(t, "the source", got, src)
	for of, want := range map[*store.Source]int{&src: 0, &other: 2} {
		known, err := s.Registrations(t.Context(), *of, []string{"m1", "m2"})
		must(t, err)
		equal(t, "registrations of "+of.Name, len(known), want)
	}
	equal(t, "the place of another", source(t, s, "b").Place, int64(7))
}

func TestWhatWasChosenForASourceIsRemembered(t *testing.T) {
	s := open(t)
	for name, want := range map[string]store.Source{
		"usual":  {},
		"chosen": {Choice: store.Choice{Keys: []string{"channel", "custom:a,b"}, DateField: "closed_at", Member: "none"}, AsText: []string{"channel"}, Account: "someone"},
		"none":   {Choice: store.Choice{Keys: []string{}}, AsText: []string{}},
	} {
		want.Name, want.Kind, want.UUID = name, "conversations", name
		added, err := s.AddSource(t.Context(), want)
		must(t, err)
		got := source(t, s, name)
		equal(t, name+", as it was added", got.ID, added.ID)
		equal(t, name, fmt.Sprintf("%+v %v", got.Choice, got.Keys == nil), fmt.Sprintf("%+v %v", want.Choice, want.Keys == nil))
		equal(t, name+", in Plecto", fmt.Sprint(got.AsText, got.Account), fmt.Sprint(want.AsText, want.Account))
	}
}

func TestMemberDaysAreThoseOfAllThatPlectoAccepted(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	row := func(id, date, member string) store.Registration {
		return store.Registration{Record: id, Hash: 1, Row: fmt.Sprintf(`{"date":%q,"member_api_id":%q}`, date, member)}
	}
	must(t, s.Mark(t.Context(), src, 1, []store.Registration{
		row("m1", "2026-01-01T23:59:59.000+00:00", "a1"), row("m2", "2026-01-01T00:00:00.000+00:00", "a1"), row("m3", "2026-01-02T00:00:00.000+00:00", "a1"),
		{Record: "m4", Hash: 1}, // before rows were kept, or erased
	}))
	must(t, s.Mark(t.Context(), other, 1, []store.Registration{row("m1", "2026-01-01T10:00:00.000+00:00", "a1"), row("m2", "2026-01-01T10:00:00.000+00:00", "dixa")}))
	days, err := s.MemberDays(t.Context())
	must(t, err)
	equal(t, "days", days, map[string]bool{"2026-01-01 a1": true, "2026-01-02 a1": true, "2026-01-01 dixa": true})
}

func TestAnAccountIsToldOfAMemberOnce(t *testing.T) {
	s := open(t)
	for range 2 {
		must(t, s.AddMember(t.Context(), "ours", "a1"))
		must(t, s.AddMember(t.Context(), "theirs", "a2"))
	}
	for account, want := range map[string]map[string]bool{"ours": {"a1": true}, "theirs": {"a2": true}, "nobody's": {}} {
		told, err := s.Members(t.Context(), account)
		must(t, err)
		equal(t, account, told, want)
	}
}

func TestAVerificationGoesOnWhereItStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		days := store.Span{From: hour(0), To: hour(24)}
		begin := func(subject string, span store.Span) store.Verification {
			t.Helper()
			v, err := s.Verification(t.Context(), subject, span, time.Now().Add(-6*time.Hour))
			must(t, err)
			return v
		}
		count := func(v store.Verification) int {
			t.Helper()
			n, err := s.CountSeen(t.Context(), v)
			must(t, err)
			return n
		}
		v, other := begin("a", days), begin("b", store.Span{})
		equal(t, "a new one", []any{v.Place, v.SeenAt.IsZero()}, []any{"", true})
		must(t, s.Note(t.Context(), other, []store.Seen{{ID: "m1"}}))

		v.Place = "page 2"
		must(t, s.Note(t.Context(), v, []store.Seen{{ID: "m2", Date: hour(1), Why: "changed"}, {ID: "m1", Date: hour(2)}}))
		time.Sleep(5 * time.Hour)
		again := begin("a", days)
		equal(t, "five hours later", again, v)
		v.SeenAt = time.Now()
		must(t, s.Note(t.Context(), v, []store.Seen{{ID: "m2", Date: hour(3)}, {ID: "m3", Date: hour(3)}}))
		equal(t, "the other side has been read whole", begin("a", days).SeenAt.Equal(v.SeenAt.Truncate(time.Millisecond)), true)

		seen, err := s.Seen(t.Context(), v, []string{"m2", "m4"})
		must(t, err)
		equal(t, "seen of two", seen, map[string]store.Seen{"m2": {ID: "m2", Date: hour(3)}})
		none, err := s.Seen(t.Context(), v, nil)
		must(t, err)
		equal(t, "seen of none", len(none), 0)
		var order []string
		must(t, s.EachSeen(t.Context(), v, func(one store.Seen) error {
			order = append(order, one.ID)
			return nil
		}))
		equal(t, "seen", order, []string{"m1", "m2", "m3"})
		equal(t, "counted", []int{count(v), count(other)}, []int{3, 1})

		must(t, s.Conclude(t.Context(), v))
		equal(t, "counted when one is concluded", []int{count(v), count(other)}, []int{0, 1})
		if fresh := begin("a", days); fresh.Place != "" || !fresh.SeenAt.IsZero() {
			t.Errorf("after it was concluded: %+v", fresh)
		}
	})
}

func TestAVerificationThatAnotherProcessConcludedIsNotGoneOnWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		v, err := s.Verification(t.Context(), "a", store.Span{}, time.Time{})
		must(t, err)
		again, err := s.Verification(t.Context(), "a", store.Span{}, time.Time{})
		must(t, err)
		must(t, s.Note(t.Context(), v, []store.Seen{{ID: "m1"}}))
		must(t, s.Note(t.Context(), again, []store.Seen{{ID: "m1"}}))
		must(t, s.Conclude(t.Context(), v))
		time.Sleep(time.Second)
		another, err := s.Verification(t.Context(), "b", store.Span{}, time.Time{})
		must(t, err)
		for _, err := range []error{s.Note(t.Context(), again, nil), s.Note(t.Context(), again, []store.Seen{{ID: "m2"}}), s.Conclude(t.Context(), again)} {
			if !errors.Is(err, store.ErrLocked) {
				t.Errorf("the error is %v", err)
			}
		}
		n, err := s.CountSeen(t.Context(), another)
		must(t, err)
		equal(t, "seen by another", n, 0)
		must(t, s.Conclude(t.Context(), another))
	})
}

func TestWhatWasSentBeforeAVerificationBeganIsNotSentSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		src := link(t, s, "messages", "aa")
		mark := func(id string) {
			t.Helper()
			must(t, s.Mark(t.Context(), src, 0, []store.Registration{{Record: id, Hash: 1}}))
		}
		mark("before")
		mark("both")
		v, err := s.Verification(t.Context(), "a", store.Span{}, time.Time{})
		must(t, err)
		time.Sleep(time.Second)
		mark("both")
		mark("since")
		must(t, s.Mark(t.Context(), src, 0, []store.Registration{{Record: "refused", Rejection: "no", Rejected: 1}}))
		sent, err := s.SentSince(t.Context(), v, src, []string{"before", "both", "since", "refused", "none"})
		must(t, err)
		equal(t, "sent since", sent, map[string]bool{"both": true, "since": true})
	})
}

func TestAVerificationThatIsNotGoneOnWithIsForgottenInTheEnd(t *testing.T) {
	days := store.Span{From: hour(0), To: hour(24)}
	for name, row := range map[string]struct {
		subject string
		span    store.Span
		later   time.Duration
		left    int // of the one id seen before
	}{
		"the same":                 {"a", days, time.Hour, 1},
		"the same, begun anew":     {"a", days, 7 * time.Hour, 1},
		"the same, a day later":    {"a", days, 31 * time.Hour, 0},
		"another start":            {"a", store.Span{From: hour(1), To: hour(24)}, time.Hour, 1},
		"another end":              {"a", store.Span{From: hour(0)}, time.Hour, 1},
		"another subject":          {"b", days, time.Hour, 1},
		"another, that takes long": {"b", days, 20 * time.Hour, 1},
		"another, a day later":     {"b", days, 31 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				v, err := s.Verification(t.Context(), "a", days, time.Time{})
				must(t, err)
				v.Place = "page 2"
				must(t, s.Note(t.Context(), v, []store.Seen{{ID: "m1"}}))
				time.Sleep(row.later)
				_, err = s.Verification(t.Context(), row.subject, row.span, time.Now().Add(-6*time.Hour))
				must(t, err)
				n, err := s.CountSeen(t.Context(), v)
				must(t, err)
				equal(t, "seen before and kept", n, row.left)
			})
		})
	}
}
