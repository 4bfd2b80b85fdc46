package plectotest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestALoginIsAskedFor(t *testing.T) {
	known := plectotest.Server{Email: "push@example.com", Password: "secret"}
	tests := []struct {
		name            string
		server          *plectotest.Server
		email, password string
		status          int
	}{
		{"the right login", &known, "push@example.com", "secret", 200},
		{"another password", &known, "push@example.com", "other", 401},
		{"another e-mail", &known, "ida@example.com", "secret", 401},
		{"none", &known, "", "", 401},
		{"any login where none is set", &plectotest.Server{}, "ida@example.com", "x", 200},
		{"none where none is set", &plectotest.Server{}, "", "", 401},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := request(t, "GET", "/datasources/", nil)
			r.Header.Del("Authorization")
			if test.email != "" {
				r.SetBasicAuth(test.email, test.password)
			}
			got := answered(test.server, r)
			wantStatus(t, got, test.status)
			if test.status == 401 {
				if got.object(t)["detail"] == "" || !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic") {
					t.Errorf("header %v, body %s", got.header, got.body)
				}
			}
		})
	}
}

func TestWhatTheAPIDoesNotKnowIsRefusedWithADetail(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	unknown := strings.Repeat("0", 32)
	tests := []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404},
		{"GET", "/teams/", 404},
		{"GET", "/registrations/" + source + "/", 404},
		{"GET", "/registrations/" + source + "/" + unknown + "/", 404},
		{"PUT", "/registrations/" + unknown + "/" + unknown + "/", 404},
		{"DELETE", "/registrations/" + source + "/" + unknown + "/", 404},
		{"GET", "/datasources/" + unknown + "/", 404},
		{"GET", "/members/" + unknown + "/", 404},
		{"PATCH", "/registrations/", 405},
		{"PUT", "/datasources/" + source + "/", 405},
		{"PATCH", "/datasources/" + source + "/", 405},
		{"DELETE", "/datasources/" + source + "/", 405},
		{"DELETE", "/members/" + unknown + "/", 405},
	}
	for _, test := range tests {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got := send(t, s, test.method, test.path, map[string]any{})
			wantStatus(t, got, test.status)
			if got.object(t)["detail"] == "" {
				t.Errorf("body %s", got.body)
			}
		})
	}
}

func TestABodyHasToBeJSONAndSaySo(t *testing.T) {
	s := &plectotest.Server{}
	for _, path := range []string{"/registrations/", "/datasources/", "/members/"} {
		r := request(t, "POST", path, map[string]any{})
		r.Header.Set("Content-Type", "text/plain")
		wantStatus(t, answered(s, r), 415)
		got := send(t, s, "POST", path, `{"title":`)
		wantStatus(t, got, 400)
		if got.object(t)["detail"] == "" {
			t.Errorf("POST %s of half a body: %s", path, got.body)
		}
	}
}

func TestAPathWithoutItsSlash(t *testing.T) {
	tests := []struct {
		slash  plectotest.Slash
		status int
		stored int
	}{
		{plectotest.SlashRedirects, 301, 0},
		{plectotest.SlashNotFound, 404, 0},
		{plectotest.SlashOptional, 201, 1},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{Slash: test.slash}}
			source := s.AddDataSource("Conversations")
			mux := http.StripPrefix("/api/v2", s)
			got := answered(mux, request(t, "POST", "/api/v2/registrations?a=b", row(source, "1", nil)))
			wantStatus(t, got, test.status)
			if test.status == 301 {
				equal(t, "Location", got.header.Get("Location"), "/api/v2/registrations/?a=b")
			}
			equal(t, "registrations", len(s.Registrations(source)), test.stored)
		})
	}
}

func TestUUIDsAreTheSameFromRunToRunAndVaryWithTheSeed(t *testing.T) {
	uuids := func(seed uint64) [3]string {
		s := &plectotest.Server{Seed: seed}
		source := s.AddDataSource("Conversations")
		wantStatus(t, send(t, s, "POST", "/registrations/", row(source, "1", nil)), 201)
		return [3]string{source, s.Registrations(source)[0].UUID, s.Members()[0].UUID}
	}
	first := uuids(1)
	equal(t, "the second run", uuids(1), first)
	other := uuids(2)
	for i, uuid := range first {
		if len(uuid) != 32 || strings.Trim(uuid, "0123456789abcdef") != "" {
			t.Errorf("UUID %q is not 32 hex digits", uuid)
		}
		if uuid == other[i] {
			t.Errorf("UUID %q does not vary with the seed", uuid)
		}
	}
}

func TestRequestsAreLoggedInOrder(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	r := request(t, "POST", "/registrations/", rows(source, 2))
	r.Header.Set("X-Integration", "dixa2plecto")
	answered(s, r)
	send(t, s, "GET", "/members/?page=1", nil)
	send(t, s, "POST", "/registrations/", "[")

	got := s.Requests()
	for i := range got {
		if got[i].Time.IsZero() {
			t.Errorf("request %d has no time", i+1)
		}
		got[i].Time = got[0].Time
	}
	equal(t, "log", got, []plectotest.Request{
		{Time: got[0].Time, Method: "POST", Path: "/registrations/", Endpoint: "registrations", Rows: 2,
			ExternalIDs: []string{"row-0", "row-1"}, Stored: 2, Status: 201, Integration: "dixa2plecto"},
		{Time: got[0].Time, Method: "GET", Path: "/members/", Endpoint: "members", Status: 200},
		{Time: got[0].Time, Method: "POST", Path: "/registrations/", Endpoint: "registrations", Status: 400},
	})
}

func TestManyClientsAtOnceLoseNothing(t *testing.T) {
	s := &plectotest.Server{}
	source := s.AddDataSource("Conversations")
	var clients sync.WaitGroup
	for n := range 8 {
		clients.Go(func() {
			for id := range 20 {
				sent := row(source, fmt.Sprint(n, "-", id), map[string]any{"member_api_id": id})
				if got := send(t, s, "POST", "/registrations/", sent); got.status != 201 {
					t.Error(got)
				}
				send(t, s, "GET", "/registrations/", nil)
				_, _ = s.Requests(), s.Violations()
			}
		})
	}
	clients.Wait()
	equal(t, "registrations", len(s.Registrations(source)), 160)
	equal(t, "members", len(s.Members()), 20)
	equal(t, "requests", len(s.Requests()), 320)
	equal(t, "violations", s.Violations(), []string(nil))
}
