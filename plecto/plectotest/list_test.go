package plectotest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

func TestShapesOfLists(t *testing.T) {
	tests := []struct {
		lists                   plectotest.Lists
		registrations, theOther bool // enveloped
	}{
		{plectotest.ListsMixed, true, false},
		{plectotest.ListsEnveloped, true, true},
		{plectotest.ListsBare, false, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.lists), func(t *testing.T) {
			s := &plectotest.Server{Behaviour: plectotest.Behaviour{Lists: test.lists, PageSize: 2}}
			for range 3 {
				s.AddDataSource("Conversations")
			}
			source := s.DataSources()[0].UUID
			var all []any
			for id := range 3 {
				all = append(all, row(source, fmt.Sprint(id), map[string]any{"member_api_id": id}))
			}
			wantStatus(t, send(t, s, "POST", "/registrations/", all), 201)

			for _, path := range []string{"/registrations/", "/datasources/", "/members/"} {
				got, second := send(t, s, "GET", path, nil), send(t, s, "GET", path+"?page=2", nil)
				wantStatus(t, got, 200)
				wantStatus(t, second, 200)
				pages := path == "/registrations/"
				if enveloped := pages && test.registrations || !pages && test.theOther; enveloped {
					equal(t, path, got.object(t)["count"], 3.0)
					equal(t, path, len(got.object(t)["results"].([]any)), 2)
					equal(t, path+" second page", len(second.object(t)["results"].([]any)), 1)
					equal(t, path+" next", got.object(t)["next"], any("http://example.com"+path+"?page=2"))
					equal(t, path+" second next", second.object(t)["next"], nil)
					equal(t, path+" previous", second.object(t)["previous"], any("http://example.com"+path+"?page=1"))
					wantStatus(t, send(t, s, "GET", path+"?page=3", nil), 404)
				} else if pages {
					equal(t, path, len(got.array(t)), 2)
					equal(t, path+" second page", len(second.array(t)), 1)
					equal(t, path+" third page", send(t, s, "GET", path+"?page=3", nil).body, "[]")
				} else {
					equal(t, path, len(got.array(t)), 3)
				}
			}
			wantStatus(t, send(t, s, "GET", "/registrations/?page=0", nil), 404)
			wantStatus(t, send(t, s, "GET", "/registrations/?page=last", nil), 404)
		})
	}
}

func TestAListMayKnowNoPages(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{Lists: plectotest.ListsWhole, PageSize: 2}}
	wantStatus(t, send(t, s, "POST", "/registrations/", rows(s.AddDataSource("Conversations"), 3)), 201)
	for _, path := range []string{"/registrations/", "/registrations/?page=1", "/registrations/?page=2"} {
		equal(t, path, len(send(t, s, "GET", path, nil).array(t)), 3)
	}
}

func TestEmptyListsAreLists(t *testing.T) {
	s := &plectotest.Server{}
	equal(t, "datasources", send(t, s, "GET", "/datasources/", nil).body, "[]")
	equal(t, "registrations", send(t, s, "GET", "/registrations/", nil).body, `{"count":0,"next":null,"previous":null,"results":[]}`)
}

func TestThePagesOfAMountedServerLeadToOneAnother(t *testing.T) {
	s := &plectotest.Server{Behaviour: plectotest.Behaviour{PageSize: 7}}
	source := s.AddDataSource("Conversations")
	wantStatus(t, send(t, s, "POST", "/registrations/", rows(source, 30)), 201)
	mux := http.NewServeMux()
	mux.Handle("/api/v2/", http.StripPrefix("/api/v2", s))
	server := httptest.NewServer(mux)
	defer server.Close()

	ids := make(map[string]bool)
	next := server.URL + "/api/v2/registrations/?data_source=" + source
	for pages := 0; next != ""; pages++ {
		if pages == 10 || !strings.HasPrefix(next, server.URL+"/api/v2/registrations/?") {
			t.Fatalf("page %d is at %s", pages+1, next)
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", next, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("push@example.com", "secret")
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Next    string
			Results []struct {
				ExternalID string `json:"external_id"`
			}
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Results {
			ids[r.ExternalID] = true
		}
		next = page.Next
	}
	equal(t, "rows on all pages", len(ids), 30)
}
