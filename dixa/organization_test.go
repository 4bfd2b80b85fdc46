package dixa_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

func TestAgentsComeFromAllPages(t *testing.T) {
	world := dixatest.NewWorld(dixatest.Team{Seed: 1, From: day.From, To: day.To})
	for _, last := range []dixatest.LastPage{dixatest.MetaWithoutNext, dixatest.MetaAbsent, dixatest.NextNull} {
		for _, size := range []int{1, 5, 1000} {
			s := &dixatest.Server{World: world, Token: token, Behaviour: dixatest.Behaviour{AgentsPerPage: size, LastPage: last, APIRequestsPerSecond: -1}}
			got, err := walk(t, client(t, s).Agents)
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
