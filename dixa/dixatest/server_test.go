package dixatest_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestEachAPITakesTheTokenInItsOwnForms(t *testing.T) {
	s := small(t)
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, row := range []struct {
		auth         string
		exports, api int
	}{
		{"Bearer " + token, 200, 200},
		{"bearer " + token, 200, 200},
		{basic("bearer", token), 200, 401},
		{basic("someone", token), 401, 401},
		{basic("bearer", "other"), 401, 401},
		{token, 401, 200},
		{"Bearer other", 401, 401},
		{"Bearer ", 401, 401},
		{"Token " + token, 401, 401},
		{"other", 401, 401},
		{"", 401, 401},
	} {
		for path, want := range map[string]int{allMessages(): row.exports, allConversations(): row.exports, "/v1/organization": row.api, "/v1/agents": row.api, activitiesBetween(0, 24): row.api} {
			r := request(path)
			r.Header.Set("Authorization", row.auth)
			if got := serve(s, r).Code; got != want {
				t.Errorf("%s with %q is answered %d, want %d", path, row.auth, got, want)
			}
		}
	}
}

func TestAServerWithoutTokenTakesAnyButNotNone(t *testing.T) {
	s := new(dixatest.Server)
	if got := get(s, "/v1/organization").Code; got != 200 {
		t.Errorf("some token is answered %d", got)
	}
	r := request("/v1/organization")
	r.Header.Del("Authorization")
	if got := serve(s, r).Code; got != 401 {
		t.Errorf("no token is answered %d", got)
	}
}

func TestAnEmptyServerAnswersWithEmptyLists(t *testing.T) {
	s := new(dixatest.Server)
	for path, want := range map[string]string{allMessages(): "[]", allConversations(): "[]", "/v1/agents": `{"data":[],"meta":{}}`, activitiesBetween(0, 24): `{"data":[],"meta":{}}`} {
		if got := get(s, path).Body.String(); got != want {
			t.Errorf("%s gives %s, want %s", path, got, want)
		}
	}
}

func TestErrorsHaveTheBodiesChosen(t *testing.T) {
	const message = `{"message":"Unauthorized"}`
	for _, row := range []struct {
		body         dixatest.ErrorBody
		exports, api string
	}{
		{dixatest.DocumentedErrors, "", message},
		{dixatest.EmptyErrors, "", ""},
		{dixatest.JSONErrors, message, message},
		{dixatest.HTMLErrors, "<!DOCTYPE html>", "<!DOCTYPE html>"},
	} {
		s := behaving(t, func(b *dixatest.Behaviour) { b.ErrorBody = row.body })
		for path, want := range map[string]string{allMessages(): row.exports, "/v1/organization": row.api} {
			r := request(path)
			r.Header.Set("Authorization", "Bearer other")
			if got := serve(s, r).Body.String(); !strings.HasPrefix(got, want) || (want == "") != (got == "") {
				t.Errorf("error body %d at %s: %q, want %q", row.body, path, got, want)
			}
		}
	}
}

func TestTheOrganizationIsNamed(t *testing.T) {
	var reply struct{ Data map[string]string }
	if err := json.Unmarshal(get(small(t), "/v1/organization").Body.Bytes(), &reply); err != nil {
		t.Fatal(err)
	}
	if reply.Data["id"] == "" || reply.Data["name"] == "" || reply.Data["subdomain"] == "" || reply.Data["status"] != "Active" {
		t.Errorf("the organization is %v", reply.Data)
	}
}

func TestAgentsAreFoundByMailOrPhone(t *testing.T) {
	s := small(t)
	for path, want := range map[string]string{"?email=a2@example.com": "a2", "?phone=" + escape("+45700003"): "a3", "?email=nobody@example.com": ""} {
		if _, ids := readPage(t, s, "/v1/agents"+path); strings.Join(ids, " ") != want {
			t.Errorf("%s finds %v, want %q", path, ids, want)
		}
	}
	if got := get(s, "/v1/agents?email=a@example.com&phone=1"); got.Code != 400 || !strings.Contains(got.Body.String(), "Invalid value") {
		t.Errorf("both at once are answered %d %s", got.Code, got.Body)
	}
}

