package dixatest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

func (s *Server) organization(out *reply) {
	out.json(http.StatusOK, map[string]any{"data": map[string]string{
		"id": "7d4f2a10-5c1e-4b7a-9e55-0c2b6a9d1e01", "name": "Example Nordic", "subdomain": "example-nordic", "status": "Active",
	}})
	out.whole()
}

// agents answers with one page of the agents. The key in meta.next is opaque and
// the address relative, as seen of Dixa's other lists.
func (s *Server) agents(out *reply) {
	values := out.r.URL.Query()
	start, ok := position(values.Get("pageKey"))
	size := cmp.Or(s.Behaviour.AgentsPerPage, 10)
	if text := values.Get("pageLimit"); text != "" {
		limit, err := strconv.Atoi(text)
		ok = ok && err == nil && limit > 0
		size = min(size, limit)
	}
	if !ok || values.Has("email") && values.Has("phone") {
		out.refuse(http.StatusBadRequest, "Invalid value in request")
		return
	}
	found := s.findAgents(values)
	start = min(start, len(found))
	end := min(start+size, len(found))
	page := map[string]any{"data": found[start:end]}

	meta := map[string]any{}
	link := func(at int) string {
		values.Set("pageKey", pageKey(at))
		return "/v1/agents?" + values.Encode()
	}
	if start > 0 {
		meta["previous"] = link(max(start-size, 0))
	}
	if end < len(found) {
		meta["next"] = link(end)
	} else if s.Behaviour.LastPage == NextNull {
		meta["next"] = nil
	}
	if end < len(found) || s.Behaviour.LastPage != MetaAbsent {
		page["meta"] = meta
	}
	out.records = end - start
	out.json(http.StatusOK, page)
	out.whole()
}

// findAgents returns the agents that the filters of a query leave, never nil.
func (s *Server) findAgents(values url.Values) []json.RawMessage {
	if s.World == nil {
		return []json.RawMessage{}
	}
	return slices.DeleteFunc(s.World.Agents(), func(body json.RawMessage) bool {
		var a agent
		err := json.Unmarshal(body, &a)
		return err != nil ||
			values.Has("email") && a.Email != values.Get("email") ||
			values.Has("phone") && a.PhoneNumber != values.Get("phone")
	})
}
