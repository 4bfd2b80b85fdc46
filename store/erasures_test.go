package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// bare is what is left of a body in these tests.
func bare(r store.Record) (string, error) { return fmt.Sprintf(`{"id":%q}`, r.ID), nil }

// scrub scrubs conversations, and counts by kind the records that it changed.
func scrub(t *testing.T, s *store.Store, csids ...int64) map[string]int {
	t.Helper()
	scrubbed, err := s.Scrub(t.Context(), csids, bare)
	must(t, err)
	return scrubbed
}

// unscrubbed are the erased conversations that wait for it.
func unscrubbed(t *testing.T, s *store.Store) string {
	t.Helper()
	csids, err := s.Unscrubbed(t.Context())
	must(t, err)
	return fmt.Sprint(csids)
}

// held tells whether there may be something left in the file.
func held(t *testing.T, s *store.Store) bool {
	t.Helper()
	left, err := s.Residue(t.Context())
	must(t, err)
	return left.Held
}

func TestAnErasedConversationIsKnownAsSuchForGood(t *testing.T) {
	s := open(t)
	put(t, s, belonging("messages", 1, 7, ""))
	erased := func() store.Erased {
		e, err := s.Erased(t.Context())
		must(t, err)
		return e
	}
	equal(t, "7 is erased before it was asked for", erased().Conversation(7), false)
	must(t, s.Erase(t.Context(), nil))
	must(t, s.Erase(t.Context(), []int64{8}))
	equal(t, "one of which the cache held nothing", unscrubbed(t, s), "[8]")
	equal(t, "it holds something", held(t, s), false)
	must(t, s.Erase(t.Context(), []int64{7, 8, 7}))
	equal(t, "and one of which it held something", unscrubbed(t, s), "[7 8]")
	equal(t, "it holds something then", held(t, s), true)
	scrub(t, s, 7)
	equal(t, "when that is scrubbed", unscrubbed(t, s), "[8]")
	equal(t, "it holds something until it is wiped", held(t, s), true)
	must(t, s.Wipe(t.Context()))
	equal(t, "it holds something when it is wiped", held(t, s), false)
	scrub(t, s, 7, 8)
	must(t, s.Erase(t.Context(), []int64{7}))
	equal(t, "when one is erased again", unscrubbed(t, s), "[]")
	equal(t, "it holds something when one is erased again", held(t, s), false)
	e := erased()
	equal(t, "7, 8 and 9 are erased", []bool{e.Conversation(7), e.Conversation(8), e.Conversation(9)}, []bool{true, true, false})
	e.Add(9)
	equal(t, "9 is erased once it was added", e.Conversation(9), true)
}

func TestAnAnswerMayTellThatConversationsAreErased(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "conversations", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 8}, store.Batch{Records: []store.Record{belonging("conversations", 8, 8, "")}, Erase: []int64{8}})
	equal(t, "the cache held something of 8 before it came erased", held(t, s), false)
	put(t, s, belonging("messages", 1, 7, `,"text":"secret"`))
	save(t, s, store.Answer{Window: w, Request: 9}, store.Batch{Erase: []int64{7, 8}})
	equal(t, "what is to be scrubbed", unscrubbed(t, s), "[7 8]")
	equal(t, "the cache held something of 7", held(t, s), true)
}

// What came of a conversation after it was known to be erased is scrubbed in one transaction with the word that the file
// holds it: a kill between the two would leave it there.
func TestWhatIsScrubbedIsHeldUntilTheNextWipe(t *testing.T) {
	s := open(t)
	must(t, s.Erase(t.Context(), []int64{7}))
	put(t, s, belonging("messages", 1, 7, `,"text":"secret"`))
	equal(t, "it holds something before it is scrubbed", held(t, s), false)
	scrub(t, s, 7)
	equal(t, "it holds something", held(t, s), true)
	must(t, s.Wipe(t.Context()))
	put(t, s, belonging("messages", 2, 7, `,"text":"secret"`))
	scrub(t, s, 7)
	equal(t, "it holds something once more", held(t, s), true)
}

