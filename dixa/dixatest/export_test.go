package dixatest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestEveryFilterAdmitsTheRowsBetweenItsBounds(t *testing.T) {
	s := small(t)
	for _, row := range []struct{ path, want string }{
		{between("conversation_export", "created", hour(1), hour(2)), "1 2"},
		{between("conversation_export", "last_message_created", hour(3), hour(4)), "2 3"},
		{between("conversation_export", "closed", hour(0), hour(24)), "1 2"},
		{between("conversation_export", "closed", hour(4), hour(24)), "2"},
		{between("conversation_export", "closed", 0, 1), ""},
		{between("conversation_export", "updated", hour(6), hour(6)), "3"},
		{between("conversation_export", "updated", hour(7), hour(9)), ""},
		{between("conversation_export", "created", "2025-10-06", "2025-10-07"), "1 2 3"},
		{between("conversation_export", "created", "2025-10-05", "2025-10-06"), ""},
		{"/v1/conversation_export?csids=3,1,77", "1 3"},
		{"/v1/conversation_export?csids=3%2C2", "2 3"},
		{"/v1/conversation_export?csids=3&csids=2", "2 3"},
		{allConversations() + "&csids=2,3" + fmt.Sprintf("&closed_after=%d&closed_before=%d", hour(0), hour(24)), "2"},
		{between("message_export", "created", hour(2), hour(3)), "m2 m3"},
		{between("message_export", "created", hour(-9), hour(0)), ""},
	} {
		if got := ids(t, get(s, row.path)); got != row.want {
			t.Errorf("%s gives %q, want %q", row.path, got, row.want)
		}
	}
}

func TestBoundsMayBeExclusive(t *testing.T) {
	path := between("message_export", "created", hour(1), hour(3))
	for _, row := range []struct {
		after, before bool
		want          string
	}{{false, false, "m1 m2 m3"}, {true, false, "m2 m3"}, {false, true, "m1 m2"}, {true, true, "m2"}} {
		s := behaving(t, func(b *dixatest.Behaviour) { b.ExclusiveAfter, b.ExclusiveBefore = row.after, row.before })
		if got := ids(t, get(s, path)); got != row.want {
			t.Errorf("exclusive %v and %v: %q, want %q", row.after, row.before, got, row.want)
		}
	}
}

func TestADateIsItsMidnightInTheServersZone(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.DateZone = time.FixedZone("", -2*3600) })
	if got := ids(t, get(s, between("message_export", "created", "2025-10-06", "2025-10-07"))); got != "m2 m3" {
		t.Errorf("a day that begins at 02:00 UTC holds %q, want m2 m3", got)
	}
}

func TestQueriesThatDixaRefusesAreRefused(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.MaxCSIDs = 2 })
	month := start.Add(31 * 24 * time.Hour).UnixMilli()
	for _, row := range []struct {
		path string
		want int
	}{
		{between("message_export", "created", hour(0), month), 200},
		{between("message_export", "created", hour(0), month+1), 400},
		{between("conversation_export", "updated", hour(0), month+1), 400},
		{between("conversation_export", "created", hour(0), hour(1)) + "&closed_after=2025-01-01&closed_before=2025-12-31", 400},
		{between("message_export", "created", hour(1), hour(0)), 400},
		{between("message_export", "created", hour(0), "tomorrow"), 400},
		{between("message_export", "created", "2025-10-06T00:00:00Z", hour(9)), 400},
		{between("message_export", "created", "2025-02-30", "2025-03-02"), 400},
		{between("message_export", "updated", hour(0), hour(1)), 400},
		{between("conversation_export", "created", hour(0), ""), 400},
		{"/v1/conversation_export", 400},
		{"/v1/message_export", 400},
		{"/v1/message_export?csids=1", 400},
		{fmt.Sprintf("/v1/conversation_export?created_after=%d", hour(0)), 400},
		{fmt.Sprintf("/v1/conversation_export?created_after=%d&updated_before=%d", hour(0), hour(1)), 400},
		{"/v1/conversation_export?csids=", 400},
		{"/v1/conversation_export?csids=1,x", 400},
		{"/v1/conversation_export?csids=4294967296", 400},
		{"/v1/conversation_export?csids=1,2,3", 422},
		{"/v1/conversations_export?csids=1", 404},
		{"/v1/message_export/", 404},
		{"/message_export", 404},
		{"/", 404},
	} {
		if got := get(s, row.path).Code; got != row.want {
			t.Errorf("%s is answered %d, want %d", row.path, got, row.want)
		}
	}
	post := request(allMessages())
	post.Method = http.MethodPost
	if got := serve(s, post).Code; got != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered %d", got)
	}
}

func TestRecordsAreServedByteForByte(t *testing.T) {
	w := dixatest.NewWorld(dixatest.Team{Seed: 1, From: start, To: start.AddDate(0, 0, 7)})
	s := &dixatest.Server{World: w}
	path := between("message_export", "created", start.UnixMilli(), start.AddDate(0, 0, 7).UnixMilli())
	if got := get(s, path).Body.Bytes(); !bytes.Equal(got, array(w.Messages())) {
		t.Error("the export differs from the world's messages")
	}
	if entry := s.Requests()[0]; entry.Records != len(w.Messages()) || !entry.Whole {
		t.Errorf("the log says %d records of %d, whole: %v", entry.Records, len(w.Messages()), entry.Whole)
	}
}

