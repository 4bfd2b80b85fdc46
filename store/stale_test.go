package store_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// stale is what is stale of a part.
func stale(t *testing.T, s *store.Store, part string) []store.Stale {
	t.Helper()
	all, _, err := s.Stale(t.Context(), part, time.Now().AddDate(1, 0, 0), 1000)
	must(t, err)
	return all
}

// An ending does something with what is stale.
type ending func(*store.Store, context.Context, []store.Stale) error

// Each event comes a second after the one before it.
func TestWhatEventsMakeStaleIsReadLongestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in, began := inbox(t, s), time.Now().UTC()
		message := func(id, text string, csid int64, changed time.Time) store.Event {
			return store.Event{ID: id, CSID: csid, Stale: []store.Stale{{Part: "messages", CSID: csid, Item: text, ChangedAt: changed}}}
		}
		for _, e := range []store.Event{
			message("1", "b", 9, hour(2)), message("2", "a", 9, hour(3)), event("3", 7, "conversations"),
			message("4", "b", 9, hour(1)), message("5", "c", 8, time.Time{}),
		} {
			receive(t, in, e)
			time.Sleep(time.Second)
		}
		want := []store.Stale{
			{Part: "messages", CSID: 9, Item: "b", Since: began, ChangedAt: hour(2), Mark: 4},
			{Part: "messages", CSID: 9, Item: "a", Since: began.Add(time.Second), ChangedAt: hour(3), Mark: 2},
			{Part: "messages", CSID: 8, Item: "c", Since: began.Add(4 * time.Second), Mark: 5},
		}
		equal(t, "messages", stale(t, s, "messages"), want)
		first, _, err := s.Stale(t.Context(), "messages", time.Now().AddDate(1, 0, 0), 2)
		must(t, err)
		equal(t, "the first two", first, want[:2])
		equal(t, "conversations", stale(t, s, "conversations"), []store.Stale{
			{Part: "conversations", CSID: 7, Since: began.Add(2 * time.Second), ChangedAt: hour(1), Mark: 3}})
	})
}

func TestWhatIsSettledIsToBePushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		link(t, s, "messages", "0123456789abcdef0123456789abcdef")
		in, began := inbox(t, s), time.Now().UTC()
		receive(t, in, event("1", 7, "conversations"))
		time.Sleep(time.Second)
		receive(t, in, event("2", 7, "messages"), event("3", 8, "conversations"))
		time.Sleep(time.Second)
		for _, part := range []string{"messages", "conversations"} { // the younger first
			must(t, s.Settle(t.Context(), stale(t, s, part)))
			equal(t, part+" left", len(stale(t, s, part)), 0)
		}
		waiting := stale(t, s, store.Registrations)
		equal(t, "conversations to push", len(waiting), 2)
		equal(t, "the first, and since when", []any{waiting[0].CSID, waiting[0].Since}, []any{int64(7), began})
		equal(t, "the second, and since when", []any{waiting[1].CSID, waiting[1].Since}, []any{int64(8), began.Add(time.Second)})
		must(t, s.Settle(t.Context(), waiting))
		equal(t, "conversations to push when they are pushed", len(stale(t, s, store.Registrations)), 0)
		must(t, s.Settle(t.Context(), waiting)) // as it was read, and gone since
		equal(t, "and when they are settled again", len(stale(t, s, store.Registrations)), 0)
	})
}

func TestAnEventThatComesWhileItsConversationIsFetchedKeepsItStale(t *testing.T) {
	for name, end := range map[string]ending{"settled": (*store.Store).Settle, "let go": (*store.Store).LetGo} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t)
			in, began := inbox(t, s), time.Now().UTC()
			receive(t, in, event("1", 7, "conversations"), event("2", 8, "conversations"))
			read := stale(t, s, "conversations")
			for n := range 2 {
				time.Sleep(time.Second)
				receive(t, in, event(fmt.Sprint("later ", n), 7, "conversations"))
			}
			must(t, end(s, t.Context(), read))
			left := stale(t, s, "conversations")
			equal(t, "conversations left, "+name, len(left), 1)
			equal(t, "the one left, and since when, "+name, []any{left[0].CSID, left[0].Since}, []any{int64(7), began.Add(2 * time.Second)})
			must(t, end(s, t.Context(), left))
			equal(t, "conversations left in the end, "+name, len(stale(t, s, "conversations")), 0)
		})
	}
}

