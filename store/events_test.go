package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// inbox begins to take events until the end of the test.
func inbox(t *testing.T, s *store.Store) *store.Inbox {
	in := s.Inbox(nil)
	t.Cleanup(in.Close)
	return in
}

// event is one that makes parts of a conversation stale.
func event(id string, csid int64, parts ...string) store.Event {
	e := store.Event{ID: id, Type: "CONVERSATION_CLOSED", CSID: csid, At: hour(1)}
	for _, part := range parts {
		e.Stale = append(e.Stale, store.Stale{Part: part, CSID: csid, ChangedAt: hour(1)})
	}
	return e
}

// receive puts events one after another, each for the first time.
func receive(t *testing.T, in *store.Inbox, events ...store.Event) {
	t.Helper()
	for _, e := range events {
		fresh, err := in.Put(e)
		must(t, err)
		equal(t, "event "+e.ID+" is fresh", fresh, true)
	}
}

// An answer is what Put says of an event.
type answer struct {
	fresh bool
	err   error
}

// putAll puts events at once, and returns where the answers will be when done is.
func putAll(in *store.Inbox, events []store.Event) (answers []answer, done *sync.WaitGroup) {
	answers, done = make([]answer, len(events)), new(sync.WaitGroup)
	for i, e := range events {
		done.Go(func() { answers[i].fresh, answers[i].err = in.Put(e) })
	}
	return answers, done
}

// blocked has another one write to the cache until it is released.
func blocked(t *testing.T, s *store.Store) (release func()) {
	t.Helper()
	db := raw(t, s.Path())
	db.SetMaxOpenConns(1)
	_, err := db.Exec(`BEGIN IMMEDIATE`)
	must(t, err)
	return func() {
		t.Helper()
		_, err := db.Exec(`COMMIT`)
		must(t, err)
	}
}

// commits counts the transactions in the log. https://sqlite.org/fileformat2.html#the_write_ahead_log
func commits(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	const header, frame = 32, 24
	wal, err := os.ReadFile(s.Path() + "-wal")
	must(t, err)
	for at := header; at+frame <= len(wal); at += frame + 8192 {
		if string(wal[at+8:at+16]) != string(wal[16:24]) {
			break // of a log that was there before this one
		}
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 {
			n++
		}
	}
	return n
}

// events counts those that are kept.
func events(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	counts, err := s.EventCounts(t.Context())
	must(t, err)
	for _, c := range counts {
		n += c.Events
	}
	return n
}

func numbered(n int) (all []store.Event) {
	for i := range n {
		all = append(all, event(fmt.Sprint("e", i), int64(i), "conversations"))
	}
	return all
}

func TestAnEventIsKeptOnceHoweverOftenItComesAtOnce(t *testing.T) {
	s := open(t)
	in := inbox(t, s)
	answers, done := putAll(in, slices.Repeat([]store.Event{event("e", 7, "conversations")}, 1000))
	done.Wait()
	fresh := 0
	for _, a := range answers {
		must(t, a.err)
		if a.fresh {
			fresh++
		}
	}
	equal(t, "fresh answers and events", []int{fresh, events(t, s)}, []int{1, 1})
	first := stale(t, s, "conversations")
	answers, done = putAll(in, []store.Event{event("e", 7, "conversations", "messages")})
	done.Wait()
	equal(t, "the answer, when it is stored long since", answers[0], answer{})
	equal(t, "what is stale then", stale(t, s, "conversations"), first)
	equal(t, "what it says the second time", len(stale(t, s, "messages")), 0)
}

func TestEventsThatWaitAreStoredTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		release, before := blocked(t, s), commits(t, s)
		answers, done := putAll(in, numbered(1000))
		synctest.Wait()
		release()
		done.Wait()
		for i, a := range answers {
			equal(t, fmt.Sprint("the answer to event ", i), a, answer{fresh: true})
		}
		equal(t, "events", events(t, s), 1000)
		if n := commits(t, s) - before; n > 5 {
			t.Errorf("%d transactions for 1000 events", n)
		}
	})
}

func TestAnEventIsNotTriedWhereTooManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		release := blocked(t, s)
		const sent = 5000
		answers, done := putAll(in, numbered(sent))
		synctest.Wait()
		equal(t, "events while another writes", events(t, s), 0)
		release()
		done.Wait()
		busy := 0
		for i, a := range answers {
			if errors.Is(a.err, store.ErrBusy) {
				busy++
				continue
			}
			equal(t, fmt.Sprint("the answer to event ", i), a, answer{fresh: true})
		}
		if kept := sent - busy; kept < 2000 || kept > 3000 {
			t.Errorf("%d of %d events were taken while none could be stored", kept, sent)
		}
		equal(t, "events", events(t, s), sent-busy)
		receive(t, in, event("later", 1))
	})
}

func TestClosingStoresWhatWasPutAndTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := s.Inbox(nil)
		release := blocked(t, s)
		answers, done := putAll(in, numbered(700))
		synctest.Wait()
		var closing sync.WaitGroup
		for range 2 {
			closing.Go(in.Close)
		}
		synctest.Wait()
		if _, err := in.Put(event("too late", 7)); !errors.Is(err, store.ErrBusy) {
			t.Errorf("of an event that comes when it closes: %v", err)
		}
		release()
		closing.Wait()
		equal(t, "events when it is closed", events(t, s), 700)
		done.Wait()
		for i, a := range answers {
			equal(t, fmt.Sprint("the answer to event ", i), a, answer{fresh: true})
		}
	})
}

