package dixa_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// activity is a valid record.
func activity(n int) string {
	return fmt.Sprintf(`{"id":"a%d","conversationId":7,"activityTimestamp":%q,"_type":"ConversationClosed","author":{"id":"x","name":"Bjørn 😊"}}`,
		n, day.From.Add(time.Duration(n)*time.Second).Format(time.RFC3339)+"[GMT]")
}

// logged is a server over so many valid activities, one each second from the beginning of the day.
func logged(t *testing.T, n int) *dixatest.Server {
	t.Helper()
	s := &dixatest.Server{World: new(dixatest.World), Token: token, Behaviour: dixatest.Behaviour{APIRequestsPerSecond: -1}}
	for i := range n {
		if err := s.World.Put("activities", json.RawMessage(activity(i))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestActivitiesComeFromAllPagesByteForByte(t *testing.T) {
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: day.From, To: day.To})
	var want []string
	for _, body := range world.Activities() {
		want = append(want, string(body))
	}
	for _, b := range []dixatest.Behaviour{
		{},
		{ActivitiesPerPage: 1000, LastPage: dixatest.MetaAbsent},
		{ActivitiesPerPage: 7, LastPage: dixatest.NextNull},
		{ActivitiesPerPage: len(want) / 2, Shuffle: 1},
		{ExclusiveAfter: true, ExclusiveBefore: true},
	} {
		b.APIRequestsPerSecond = -1
		s := &dixatest.Server{World: world, Token: token, Behaviour: b}
		records, err := activities(t, client(t, s))
		var got []string
		for _, r := range records {
			if r.Bad != "" || r.CSID == 0 || r.ID == "" {
				t.Fatalf("%s is taken as %+v", r.Body, r)
			}
			got = append(got, string(r.Body))
		}
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || len(want) < 100 || !slices.Equal(got, want) {
			t.Errorf("%+v: %d of %d activities, %v", b, len(got), len(want), err)
		}
		for _, r := range s.Requests() {
			if r.Endpoint != dixatest.ActivityLog || r.Auth != "raw" {
				t.Fatalf("%s was asked with %q", r.Path, r.Auth)
			}
		}
	}
}

func TestActivitiesAreAskedForInWholeSecondsWiderThanTheWindow(t *testing.T) {
	at := time.Date(2025, 10, 6, 12, 0, 0, 0, time.FixedZone("", 2*60*60))
	for _, row := range []struct {
		window   dixa.Window
		from, to string
	}{
		{dixa.Window{From: at, To: at.Add(time.Hour)}, "2025-10-06T09:59:59Z", "2025-10-06T11:00:01Z"},
		{dixa.Window{From: at.Add(time.Millisecond), To: at.Add(time.Hour + time.Millisecond)}, "2025-10-06T09:59:59Z", "2025-10-06T11:00:02Z"},
		{dixa.Window{From: at.Add(-time.Nanosecond), To: at.Add(time.Hour - time.Nanosecond)}, "2025-10-06T09:59:58Z", "2025-10-06T11:00:01Z"},
	} {
		s := logged(t, 0)
		if _, _, err := client(t, s).Activities(t.Context(), row.window, ""); err != nil {
			t.Fatal(err)
		}
		want := url.Values{"fromDatetime": {row.from}, "toDatetime": {row.to}, "pageLimit": {"1000"}}.Encode()
		if r := s.Requests()[0]; r.Path != "/v1/conversations/activitylog" || r.Query != want {
			t.Errorf("asked %s?%s, want %s", r.Path, r.Query, want)
		}
	}
}

func TestActivitiesAtTheEdgesOfAWindowComeHoweverBoundsAreMeant(t *testing.T) {
	for _, exclusive := range []bool{false, true} {
		s := logged(t, 4)
		s.Behaviour.ExclusiveAfter, s.Behaviour.ExclusiveBefore = exclusive, exclusive
		records, _, err := client(t, s).Activities(t.Context(), dixa.Window{From: day.From.Add(time.Second), To: day.From.Add(2*time.Second + 1)}, "")
		var ids []string
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		if err != nil || !slices.Contains(ids, "a1") || !slices.Contains(ids, "a2") {
			t.Errorf("exclusive %v: %v, %v", exclusive, ids, err)
		}
	}
}

func TestAnActivityIsTakenInAnySpelling(t *testing.T) {
	const at = 1638362796000 // 2021-12-01T12:46:36Z
	for _, row := range []struct {
		element string
		want    dixa.Record
	}{
		{`{"id":"a1","conversationId":12,"activityTimestamp":"2021-12-01T12:46:36.581Z[GMT]"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at + 581}},
		{`{"id":"a1","conversationId":12,"activityTimestamp":"2021-12-01T12:46:36.581Z"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at + 581}},
		{`{"id":"a1","conversationId":"12","activityTimestamp":"2021-12-01T12:46:36Z[GMT]"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at}},
		{`{"id":"a1","conversationId":12.0,"activityTimestamp":"2021-12-01T12:46Z[GMT]"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at - 36_000}},
		{`{"id":"a1","conversationId":12,"activityTimestamp":"2021-12-01T13:46:36.5819999+01:00[Europe/Copenhagen]"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at + 581}},
		{`{"id":99,"conversationId":null,"activityTimestamp":"2021-12-01T12:46:36Z"}`, dixa.Record{ID: "99", CreatedAt: at}},
		{`{"id":99,"conversationId":12,"activityTimestamp":"2021-12-01T12:46:36\u005a"}`, dixa.Record{ID: "99", CSID: 12, CreatedAt: at}},
		{`{"author":{"email":"kirsten@example.dk","name":"Kirsten"},"id":"a1","activityTimestamp":"2021-12-01T12:46:36Z"}`, dixa.Record{ID: "a1", CreatedAt: at, AuthorEmail: "kirsten@example.dk"}},
		{`{"author":"kirsten@example.dk","id":"a1","activityTimestamp":"2021-12-01T12:46:36Z"}`, dixa.Record{ID: "a1", CreatedAt: at}},
		{`{ "author":{"id":"b1","conversationId":7},"id":"a1", "conversationId":12,"activityTimestamp":"2021-12-01T12:46:36Z" }`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at}},
		{`{"id":"a1","conversationId":12,"csid":"seven","created_at":"now","updated_at":5,"activityTimestamp":"2021-12-01T12:46:36Z"}`, dixa.Record{ID: "a1", CSID: 12, CreatedAt: at}},
	} {
		records, next, err := client(t, says(`{"data":[`+row.element+`],"meta":{}}`)).Activities(t.Context(), day, "")
		if err != nil || len(records) != 1 || next != "" {
			t.Errorf("%s: %d records, next %q, %v", row.element, len(records), next, err)
			continue
		}
		if row.want.Body = []byte(row.element); !reflect.DeepEqual(records[0], row.want) {
			t.Errorf("%s is taken as %+v", row.element, records[0])
		}
	}
}

func TestABadActivityIsSetAsideAndTheOthersGoOn(t *testing.T) {
	for _, row := range []struct{ element, bad string }{
		{dixatest.Spoilt(dixatest.ActivityLog, "no id"), "it has no id"},
		{dixatest.Spoilt(dixatest.ActivityLog, "seconds"), "its activityTimestamp is not a time of this century (1970-01-21T08:53:20Z)"},
		{dixatest.Spoilt(dixatest.ActivityLog, "not UTF-8"), "its text is not UTF-8"},
		{dixatest.Spoilt(dixatest.ActivityLog, "not object"), "it is not a JSON object"},
		{`null`, "it is not a JSON object"},
		{`{"id":"a","created_at":1760000000000}`, "it has no activityTimestamp"},
		{`{"id":"a","activityTimestamp":null}`, "it has no activityTimestamp"},
		{`{"id":"a","activityTimestamp":""}`, "its activityTimestamp is not a time"},
		{`{"id":"a","activityTimestamp":true}`, "its activityTimestamp is not a time"},
		{`{"id":"a","activityTimestamp":1760000000000}`, "its activityTimestamp is not a time"},
		{`{"id":"a","activityTimestamp":"2025-10-06T12:00:00"}`, "its activityTimestamp is not a time"},
		{`{"id":"a","activityTimestamp":"2025-02-30T12:00:00Z[GMT]"}`, "its activityTimestamp is not a time"},
		{`{"id":"a","activityTimestamp":"1999-12-31T23:59:59.999Z"}`, "its activityTimestamp is not a time of this century (1999-12-31T23:59:59Z)"},
		{`{"id":"a","activityTimestamp":"2100-01-01T00:00:00Z"}`, "its activityTimestamp is not a time of this century (2100-01-01T00:00:00Z)"},
		{`{"id":{},"activityTimestamp":"2025-10-06T12:00:00Z"}`, "its id is neither text nor a number"},
		{`{"id":"a","conversationId":"x","activityTimestamp":"2025-10-06T12:00:00Z"}`, "its conversationId is not a whole number"},
	} {
		s := logged(t, 2)
		s.Fault(dixatest.Fault{Do: dixatest.Insert, Body: row.element, Rows: 1})
		records, err := activities(t, client(t, s))
		if err != nil || len(records) != 3 {
			t.Errorf("%q ends the page: %d records, %v", row.element, len(records), err)
			continue
		}
		if r := records[1]; r.Bad != row.bad || string(r.Body) != row.element {
			t.Errorf("%q is bad because %q, want %q; its body is %q", row.element, r.Bad, row.bad, r.Body)
		}
		if records[0].Bad != "" || records[2].Bad != "" {
			t.Errorf("%q spoils its neighbours: %q, %q", row.element, records[0].Bad, records[2].Bad)
		}
	}
}

func TestNoPartOfAPageIsTakenForTheWhole(t *testing.T) {
	s := logged(t, 3)
	c := client(t, s)
	if _, err := activities(t, c); err != nil {
		t.Fatal(err)
	}
	size := s.Requests()[0].Bytes
	for how, want := range map[dixatest.Action]error{dixatest.Cut: dixa.ErrBroken, dixatest.Short: dixa.ErrUnavailable} {
		for n := range size {
			s.Heal()
			s.Fault(dixatest.Fault{Do: how, Bytes: n})
			if records, err := activities(t, c); !errors.Is(err, want) || len(records) != 0 {
				t.Fatalf("fault %d after %d of %d bytes: %d records, %v", how, n, size, len(records), err)
			}
		}
	}
}

func TestAPageLongerThanIsReadIsNoShorterPage(t *testing.T) {
	const most = 16 << 20
	filled := func(size int) http.HandlerFunc {
		const before, after = `{"data":[{"id":"a","activityTimestamp":"2025-10-06T12:00:00Z","text":"`, `"}]}`
		// What may follow is space, so that what is cut off there is still JSON.
		return says(before + strings.Repeat("x", most-len(before)-len(after)) + after + strings.Repeat(" ", size-most))
	}
	if records, err := activities(t, client(t, filled(most))); err != nil || len(records) != 1 {
		t.Errorf("a page that is as long as can be gives %d records, %v", len(records), err)
	}
	_, err := activities(t, client(t, filled(most+1)))
	if !slices.Equal(kinds(err), []error{dixa.ErrBroken}) || !strings.Contains(err.Error(), "longer than 16 MiB") {
		t.Errorf("a page that is longer gives %v", err)
	}
}

func TestTroubleInALaterPageLeavesItsKeyGood(t *testing.T) {
	s := logged(t, 5)
	s.Behaviour.ActivitiesPerPage = 2
	s.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Request: 2, Status: 429})
	s.Fault(dixatest.Fault{Endpoint: dixatest.ActivityLog, Request: 3, Do: dixatest.Cut, Bytes: 50})
	c := client(t, s)
	first, key, err := c.Activities(t.Context(), day, "")
	if err != nil || len(first) != 2 || key == "" {
		t.Fatalf("%d records, key %q, %v", len(first), key, err)
	}
	for _, want := range []error{dixa.ErrThrottled, dixa.ErrBroken, nil} {
		records, next, err := c.Activities(t.Context(), day, key)
		if !errors.Is(err, want) || err == nil && (len(records) != 2 || records[0].ID != "a2" || next == "") {
			t.Errorf("%d records, next %q, %v, want %v", len(records), next, err, want)
		}
	}
}

func TestThePageOfAWindowMayNotPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := logged(t, 3)
		s.Fault(dixatest.Fault{Do: dixatest.Stall, Bytes: 100})
		cfg := piped(t, s)
		cfg.APIURL = cfg.ExportsURL
		began := time.Now()
		_, err := activities(t, dixa.New(cfg))
		if took := time.Since(began); !errors.Is(err, dixa.ErrBroken) || took != 30*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

func TestActivitiesAreNotExported(t *testing.T) {
	s := logged(t, 1)
	_, err := read(t, client(t, s).Export(t.Context(), dixa.Export{Kind: dixa.Activities, By: dixa.Created, Window: day}))
	if err == nil || !strings.Contains(err.Error(), "asking for activities") || kinds(err) != nil || len(s.Requests()) != 0 {
		t.Errorf("%d requests, %v", len(s.Requests()), err)
	}
}

func TestActivitiesStayWhatTheyAreWhenOthersCome(t *testing.T) {
	s := logged(t, 4)
	s.Behaviour.ActivitiesPerPage = 2
	c := client(t, s)
	first, key, err := c.Activities(t.Context(), day, "")
	if err != nil {
		t.Fatal(err)
	}
	kept := bytes.Clone(first[1].Body)
	if _, _, err := c.Activities(t.Context(), day, key); err != nil || !bytes.Equal(first[1].Body, kept) {
		t.Errorf("%s became %s, %v", kept, first[1].Body, err)
	}
}
