package dixa_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// agents walks the pages as the caller of Agents is meant to.
func agents(t *testing.T, c *dixa.Client) (all []dixa.Agent, err error) {
	t.Helper()
	for key := ""; ; {
		page, next, err := c.Agents(t.Context(), key)
		all = append(all, page...)
		if err != nil || next == "" {
			return all, err
		}
		key = next
	}
}

func TestAgentsComeFromAllPages(t *testing.T) {
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: day.From, To: day.To})
	for _, last := range []dixatest.LastPage{dixatest.MetaWithoutNext, dixatest.MetaAbsent, dixatest.NextNull} {
		for _, size := range []int{1, 5, 1000} {
			s := &dixatest.Server{World: world, Token: token, Behaviour: dixatest.Behaviour{AgentsPerPage: size, LastPage: last, APIRequestsPerSecond: -1}}
			got, err := agents(t, client(t, s))
			if err != nil || len(got) != len(world.Agents()) {
				t.Fatalf("%d of %d agents, %v", len(got), len(world.Agents()), err)
			}
			for i, body := range world.Agents() {
				var want dixa.Agent
				if err := json.Unmarshal(body, &want); err != nil || want.ID == "" {
					t.Fatalf("%s: %v", body, err)
				}
				if fmt.Sprint(got[i]) != fmt.Sprint(want) {
					t.Errorf("agent %d is %v, want %v", i, got[i], want)
				}
			}
			if auth := s.Requests()[0].Auth; auth != "raw" {
				t.Errorf("the Dixa API got the token as %q", auth)
			}
		}
	}
}

func TestTheAddressOfTheNextPageGivesItsKeyAlone(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the address was followed") }))
	t.Cleanup(trap.Close)
	for _, row := range []struct{ next, want string }{
		{trap.URL + "/v1/agents?pageKey=abc", "abc"},
		{"//" + strings.TrimPrefix(trap.URL, "http://") + "/?pageKey=abc", "abc"},
		{"/v1/agents?pageLimit=100&pageKey=a%2Bb%26c", "a+b&c"},
		{"?pageKey=abc", "abc"},
	} {
		var asked []string
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Query().Get("pageKey"))
			meta := fmt.Sprintf(`{"next":%q}`, row.next)
			if len(asked) > 1 {
				meta = "null"
			}
			fmt.Fprintf(w, `{"data":[{"id":"a%d"}],"meta":%s}`, len(asked), meta)
		}))
		if all, err := agents(t, c); err != nil || len(all) != 2 || asked[1] != row.want {
			t.Errorf("%s: %v, %v; the keys asked for are %q", row.next, all, err, asked)
		}
	}
}

func TestPagesThatLeadNowhereEndTheList(t *testing.T) {
	for _, row := range []struct {
		body     string
		requests int
	}{
		{`{"data":[],"meta":{"next":"/v1/agents?pageKey=more"}}`, 1},
		{`{"data":[{"id":"a"}],"meta":{"next":"/v1/agents?pageKey=same"}}`, 2},
		{`{"data":null,"meta":null}`, 1},
		{`{}`, 1},
	} {
		requests := 0
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests++
			io.WriteString(w, row.body)
		}))
		if _, err := agents(t, c); err != nil || requests != row.requests {
			t.Errorf("%s: %d requests, %v", row.body, requests, err)
		}
	}
}

func TestAnOrganizationIsAskedForUnderAnyBaseURL(t *testing.T) {
	for _, base := range []string{"/v1", "/v1/", "/behind/a/proxy/v1//"} {
		s := &dixatest.Server{Token: token}
		prefix, _, _ := strings.Cut(base, "/v1")
		cfg := config(t, http.StripPrefix(prefix, s))
		cfg.APIURL = strings.TrimSuffix(cfg.APIURL, "/v1") + base
		got, err := dixa.New(cfg).Organization(t.Context())
		if err != nil || got.Name != "Example Nordic" || got.Subdomain != "example-nordic" || got.ID == "" {
			t.Errorf("under %s: %+v, %v", base, got, err)
		}
	}
}

func TestAReplyThatIsNotJSONMeansThatTheServiceIsNotAvailable(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"data":`, "[]", `{"data":[1]}`} {
		c := client(t, says(body))
		_, err := c.Organization(t.Context())
		_, _, listed := c.Agents(t.Context(), "")
		if !errors.Is(err, dixa.ErrUnavailable) || !errors.Is(listed, dixa.ErrUnavailable) {
			t.Errorf("%q gives %v and %v", body, err, listed)
		}
	}
}