// A trigger stands for a disk that is full for one of the events that wait.
func TestEveryoneWhoWaitsIsToldThatNothingCouldBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		var turns []bool
		in := s.Inbox(func(err error) { turns = append(turns, err == nil) })
		t.Cleanup(in.Close)
		exec(t, s.Path(), `CREATE TRIGGER broken BEFORE INSERT ON stale WHEN new.csid > 0 BEGIN SELECT raise(ABORT, 'on purpose'); END`)
		release := blocked(t, s)
		answers, done := putAll(in, numbered(300))
		synctest.Wait()
		release()
		done.Wait()
		failed := 0
		for _, a := range answers {
			if a.err != nil {
				failed++
				equal(t, "an event that is not stored is fresh", a.fresh, false)
				if errors.Is(a.err, store.ErrBusy) || !strings.Contains(a.err.Error(), "saving events") {
					t.Errorf("the error is %v", a.err)
				}
			}
		}
		if failed < 299 { // the first may have gone alone, and harms nobody
			t.Errorf("%d of 300 were told", failed)
		}
		equal(t, "events", events(t, s), 300-failed)
		exec(t, s.Path(), `DROP TRIGGER broken`)
		receive(t, in, event("e299", 299, "conversations"))
		equal(t, "turns", turns, []bool{false, true})
	})
}

// Whoever sent it waits for the answer, and would send it again.
func TestAnEventIsRefusedWhereAnotherWritesForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		for _, row := range []struct {
			writes time.Duration
			stored bool
		}{{3 * time.Second, true}, {5 * time.Second, false}} {
			release, began := blocked(t, s), time.Now()
			time.AfterFunc(row.writes, release)
			e := event(row.writes.String(), 7, "conversations")
			fresh, err := in.Put(e)
			equal(t, fmt.Sprint("it is stored where another writes for ", row.writes), []bool{fresh, err == nil}, []bool{row.stored, row.stored})
			if took := time.Since(began); took > 4*time.Second {
				t.Errorf("the answer took %v", took)
			}
			if !row.stored {
				time.Sleep(time.Minute)
				equal(t, "events in the end", events(t, s), 1)
				receive(t, in, e)
			}
		}
	})
}

// The trigger reads the setting in the transaction that stores the event: 2 is FULL.
// https://sqlite.org/pragma.html#pragma_synchronous
func TestAnEventIsOnTheDiskWhenItIsAnswered(t *testing.T) {
	s := open(t)
	exec(t, s.Path(), `CREATE TABLE settings (synchronous INTEGER);
		CREATE TRIGGER look AFTER INSERT ON events BEGIN INSERT INTO settings SELECT synchronous FROM pragma_synchronous; END`)
	receive(t, inbox(t, s), event("e", 7))
	var got int
	must(t, raw(t, s.Path()).QueryRow(`SELECT synchronous FROM settings`).Scan(&got))
	equal(t, "how safely it was stored", got, 2)
}

func TestWhatIsKeptOfAnEventIsWhatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		for i, e := range []store.Event{event("a", 7), {ID: "b", Type: "TYPING_STARTED"}, {ID: "c"}, event("d", 8)} {
			receive(t, in, e)
			if i < 3 {
				time.Sleep(time.Minute)
			}
		}
		counts, err := s.EventCounts(t.Context())
		must(t, err)
		now := time.Now().UTC()
		equal(t, "events by type", counts, []store.EventCount{
			{Type: "", Events: 1, Newest: now.Add(-time.Minute)},
			{Type: "CONVERSATION_CLOSED", Events: 2, Newest: now},
			{Type: "TYPING_STARTED", Events: 1, Newest: now.Add(-2 * time.Minute)},
		})
		var unnamed int
		must(t, raw(t, s.Path()).QueryRow(`SELECT count(*) FROM events WHERE csid IS NULL AND at IS NULL`).Scan(&unnamed))
		equal(t, "events without conversation and time", unnamed, 2)
	})
}

func TestEventsAreForgottenWhenTheyDoNotComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		in := inbox(t, s)
		receive(t, in, event("old", 7, "conversations"))
		time.Sleep(30 * 24 * time.Hour)
		receive(t, in, event("young", 8))
		must(t, s.ForgetEvents(t.Context()))
		equal(t, "events after 30 days", events(t, s), 2)
		time.Sleep(2 * 24 * time.Hour)
		must(t, s.ForgetEvents(t.Context()))
		equal(t, "events after 32 days", events(t, s), 1)
		waiting := stale(t, s, "conversations")
		equal(t, "what the forgotten one made stale", len(waiting), 1)
		must(t, s.ForgetEvents(t.Context()))
		receive(t, in, event("old", 7, "conversations"))
		if again := stale(t, s, "conversations"); again[0].Mark <= waiting[0].Mark {
			t.Errorf("the mark %d comes after %d", again[0].Mark, waiting[0].Mark)
		}
	})
}
