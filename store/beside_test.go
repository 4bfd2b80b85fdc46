package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// What was A, is B for a while and A again: the answer that says B was asked for before the one that says A.
func TestTheAnswerToAnOlderRequestDoesNotReplaceWhatCameUnchanged(t *testing.T) {
	for _, kind := range []string{"conversations", "messages"} {
		s := open(t)
		w := span(t, s, "serve", kind, hour(0), hour(10))
		a, b := belonging(kind, 1, 7, `,"state":"A"`), belonging(kind, 1, 7, `,"state":"B"`)
		save(t, s, store.Answer{Window: w, Request: 1, Known: time.Now()}, store.Batch{Records: []store.Record{a}})
		saved := save(t, s, store.Answer{Window: w, Request: 3, Since: 2, Known: time.Now()}, store.Batch{Records: []store.Record{a}})
		equal(t, kind+": changed by the same again", saved.Changed, 0)
		revision := log(t, s, []string{kind}, 0, 10)[0].Revision
		saved = save(t, s, store.Answer{Window: w, Request: 2, Known: time.Now()}, store.Batch{Records: []store.Record{b}})
		equal(t, kind+": changed by the late answer", saved.Changed, 0)
		equal(t, kind+": the body", body(t, s, kind, a.ID), a.Body)
		equal(t, kind+": the revision", log(t, s, []string{kind}, 0, 10)[0].Revision, revision)
		save(t, s, store.Answer{Window: w, Request: 4, Known: time.Now()}, store.Batch{Records: []store.Record{b}})
		equal(t, kind+": the body in a newer answer", body(t, s, kind, a.ID), b.Body)
	}
}

func TestAConversationErasedWhileItsAnswerWasUnderWayIsScrubbedAgain(t *testing.T) {
	for _, row := range []struct {
		name   string
		asked  time.Duration // when it was read what is erased: before or after that was
		beside bool
		want   string
	}{
		{"read before", -time.Minute, true, "[7]"},
		{"read in the same moment", 0, true, "[7]"},
		{"read after", time.Minute, true, "[]"},
		{"alone", -time.Minute, false, "[]"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t)
			put(t, s, belonging("messages", 1, 7, `,"text":"secret"`))
			w := span(t, s, "serve", "messages", hour(0), hour(10))
			time.Sleep(time.Hour)
			must(t, s.Erase(t.Context(), []int64{7, 9}))
			erased := time.Now()
			scrub(t, s, 7, 9)
			equal(t, row.name+": to scrub before the answer", unscrubbed(t, s), "[]")
			a := store.Answer{Window: w, Request: 5}
			if row.beside {
				a.Known = erased.Add(row.asked)
			}
			save(t, s, a, store.Batch{Records: []store.Record{belonging("messages", 1, 7, `,"text":"secret"`), belonging("messages", 2, 8, "")}})
			equal(t, row.name+": to scrub", unscrubbed(t, s), row.want)
			if row.want != "[]" {
				equal(t, row.name+": scrubbed", scrub(t, s, 7), map[string]int{"messages": 1})
				if left := body(t, s, "messages", "m1"); strings.Contains(left, "secret") {
					t.Errorf("%s: what is left is %s", row.name, left)
				}
			}
		})
	}
}

func TestTransactionsAreSmallWhileTheReceiverRuns(t *testing.T) {
	for _, row := range []struct {
		name    string
		receive func(*testing.T, *store.Store)
		want    int
	}{
		{"it does not run", func(*testing.T, *store.Store) {}, 1},
		{"it runs", func(t *testing.T, s *store.Store) { must(t, s.Beat(t.Context())) }, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t)
			w := span(t, s, "import", "messages", hour(0), hour(10))
			row.receive(t, s)
			before, began := commits(t, s), time.Now()
			var batches []store.Batch
			for n := range 10 {
				batches = append(batches, store.Batch{Records: messages(500*n, 500*(n+1))})
			}
			save(t, s, store.Answer{Window: w, Request: 1}, batches...)
			equal(t, "transactions for ten batches when "+row.name, commits(t, s)-before, row.want)
			equal(t, "there is a pause between them when "+row.name, time.Since(began) > 0, row.want > 1)
		})
	}
}

func TestATransactionWaitsForThatOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		for name, write := range map[string]func() error{
			"a beat":     func() error { return s.Beat(t.Context()) },
			"a request":  func() error { _, _, err := s.Spend(t.Context(), perHour); return err },
			"an erasure": func() error { return s.Erase(t.Context(), []int64{7}) },
		} {
			release, began := blocked(t, s), time.Now()
			time.AfterFunc(20*time.Second, release)
			must(t, write())
			if took := time.Since(began); took < 20*time.Second || took > 20*time.Second+10*time.Millisecond {
				t.Errorf("%s waits for %v where another writes for 20 s", name, took)
			}
		}

		release := blocked(t, s)
		defer release()
		if err := s.Beat(t.Context()); err == nil || !strings.Contains(err.Error(), "locked") {
			t.Errorf("where another never ends: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Beat(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that is given up: %v", err)
		}
	})
}

// What importSlowly saves: each batch is a transaction, which a trigger makes long.
const (
	slowBatches = 200
	slowRows    = 1000
	slowTrigger = `CREATE TRIGGER slow AFTER INSERT ON records WHEN new.csid % 1000 = 0 BEGIN SELECT pause(200); END`
)

// An import of another process is all but always in a transaction; events find the moments between two of them.
func TestEventsAreStoredBesideTheImportOfAnotherProcess(t *testing.T) {
	s := open(t)
	exec(t, s.Path(), slowTrigger)
	must(t, s.Beat(t.Context()))
	in := inbox(t, s)
	importing := begin(t, "import", s.Path())
	equal(t, "it says", importing.says(), "it is at work")
	const sent = 20
	for n := range sent {
		receive(t, in, event(fmt.Sprint(n), 7, "conversations"))
	}
	var batches int
	_, err := fmt.Sscan(importing.stop(), &batches)
	must(t, err)
	if batches > 3+2*sent {
		t.Errorf("the import saved %d batches until %d events were stored one after another", batches, sent)
	}
	records, _, err := s.Count(t.Context(), "messages")
	must(t, err)
	if records == 0 || events(t, s) != sent {
		t.Errorf("%d records and %d events", records, events(t, s))
	}
}