// The message of an event may be fetched while the conversation that the same event made stale is being pushed.
func TestWhatIsFetchedWhileItsConversationIsPushedIsPushedAfterThat(t *testing.T) {
	for name, add := range map[string]ending{"settled": (*store.Store).Settle, "asked for again": again} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t)
			link(t, s, "messages", "0123456789abcdef0123456789abcdef")
			began := time.Now().UTC()
			receive(t, inbox(t, s), event("1", 7, "conversations", "messages"))
			must(t, s.Settle(t.Context(), stale(t, s, "conversations")))
			pushing := stale(t, s, store.Registrations)
			time.Sleep(time.Second)
			must(t, add(s, t.Context(), stale(t, s, "messages")))
			must(t, s.Settle(t.Context(), pushing))
			left := stale(t, s, store.Registrations)
			equal(t, "conversations to push, "+name, len(left), 1)
			equal(t, "since when, "+name, left[0].Since, began)
			must(t, s.Settle(t.Context(), left))
			equal(t, "conversations to push in the end, "+name, len(stale(t, s, store.Registrations)), 0)
		})
	}
}

func TestWhatIsLetGoIsNotPushed(t *testing.T) {
	s := open(t)
	link(t, s, "messages", "0123456789abcdef0123456789abcdef")
	receive(t, inbox(t, s), event("1", 7, "conversations"))
	must(t, s.LetGo(t.Context(), stale(t, s, "conversations")))
	equal(t, "left to fetch and to push", []int{len(stale(t, s, "conversations")), len(stale(t, s, store.Registrations))}, []int{0, 0})
	live, err := s.Live(t.Context())
	must(t, err)
	equal(t, "when something was last fetched", live.AppliedAt, time.Time{})
}

func TestWhatIsFetchedIsPushedAndNotStaleThoughItIsAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		link(t, s, "messages", "0123456789abcdef0123456789abcdef")
		in, began := inbox(t, s), time.Now().UTC()
		receive(t, in, event("1", 7, "conversations"))
		time.Sleep(time.Second)
		must(t, again(s, t.Context(), stale(t, s, "conversations")))
		now := live(t, s)
		equal(t, "stale, to push, fetched", []any{now.Stale, now.Unpushed, now.OldestUnpushed, now.AppliedAt}, []any{0, 1, began, time.Now().UTC()})
		due, next, err := s.Stale(t.Context(), "conversations", time.Now(), 10)
		must(t, err)
		equal(t, "to be asked for, and when", []any{len(due), next}, []any{0, time.Now().Add(time.Minute).UTC()})
		time.Sleep(time.Second)
		receive(t, in, event("2", 7, "conversations"))
		now = live(t, s)
		equal(t, "stale by another event, and since when", []any{now.Stale, now.OldestStale}, []any{1, time.Now().UTC()})
		due, _, err = s.Stale(t.Context(), "conversations", time.Now(), 10)
		must(t, err)
		equal(t, "to be asked for at once", []any{len(due), due[0].Wait, due[0].Fetched}, []any{1, time.Duration(0), false})
	})
}

// again says that something came, and is asked for again.
func again(s *store.Store, ctx context.Context, all []store.Stale) error {
	for i := range all {
		all[i].Wait, all[i].Fetched, all[i].Push = time.Minute, true, true
	}
	return s.Later(ctx, all)
}

func TestEachSourceIsPushedToByItself(t *testing.T) {
	s := open(t)
	first, second := link(t, s, "messages", "0123456789abcdef0123456789abcdef"), link(t, s, "messages-2", "fedcba9876543210fedcba9876543210")
	receive(t, inbox(t, s), event("1", 7, "conversations"))
	must(t, s.Settle(t.Context(), stale(t, s, "conversations")))
	waiting := stale(t, s, store.Registrations)
	equal(t, "waiting for", []string{waiting[0].Item, waiting[1].Item}, []string{fmt.Sprint(first.ID), fmt.Sprint(second.ID)})
	must(t, s.Settle(t.Context(), waiting[:1]))
	l, err := s.Live(t.Context())
	must(t, err)
	equal(t, "conversations that wait while one source has them", l.Unpushed, 1)
	must(t, s.RemoveSource(t.Context(), second))
	equal(t, "waiting once the other is removed", len(stale(t, s, store.Registrations)), 0)
}

func TestWhatIsPutOffIsTriedAtOnceWhereAnEventHasComeSinceItWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		receive(t, in, event("1", 7, "conversations"))
		receive(t, in, event("2", 8, "conversations"))
		waiting := stale(t, s, "conversations")
		for i := range waiting {
			waiting[i].Wait = time.Minute
		}
		time.Sleep(time.Second)
		receive(t, in, event("3", 8, "conversations"))
		must(t, s.Later(t.Context(), waiting))
		due, next, err := s.Stale(t.Context(), "conversations", time.Now(), 10)
		must(t, err)
		if len(due) != 1 || due[0].CSID != 8 || due[0].Wait != 0 {
			t.Errorf("due at once: %+v", due)
		}
		equal(t, "when the other is due", next, time.Now().Add(time.Minute).UTC())
		due, _, err = s.Stale(t.Context(), "conversations", next, 10)
		must(t, err)
		equal(t, "due by then, what was tried last", []any{len(due), due[1].CSID, due[1].Wait}, []any{2, int64(7), time.Minute})
	})
}
