package plectotest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestAFaultAnswersBeforeOrAfterStoring(t *testing.T) {
	tests := []struct {
		name   string
		fault  plectotest.Fault
		status int // 0 for a cut connection
		stored int
	}{
		{"an answer instead", plectotest.Fault{Status: 500, Body: "oops"}, 500, 0},
		{"an answer after storing", plectotest.Fault{Status: 500, Body: "oops", AfterStoring: true}, 500, 1},
		{"a cut connection", plectotest.Fault{Drop: true}, 0, 0},
		{"a cut connection after storing", plectotest.Fault{Drop: true, AfterStoring: true}, 0, 1},
		{"nothing", plectotest.Fault{}, 201, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{}
			source := s.AddDataSource("Conversations")
			s.Fault(test.fault)
			got := send(t, s, "POST", "/registrations/", row(source, "1", nil))
			equal(t, "status", got.status, test.status)
			equal(t, "stored", len(s.Registrations(source)), test.stored)
			if test.fault.Body != "" {
				equal(t, "body", got.body, test.fault.Body)
			}
			logged := s.Requests()[0]
			equal(t, "status in the log", logged.Status, test.status)
			equal(t, "stored in the log", logged.Stored, test.stored)
		})
	}
}

func TestAFaultMayRedirectOrShowAPage(t *testing.T) {
	s := &plectotest.Server{}
	s.Fault(plectotest.Fault{Status: 307, Header: http.Header{"Location": {"https://trap.example.com/"}}})
	s.Fault(plectotest.Fault{Request: 2, Status: 200, Body: "<!DOCTYPE html><title>Sign in</title>"})
	redirect := send(t, s, "GET", "/members/", nil)
	wantStatus(t, redirect, 307)
	equal(t, "Location", redirect.header.Get("Location"), "https://trap.example.com/")

	server := httptest.NewServer(s)
	defer server.Close()
	page, err := server.Client().Get(server.URL + "/members/")
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	equal(t, "content type", page.Header.Get("Content-Type"), "text/html; charset=utf-8")
}

func TestFaultsStrikeTheRequestsTheyAreFor(t *testing.T) {
	tests := []struct {
		name   string
		faults []plectotest.Fault
		struck string // of the requests members, datasources, members, datasources, members, datasources
	}{
		{"the next one", []plectotest.Fault{{}}, "1....."},
		{"the next one there", []plectotest.Fault{{Endpoint: "datasources"}}, ".1...."},
		{"the second there", []plectotest.Fault{{Endpoint: "members", Request: 2}}, "..1..."},
		{"the fourth of all", []plectotest.Fault{{Request: 4}}, "...1.."},
		{"two in a row", []plectotest.Fault{{Endpoint: "members", Request: 2, Count: 2}}, "..1.1."},
		{"all", []plectotest.Fault{{Endpoint: "members", Count: -1}}, "1.1.1."},
		{"all from the third", []plectotest.Fault{{Request: 3, Count: -1}}, "..1111"},
		{"the first of two", []plectotest.Fault{{Count: 2}, {Endpoint: "members", Count: -1}}, "112.2."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &plectotest.Server{}
			for i, f := range test.faults {
				f.Status = 501 + i
				s.Fault(f)
			}
			var struck string
			for i := range 6 {
				switch got := send(t, s, "GET", []string{"/members/", "/datasources/"}[i%2], nil); got.status {
				case 200:
					struck += "."
				default:
					struck += fmt.Sprint(got.status - 500)
				}
			}
			equal(t, "struck", struck, test.struck)
		})
	}
}

func TestAFaultAddedLaterCountsFromThere(t *testing.T) {
	s := &plectotest.Server{}
	send(t, s, "GET", "/members/", nil)
	lift := s.Fault(plectotest.Fault{Status: 503, Count: -1})
	wantStatus(t, send(t, s, "GET", "/members/", nil), 503)
	wantStatus(t, send(t, s, "GET", "/members/", nil), 503)
	lift()
	wantStatus(t, send(t, s, "GET", "/members/", nil), 200)
	s.Fault(plectotest.Fault{Endpoint: "members", Status: 503})
	wantStatus(t, send(t, s, "GET", "/members/", nil), 503)
	wantStatus(t, send(t, s, "GET", "/members/", nil), 200)
}