func TestHundredsOfConversationsAreScrubbedAtOnce(t *testing.T) {
	s := open(t)
	var csids []int64
	for n := range 250 {
		put(t, s, belonging("messages", n, int64(n)+1, `,"text":"secret"`))
		csids = append(csids, int64(n)+1)
	}
	must(t, s.Erase(t.Context(), csids))
	equal(t, "records scrubbed", scrub(t, s, csids...), map[string]int{"messages": 250})
	equal(t, "what is to be scrubbed", unscrubbed(t, s), "[]")
}

func TestARequestersConversationsAreErasedUpToTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		erased := func() store.Erased {
			e, err := s.Erased(t.Context())
			must(t, err)
			return e
		}
		if erased().Requester("mette@example.dk", 0) {
			t.Error("someone is erased who never was")
		}
		for range 2 { // asked for again, it holds up to the later moment
			time.Sleep(time.Hour)
			now := time.Now().UnixMilli()
			must(t, s.EraseRequester(t.Context(), "mette@example.dk"))
			for email, want := range map[string][3]bool{"mette@example.dk": {true, true, false}, "jens@example.dk": {}, "": {}} {
				e := erased()
				got := [3]bool{e.Requester(email, 1), e.Requester(email, now-1), e.Requester(email, now)}
				equal(t, "erased from "+email, got, want)
			}
		}
		if bytes.Contains(content(t, s.Path()), []byte("mette")) {
			t.Error("the cache keeps the e-mail")
		}
	})
}

func TestTheDigestOfARequesterDiffersFromCacheToCache(t *testing.T) {
	digest := func(s *store.Store) (digest string) {
		must(t, s.EraseRequester(t.Context(), "mette@example.dk"))
		must(t, raw(t, s.Path()).QueryRow(`SELECT digest FROM erased_requesters`).Scan(&digest))
		return digest
	}
	if a, b := digest(open(t)), digest(open(t)); a == b || len(a) != 64 {
		t.Errorf("digests %q and %q", a, b)
	}
}

