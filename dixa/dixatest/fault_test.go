package dixatest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAnAnswerTakesThePlaceOfTheRealReply(t *testing.T) {
	unavailable := dixatest.Fault{Status: 503, Header: http.Header{"retry-after": {"7"}}, Body: "<h1>later</h1>"}
	for _, row := range []struct {
		fault             dixatest.Fault
		status            int
		key, value, start string
	}{
		{unavailable, 503, "Retry-After", "7", "<h1>later</h1>"},
		{dixatest.Page(), 200, "Content-Type", "text/html; charset=utf-8", "<!DOCTYPE html>"},
		{dixatest.Wrapped(), 200, "Content-Type", "application/json", "{"},
		{dixatest.Redirect("https://example.com/trap"), 307, "Location", "https://example.com/trap", ""},
	} {
		s := small(t)
		s.Fault(row.fault)
		resp, body, err := fetch(t, s, allMessages())
		if err != nil || resp.StatusCode != row.status || resp.Header.Get(row.key) != row.value || !strings.HasPrefix(string(body), row.start) {
			t.Errorf("%+v is answered %v, %q, %v", row.fault, resp, body, err)
		}
		if entry := s.Requests()[0]; entry.Status != row.status || entry.Records != 0 {
			t.Errorf("the log has %+v", entry)
		}
	}
}

func TestAFaultMeetsTheRequestsItNames(t *testing.T) {
	day, week := between("message_export", "created", hour(0), hour(24)), between("message_export", "created", hour(0), hour(24*7))
	paths := []string{day, "/v1/agents", week, day, "/v1/agents", week, day}
	for _, row := range []struct {
		fault dixatest.Fault
		want  string // of each path: x for the fault
	}{
		{dixatest.Fault{}, "xxxxxxx"},
		{dixatest.Fault{Endpoint: dixatest.MessageExport}, "x.xx.xx"},
		{dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 2}, "..x...."},
		{dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 2, Count: 2}, "..xx..."},
		{dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 3, Count: -1}, "...x.xx"},
		{dixatest.Fault{Endpoint: dixatest.Agents, Request: 2, Count: 5}, "....x.."},
		{dixatest.Fault{Endpoint: dixatest.ActivityLog}, "......."},
		{dixatest.Fault{Request: 2, Count: 2}, ".xx...."},
		{dixatest.Fault{WiderThan: 24 * time.Hour}, "..x..x."},
		{dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 3, Count: -1, WiderThan: 24 * time.Hour}, ".....x."},
	} {
		s := small(t)
		row.fault.Status = 502
		s.Fault(row.fault)
		var got strings.Builder
		for _, path := range paths {
			got.WriteByte(map[int]byte{200: '.', 502: 'x'}[get(s, path).Code])
		}
		if got.String() != row.want {
			t.Errorf("%+v meets %s, want %s", row.fault, got.String(), row.want)
		}
	}
}

func TestTheFirstFaultAddedIsHadAndHealTakesAllAway(t *testing.T) {
	s := small(t)
	s.Fault(dixatest.Fault{Status: 500})
	s.Fault(dixatest.Fault{Status: 501})
	if got := get(s, allMessages()).Code; got != 500 {
		t.Errorf("answered %d", got)
	}
	s.Heal()
	if got := get(s, allMessages()).Code; got != 200 {
		t.Errorf("healed and answered %d", got)
	}
}

func TestSpoiltRecordsAreInsertedBesideTheOthers(t *testing.T) {
	for _, path := range []string{allMessages(), allConversations()} {
		endpoint, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "?")
		for _, how := range []string{"no id", "seconds", "not UTF-8", "not object"} {
			for rows, want := range map[int]int{0: 0, 2: 2, 99: 3} {
				s := small(t)
				s.Fault(dixatest.Fault{Do: dixatest.Insert, Body: dixatest.Spoilt(endpoint, how), Rows: rows})
				body := get(s, path).Body.Bytes()
				all := decode[json.RawMessage](t, body)
				if len(all) != 4 || string(all[want]) != dixatest.Spoilt(endpoint, how) {
					t.Errorf("%s after %d rows: %s", how, rows, body)
				}
				if utf8.Valid(body) == (how == "not UTF-8") {
					t.Errorf("%s: valid UTF-8 is %v", how, utf8.Valid(body))
				}
				if got := last(s).Records; got != 4 {
					t.Errorf("the log has %d records, want 4", got)
				}
			}
		}
	}
}

func TestAHugeValueIsOneRecordAmongOthers(t *testing.T) {
	s, hits := small(t), 0
	s.Fault(dixatest.Fault{Do: dixatest.Huge, Bytes: 3 << 20, Rows: 1, Hit: func() { hits++ }})
	all := decode[struct{ Text string }](t, get(s, allMessages()).Body.Bytes())
	if len(all) != 4 || len(all[1].Text) != 3<<20 || hits != 1 {
		t.Errorf("%d records, %d hits", len(all), hits)
	}
}

func TestRefusedRequestsAreCountedButMeetNoFault(t *testing.T) {
	s := small(t)
	s.Behaviour.MessageExportsPerMinute = 1
	s.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: 2, Status: 500})
	s.Fault(dixatest.Fault{Endpoint: dixatest.Agents, Request: 1, Status: 500})
	get(s, allMessages())
	if got := get(s, allMessages()).Code; got != 429 {
		t.Errorf("over the limit answered %d", got)
	}
	r := request("/v1/agents")
	r.Header.Set("Authorization", "other")
	if got := serve(s, r).Code; got != 401 {
		t.Errorf("with a wrong token answered %d", got)
	}
	if got := get(s, "/v1/agents").Code; got != 200 {
		t.Errorf("the second request meets the fault of the first: %d", got)
	}
}
