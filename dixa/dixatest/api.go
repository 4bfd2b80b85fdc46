package dixatest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
)

const organizationID = "7d4f2a10-5c1e-4b7a-9e55-0c2b6a9d1e01"

func (s *Server) organization(out *reply) {
	out.json(http.StatusOK, map[string]any{"data": map[string]string{
		"id": organizationID, "name": teamName, "subdomain": "example-nordic", "status": "Active",
	}})
	out.whole()
}

func (s *Server) agents(out *reply) {
	values := out.r.URL.Query()
	if values.Has("email") && values.Has("phone") {
		out.refuse(http.StatusBadRequest, invalidValue)
		return
	}
	s.list(out, s.findAgents(values), cmp.Or(s.Behaviour.AgentsPerPage, 10))
}

// findAgents returns the agents that the filters of a query leave.
func (s *Server) findAgents(values url.Values) (found [][]byte) {
	if s.World == nil {
		return nil
	}
	for _, body := range s.World.Agents() {
		var a agent
		err := json.Unmarshal(body, &a)
		if err == nil &&
			(!values.Has("email") || a.Email == values.Get("email")) &&
			(!values.Has("phone") || a.PhoneNumber == values.Get("phone")) {
			found = append(found, body)
		}
	}
	return found
}

func (s *Server) activities(out *reply, q query) {
	var found [][]byte
	for _, r := range s.snapshot("activities", q) {
		found = append(found, r.body)
	}
	s.list(out, found, cmp.Or(s.Behaviour.ActivitiesPerPage, 500))
}