func TestMembersWithoutValueMayBeLeftOut(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.OmitNulls = true })
	body := get(s, allConversations()).Body.String()
	if strings.Contains(body, "null") || !strings.Contains(body, fmt.Sprintf(`"created_at":%d`, hour(3))) {
		t.Errorf("the reply is %s", body)
	}
	put(t, s.World, "messages", fmt.Sprintf(`{"id":"m0","created_at":%d,"from":null,"text":"<b> & 😊","n":9007199254740993}`, hour(0)))
	want := fmt.Sprintf(`[{"created_at":%d,"id":"m0","n":9007199254740993,"text":"<b> & 😊"},`, hour(0))
	if got := get(s, allMessages()).Body.String(); !strings.HasPrefix(got, want) {
		t.Errorf("the reply is %s, want what is left as it was: %s", got, want)
	}
}

func TestFieldsLatelyAddedComeOnTop(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.ExtraFields = true })
	messages := decode[record](t, get(s, allMessages()).Body.Bytes())
	if len(messages) != 3 {
		t.Fatalf("%d messages, want 3", len(messages))
	}
	for _, r := range messages {
		if !r.has("sentiment") || !r.has("id") || r["text"] != "<Hej> & æøå" {
			t.Errorf("a message is %v", r)
		}
	}
}

func TestRatingsMayComeInTheirOldSpelling(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.OldRatings = true })
	body := get(s, allConversations()).Body.String()
	if strings.Contains(body, "CSAT") || strings.Contains(body, "Rated") || strings.Count(body, `"rating_status":"rated"`) != 3 {
		t.Errorf("the reply is %s", body)
	}
}

func TestRowsMayComeInAnyOrderAndTwice(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.Shuffle, b.RepeatEvery = 3, 2 })
	got := strings.Fields(ids(t, get(s, allMessages())))
	if again := strings.Fields(ids(t, get(s, allMessages()))); !slices.Equal(got, again) {
		t.Errorf("one seed gives two orders: %v and %v", got, again)
	}
	if slices.IsSorted(got) {
		t.Errorf("%v are in order", got)
	}
	slices.Sort(got)
	if len(got) <= 3 || !slices.Equal(slices.Compact(got), []string{"m1", "m2", "m3"}) {
		t.Errorf("%v, want all three and one of them twice", got)
	}
}

func TestExportsAreCompressedForClientsThatAcceptIt(t *testing.T) {
	s := behaving(t, func(b *dixatest.Behaviour) { b.Gzip = true })
	plain := get(s, allMessages())
	r := request(allMessages())
	r.Header.Set("Accept-Encoding", "br, gzip")
	packed := serve(s, r)
	if plain.Header().Get("Content-Encoding") != "" || packed.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("encodings %q and %q", plain.Header().Get("Content-Encoding"), packed.Header().Get("Content-Encoding"))
	}
	sent := packed.Body.Len()
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || !bytes.Equal(body, plain.Body.Bytes()) {
		t.Errorf("unpacked: %v, %s", err, body)
	}
	if entry := s.Requests()[1]; entry.Bytes != int64(sent) || !entry.Whole {
		t.Errorf("the log says %d bytes of %d, whole: %v", entry.Bytes, sent, entry.Whole)
	}
}

func TestARowIsSeenOnlyWhenItsLagHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, now := new(dixatest.World), time.Now()
		put(t, w, "conversations", fmt.Sprintf(`{"id":1,"created_at":%d,"updated_at":%d}`, now.UnixMilli(), now.Add(time.Minute).UnixMilli()))
		put(t, w, "messages", fmt.Sprintf(`{"id":"m1","created_at":%d}`, now.UnixMilli()))
		s := &dixatest.Server{World: w, Behaviour: dixatest.Behaviour{Lag: 10 * time.Minute}}
		bounds := []any{now.Add(-time.Hour).UnixMilli(), now.Add(time.Hour).UnixMilli()}
		see := func() string {
			return ids(t, get(s, between("message_export", "created", bounds[0], bounds[1]))) + "/" +
				ids(t, get(s, between("conversation_export", "created", bounds[0], bounds[1])))
		}
		for _, row := range []struct {
			after time.Duration
			want  string
		}{{0, "/"}, {10*time.Minute - 1, "/"}, {10 * time.Minute, "m1/"}, {11 * time.Minute, "m1/1"}} {
			time.Sleep(row.after - time.Since(now))
			if got := see(); got != row.want {
				t.Errorf("after %v the exports give %q, want %q", row.after, got, row.want)
			}
		}
	})
}

func TestTheFirstByteMayBeSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, begun := behaving(t, func(b *dixatest.Behaviour) { b.SlowFirstByte = time.Minute }), time.Now()
		get(s, allMessages())
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("answered after %v, want a minute", took)
		}
	})
}

func TestAChangeUnderWayDoesNotDisturbAReply(t *testing.T) {
	s := small(t)
	s.Fault(dixatest.Fault{Do: dixatest.Stall, Bytes: 1, Release: closed(), Hit: func() {
		if err := s.World.Put("messages", json.RawMessage(fmt.Sprintf(`{"id":"m9","csid":1,"created_at":%d}`, hour(1)))); err != nil {
			t.Error(err)
		}
	}})
	if got := ids(t, get(s, allMessages())); got != "m1 m2 m3" {
		t.Errorf("the reply under way gives %q", got)
	}
	if got := ids(t, get(s, allMessages())); got != "m1 m9 m2 m3" {
		t.Errorf("the next reply gives %q", got)
	}
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}