func TestAHeldRequestWaitsForItsRelease(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after storing ", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &plectotest.Server{}
				source := s.AddDataSource("Conversations")
				release := make(chan struct{})
				s.Fault(plectotest.Fault{Endpoint: "registrations", Hold: release, AfterStoring: after})
				answer := make(chan reply)
				go func() { answer <- send(t, s, "POST", "/registrations/", row(source, "1", nil)) }()
				<-s.Reached("registrations", 1)
				synctest.Wait()
				equal(t, "stored while held", len(s.Registrations(source)) == 1, after)
				equal(t, "status while held", s.Requests()[0].Status, 0)
				close(release)
				wantStatus(t, <-answer, 201)
				equal(t, "stored", len(s.Registrations(source)), 1)
				equal(t, "status", s.Requests()[0].Status, 201)
			})
		})
	}
}

func TestAHeldRequestIsCarriedOutThoughItsClientLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{}
		source := s.AddDataSource("Conversations")
		release := make(chan struct{})
		s.Fault(plectotest.Fault{Hold: release})
		ctx, leave := context.WithCancel(t.Context())
		go answered(s, request(t, "POST", "/registrations/", row(source, "1", nil)).WithContext(ctx))
		<-s.Reached("", 1)
		leave()
		synctest.Wait()
		equal(t, "stored while held", len(s.Registrations(source)), 0)
		close(release)
		synctest.Wait()
		equal(t, "stored", len(s.Registrations(source)), 1)
	})
}

func TestAStalledRequestEndsWithItsClientsPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{}
		source := s.AddDataSource("Conversations")
		s.Fault(plectotest.Fault{Stall: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		got := answered(s, request(t, "POST", "/registrations/", row(source, "1", nil)).WithContext(ctx))
		equal(t, "status", got.status, 0)
		equal(t, "waited", time.Since(begin), time.Minute)
		equal(t, "stored", len(s.Registrations(source)), 0)
	})
}

func TestACutConnectionIsSeenAsOneByTheClient(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	s.Fault(plectotest.Fault{Drop: true, AfterStoring: true})
	server := httptest.NewServer(http.StripPrefix("/api/v2", s))
	defer server.Close()
	r := request(t, "POST", server.URL+"/api/v2/registrations/", row(source, "1", nil))
	r.RequestURI = ""
	if answer, err := server.Client().Do(r); err == nil {
		t.Errorf("answered with %s", answer.Status)
	}
	equal(t, "stored", len(s.Registrations(source)), 1)
}

func TestReachedCountsTheRequestsOfItsEndpoint(t *testing.T) {
	s := &plectotest.Server{}
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	second, third := s.Reached("members", 2), s.Reached("", 3)
	send(t, s, "GET", "/members/", nil)
	send(t, s, "GET", "/datasources/", nil)
	if closed(second) || closed(third) {
		t.Error("reached too early")
	}
	send(t, s, "GET", "/members/", nil)
	if !closed(second) || !closed(third) {
		t.Error("not reached")
	}
	if !closed(s.Reached("members", 2)) || closed(s.Reached("members", 3)) {
		t.Error("a channel asked for later does not count what came before")
	}
}

func TestLatencyPassesBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &plectotest.Server{Behaviour: plectotest.Behaviour{Latency: 3 * time.Second}}
		begin := time.Now()
		wantStatus(t, send(t, s, "GET", "/members/", nil), 200)
		equal(t, "passed", time.Since(begin), 3*time.Second)
	})
}

func TestABodyThatIsCutOffNeverArrives(t *testing.T) {
	s := &plectotest.Server{}
	r := request(t, "POST", "/registrations/", "[{}]")
	r.Body = http.MaxBytesReader(nil, r.Body, 2)
	equal(t, "status", answered(s, r).status, 0)
	equal(t, "requests", len(s.Requests()), 0)
}