func TestLimitsAreCountedOverARollingWindow(t *testing.T) {
	for _, row := range []struct {
		path string
		n    int
		per  time.Duration
	}{{allConversations(), 10, time.Minute}, {allMessages(), 3, time.Minute}, {"/v1/organization", 10, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			s := small(t)
			s.Behaviour = dixatest.Behaviour{}
			for i := range row.n {
				if got := get(s, row.path).Code; got != 200 {
					t.Fatalf("request %d to %s is answered %d", i+1, row.path, got)
				}
				time.Sleep(row.per / 20)
			}
			used := time.Duration(row.n) * row.per / 20
			for range 2 {
				if got := get(s, row.path).Code; got != 429 {
					t.Errorf("one too many to %s is answered %d", row.path, got)
				}
			}
			time.Sleep(row.per - used - 1)
			if got := get(s, row.path).Code; got != 429 {
				t.Errorf("just before the first leaves the window %s is answered %d", row.path, got)
			}
			time.Sleep(time.Nanosecond)
			if a, b := get(s, row.path).Code, get(s, row.path).Code; a != 200 || b != 429 {
				t.Errorf("as the first leaves the window %s is answered %d and %d, want 200 and 429", row.path, a, b)
			}
		})
	}
}

func TestEachEndpointHasItsOwnLimit(t *testing.T) {
	s := small(t)
	s.Behaviour = dixatest.Behaviour{ConversationExportsPerMinute: 1, MessageExportsPerMinute: 1, APIRequestsPerSecond: 1}
	for _, path := range []string{allConversations(), allMessages(), "/v1/organization"} {
		if got := get(s, path).Code; got != 200 {
			t.Errorf("the first request to %s is answered %d", path, got)
		}
	}
	for _, path := range []string{"/v1/agents", activitiesBetween(0, 24)} {
		if got := get(s, path).Code; got != 429 {
			t.Errorf("one more request to the Dixa API, %s, is answered %d", path, got)
		}
	}
}

func TestRetryAfterComesInTheFormChosen(t *testing.T) {
	for form, want := range map[dixatest.RetryAfter]string{
		dixatest.NoRetryAfter:      "",
		dixatest.RetryAfterSeconds: "60",
		dixatest.RetryAfterDate:    "Sat, 01 Jan 2000 00:01:01 GMT",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := small(t)
			s.Behaviour = dixatest.Behaviour{MessageExportsPerMinute: 1, RetryAfter: form}
			time.Sleep(500 * time.Millisecond)
			get(s, allMessages())
			time.Sleep(400 * time.Millisecond)
			if got := get(s, allMessages()).Header().Get("Retry-After"); got != want {
				t.Errorf("form %d is %q, want %q", form, got, want)
			}
		})
	}
}

func TestTheLogTellsWhatCameAndWhatWasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := small(t)
		get(s, allMessages())
		get(s, "/v1/agents")
		get(s, activitiesBetween(2, 3))
		r := request("/v1/elsewhere?a=b")
		r.Method = http.MethodPost
		r.Header.Del("Authorization")
		serve(s, r)
		now := time.Now()
		_, query, _ := strings.Cut(allMessages(), "?")
		_, logged, _ := strings.Cut(activitiesBetween(2, 3), "?")
		want := []dixatest.Request{
			{Time: now, Method: "GET", Path: "/v1/message_export", Query: query, Endpoint: "message_export", Auth: "Bearer", Status: 200, Records: 3, Whole: true},
			{Time: now, Method: "GET", Path: "/v1/agents", Endpoint: "agents", Auth: "raw", Status: 200, Records: 3, Whole: true},
			{Time: now, Method: "GET", Path: "/v1/conversations/activitylog", Query: logged, Endpoint: "activitylog", Auth: "raw", Status: 200, Records: 2, Whole: true},
			{Time: now, Method: "POST", Path: "/v1/elsewhere", Query: "a=b", Status: 404, Whole: true},
		}
		got := s.Requests()
		for i := range got {
			if got[i].Bytes == 0 {
				t.Errorf("no bytes were sent for %+v", got[i])
			}
			got[i].Bytes = 0
		}
		if !slices.Equal(got, want) {
			t.Errorf("the log is\n%+v, want\n%+v", got, want)
		}
	})
}

func TestReachedIsClosedByTheNthRequest(t *testing.T) {
	s := small(t)
	second, third := s.Reached(dixatest.MessageExport, 2), s.Reached("", 3)
	for i, path := range []string{"/v1/organization", allMessages(), allMessages()} {
		if isClosed(second) || isClosed(third) {
			t.Fatalf("closed before request %d", i+1)
		}
		get(s, path)
	}
	if !isClosed(second) || !isClosed(third) || !isClosed(s.Reached(dixatest.MessageExport, 1)) {
		t.Error("not closed when the request had arrived")
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