func TestTheConversationsOfACustomerAreFoundByAnyOfTheirEmails(t *testing.T) {
	s := open(t)
	put(t, s,
		belonging("conversations", 1, 1, `,"requester_email":"Mette@Example.dk"`),
		belonging("conversations", 2, 2, `,"requester_email":"jens@example.dk","requester_additional_emails":[" METTE@example.dk",null,7,{"a":1}]`),
		belonging("conversations", 3, 3, `,"requester_email":"jens@example.dk","requester_additional_emails":"mette"`),
		belonging("conversations", 4, 4, `,"requester_email":"jens@example.dk"`),
		belonging("messages", 5, 5, `,"author_email":"mette@example.dk","direction":"Inbound"`),  // without its conversation
		belonging("messages", 6, 4, `,"author_email":"mette@example.dk","direction":"inbound"`),  // in another's
		belonging("messages", 7, 7, `,"author_email":"mette@example.dk","direction":"outbound"`), // an agent's
		belonging("messages", 8, 0, `,"author_email":"mette@example.dk","direction":"inbound"`),  // in none
		belonging("conversations", 9, 9, `,"requester_email":null`),                              // nobody's, as far as it tells
		belonging("messages", 9, 9, `,"author_email":"Mette@example.dk","direction":"INBOUND"`),
		belonging("conversations", 10, 10, `,"requester_email":"METTEÅ@example.dk"`),
	)
	normal := func(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
	got, err := s.ConversationsOf(t.Context(), "mette@example.dk", normal)
	must(t, err)
	equal(t, "conversations", got, []int64{1, 2, 5, 9})
	got, err = s.ConversationsOf(t.Context(), "metteå@example.dk", normal)
	must(t, err)
	equal(t, "conversations of one with a letter beyond ASCII", got, []int64{10})
	got, err = s.ConversationsOf(t.Context(), "", normal)
	must(t, err)
	equal(t, "conversations of nobody", len(got), 0)
}

func TestScrubbingReplacesBodiesAndForgetsRegistrations(t *testing.T) {
	s := open(t)
	src, other := link(t, s, "a", "aa"), link(t, s, "b", "bb")
	put(t, s, belonging("conversations", 7, 7, `,"subject":"secret"`), belonging("messages", 1, 7, `,"text":"secret"`),
		belonging("messages", 2, 7, `,"text":"secret"`), belonging("messages", 3, 8, `,"text":"kept"`))
	must(t, s.Mark(t.Context(), src, 9, []store.Registration{{Record: "m1", Hash: 1, Row: `{"a":"secret"}`}, {Record: "m2", Hash: 2, Row: `{}`}, {Record: "m3", Hash: 3, Row: `{}`}}))
	must(t, s.Mark(t.Context(), src, 9, []store.Registration{{Record: "m2", Rejected: 5, Rejection: "secret is no number"}}))
	must(t, s.Mark(t.Context(), other, 9, []store.Registration{{Record: "m1", Hash: 4, Row: `{"a":"secret"}`}}))

	equal(t, "records scrubbed", scrub(t, s, 7), map[string]int{"conversations": 1, "messages": 2})

	equal(t, "the body", body(t, s, "messages", "m1"), `{"id":"m1"}`)
	equal(t, "the body of another conversation's", body(t, s, "messages", "m3"), belonging("messages", 3, 8, `,"text":"kept"`).Body)
	known, err := s.Registrations(t.Context(), src, []string{"m1", "m2", "m3"})
	must(t, err)
	equal(t, "registrations", known, map[string]store.Registration{
		"m1": {Record: "m1", Hash: 1}, "m2": {Record: "m2", Hash: 2, Rejection: "erased"}, "m3": {Record: "m3", Hash: 3},
	})
	for of, want := range map[*store.Source]int{&src: 1, &other: 0} {
		rows, err := s.Rows(t.Context(), *of, []string{"m1", "m2", "m3"})
		must(t, err)
		equal(t, "rows of "+of.Name+" that are kept", len(rows), want)
	}
	if got := log(t, s, []string{"messages"}, 0, 10); len(got) != 3 || got[0].ID != "m3" {
		t.Errorf("what is scrubbed is not at the end of the change log: %v", got)
	}
}

// Dixa anonymizes a conversation: its body comes without content, and is all the same not what a registration shows.
func TestScrubbingForgetsARegistrationWhoseRecordCameWithoutContent(t *testing.T) {
	s := open(t)
	src := link(t, s, "a", "aa")
	put(t, s, belonging("messages", 1, 7, `,"text":"secret"`), belonging("messages", 2, 7, ""))
	must(t, s.Mark(t.Context(), src, 9, []store.Registration{{Record: "m1", Hash: 1, Row: `{"a":"secret"}`}}))
	came := belonging("messages", 1, 7, "")
	came.Body, _ = bare(came)
	must(t, s.Erase(t.Context(), []int64{7}))
	put(t, s, came)
	equal(t, "records scrubbed", scrub(t, s, 7), map[string]int{"messages": 2})
	rows, err := s.Rows(t.Context(), src, []string{"m1"})
	must(t, err)
	equal(t, "rows that are kept", len(rows), 0)
	equal(t, "records scrubbed again", len(scrub(t, s, 7)), 0)

	// What was sent and refused since then is without content.
	must(t, s.Mark(t.Context(), src, 99, []store.Registration{{Record: "m1", Hash: 2, Row: `{"a":null}`}, {Record: "m2", Rejected: 5, Rejection: "no"}}))
	equal(t, "records scrubbed when all are sent", len(scrub(t, s, 7)), 0)
	rows, err = s.Rows(t.Context(), src, []string{"m1"})
	must(t, err)
	equal(t, "rows that are kept then", len(rows), 1)
}

func TestAScrubThatFailsChangesNothing(t *testing.T) {
	s := open(t)
	put(t, s, belonging("messages", 1, 7, ""), belonging("messages", 2, 7, ""))
	before := log(t, s, kinds, 0, 10)
	n := 0
	_, err := s.Scrub(t.Context(), []int64{7}, func(r store.Record) (string, error) {
		if n++; n == 2 {
			return "", errors.New("on purpose")
		}
		return bare(r)
	})
	if err == nil {
		t.Error("no error")
	}
	equal(t, "the change log", log(t, s, kinds, 0, 10), before)
	equal(t, "the body", body(t, s, "messages", "m1"), belonging("messages", 1, 7, "").Body)
}

func TestWhatIsSetAsideIsScrubbedToo(t *testing.T) {
	s := open(t)
	w := span(t, s, "import", "messages", hour(0), hour(10))
	save(t, s, store.Answer{Window: w, Request: 1}, whole(), store.Batch{Aside: []store.Aside{
		{ID: "m1", Reason: "bad", Body: []byte("{\"csid\":7,\"text\":\"secret\xff\"}")}, {ID: "m2", Reason: "bad", Body: []byte(`{"csid":8}`)},
		{Reason: "no object", Body: []byte("7")},
	}})
	belongs := func(body []byte) bool { return bytes.Contains(body, []byte(`"csid":7,`)) }
	for _, want := range []int{1, 0} {
		n, err := s.ScrubAside(t.Context(), belongs)
		must(t, err)
		equal(t, "elements removed", n, want)
		equal(t, "the file holds something", held(t, s), true)
	}
	_, left, err := s.Count(t.Context(), "messages")
	must(t, err)
	equal(t, "elements left", left, 2)
}

// Bodies of all sizes, replaced in any order, leave copies of themselves in the log, in free pages and behind shorter rows.
func TestOfWhatWasWipedNoByteIsLeft(t *testing.T) {
	seeded(t, 4, func(t *testing.T, r *rand.Rand) {
		s := open(t)
		src := link(t, s, "a", "aa")
		planted := func(n int) string {
			return fmt.Sprintf(`,"text":"%s"`, strings.Repeat(fmt.Sprintf("secret%d ", n), 1+r.IntN([]int{10, 100, 5000}[r.IntN(3)])))
		}
		for range 5 {
			var records []store.Record
			var marks []store.Registration
			for range 40 {
				n := r.IntN(60)
				records = append(records, belonging("messages", n, int64(n)+1, planted(n)))
				marks = append(marks, store.Registration{Record: fmt.Sprintf("m%d", n), Hash: 1, Row: "{" + planted(n)[1:] + "}"})
			}
			put(t, s, records...)
			must(t, s.Mark(t.Context(), src, 0, marks))
		}
		for n := range 30 {
			scrub(t, s, int64(n)+1)
		}
		must(t, s.Wipe(t.Context()))
		left := content(t, s.Path())
		for n := range 60 {
			if got := bytes.Contains(left, fmt.Appendf(nil, "secret%d ", n)); got != (n >= 30 && body(t, s, "messages", fmt.Sprintf("m%d", n)) != "") {
				t.Errorf("secret%d is there: %v", n, got)
			}
		}
		must(t, s.Check(t.Context()))
		put(t, s, belonging("messages", 99, 99, "")) // and the cache goes on
		equal(t, "a record after it", body(t, s, "messages", "m99"), belonging("messages", 99, 99, "").Body)
	})
}

func TestAWipeGoesWellBesideIdleProcessesAndSaysWhenOneReads(t *testing.T) {
	s := open(t)
	other := openAt(t, s.Path())
	put(t, s, belonging("messages", 1, 7, `,"text":"secret"`))
	equal(t, "the body", body(t, other, "messages", "m1"), belonging("messages", 1, 7, `,"text":"secret"`).Body)

	reader := raw(t, s.Path())
	reader.SetMaxOpenConns(1)
	_, err := reader.Exec(`BEGIN`)
	must(t, err)
	var n int
	must(t, reader.QueryRow(`SELECT count(*) FROM records`).Scan(&n))
	scrub(t, s, 7)
	synctest.Test(t, func(t *testing.T) { // it waits for a while
		if err := s.Wipe(t.Context()); err == nil || !strings.Contains(err.Error(), "another process reads the file") {
			t.Errorf("while another reads: %v", err)
		}
	})
	must(t, reader.QueryRow(`SELECT count(*) FROM records WHERE body LIKE '%secret%'`).Scan(&n))
	equal(t, "what the reader still sees", n, 1)
	_, err = reader.Exec(`COMMIT`)
	must(t, err)

	must(t, s.Wipe(t.Context()))
	if bytes.Contains(content(t, s.Path()), []byte("secret")) {
		t.Error("the secret is left")
	}
	equal(t, "the body that the other reads", body(t, other, "messages", "m1"), `{"id":"m1"}`)
}
