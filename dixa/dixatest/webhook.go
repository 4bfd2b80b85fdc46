package dixatest

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// administrator is who made and changed every subscription.
const administrator = "7d4f2a10-5c1e-4b7a-9e55-0c2b6a9d1e02"

// subscriptions answers with the list of subscriptions, or makes one.
func (s *Server) subscriptions(out *reply) {
	if out.r.Method == http.MethodGet {
		out.data(http.StatusOK, s.Subscriptions())
		return
	}
	form, wrong := readForm(out.r)
	b := s.Behaviour.Webhooks
	if wrong == "" && (!form.whole() || b.RequireCustomHeaders && form.CustomHeaders == nil) {
		wrong = decodingFailure
	}
	if wrong != "" {
		out.refuse(http.StatusBadRequest, wrong)
		return
	}
	one := &subscriber{Subscription: Subscription{
		ID: newUUID(), Events: []string{}, Secret: newSecret(), Enabled: true, CreatedBy: administrator, UpdatedBy: administrator,
	}, log: map[string][]attempt{}}
	one.change(form)
	one.CreatedAt = one.UpdatedAt
	shown := one.shown()
	h := &s.hooks
	h.mu.Lock()
	h.subscribers = append(h.subscribers, one)
	h.mu.Unlock()
	if b.OmitSecret {
		shown.Secret = ""
	}
	out.data(http.StatusCreated, shown)
}

// logsPrefix leads to what was last delivered of one event.
const logsPrefix = "delivery-status/logs/"

// webhookPath reads the path below a subscription. Where it is none, rest leads
// nowhere.
func webhookPath(path string) (id, rest string) {
	below, ok := strings.CutPrefix(path, "/v1/webhooks/")
	if !ok || below == "" {
		return "", "/"
	}
	id, rest, slash := strings.Cut(below, "/")
	if slash && rest == "" {
		rest = "/"
	}
	return id, rest
}

// subscription answers about one subscription, changes it or deletes it.
func (s *Server) subscription(out *reply) {
	id, rest := webhookPath(out.r.URL.Path)
	if !isUUID(id) {
		out.refuse(http.StatusBadRequest, invalidValue)
		return
	}
	status, data, message := s.about(id, rest, out.r)
	switch {
	case message != "":
		out.refuse(status, message)
	case data == nil:
		out.status(status)
		out.whole()
	default:
		out.data(status, data)
	}
}

// about does to a subscription what a request asks for. The answer is data, or a
// message of what is wrong, or neither.
func (s *Server) about(id, rest string, r *http.Request) (status int, data any, message string) {
	var form subscriptionForm
	if r.Method == http.MethodPatch {
		form, message = readForm(r)
	}
	h := &s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.find(id)
	switch event := strings.TrimPrefix(rest, logsPrefix); {
	case one == nil:
		return http.StatusNotFound, nil, notFound
	case r.Method == http.MethodDelete:
		h.subscribers = slices.DeleteFunc(h.subscribers, func(other *subscriber) bool { return other == one })
		return http.StatusNoContent, nil, ""
	case r.Method == http.MethodPatch:
		if message == "" && s.Behaviour.Webhooks.WholePatch && !form.whole() {
			message = decodingFailure
		}
		if message != "" {
			return http.StatusBadRequest, nil, message
		}
		one.change(form)
		shown := one.shown()
		if s.Behaviour.Webhooks.OmitSecret {
			shown.Secret = ""
		}
		return http.StatusOK, shown, ""
	case rest == "":
		return http.StatusOK, one.shown(), ""
	case event == rest:
		return http.StatusOK, one.deliveryStatus(), ""
	case !slices.Contains(eventNames[:], event):
		return http.StatusBadRequest, nil, invalidValue
	default:
		return http.StatusOK, one.deliveryLog(event), ""
	}
}

// isUUID reports whether an id has the form that Dixa's have.
func isUUID(id string) bool {
	digits := strings.ReplaceAll(id, "-", "")
	_, err := hex.DecodeString(digits)
	return err == nil && len(id) == 36 && len(digits) == 32
}

// data answers with a value as the Dixa API wraps it.
func (out *reply) data(status int, v any) {
	out.records = 1
	if list, ok := v.([]Subscription); ok {
		out.records = len(list)
	}
	out.json(status, map[string]any{"data": v})
	out.whole()
}

// deliveryDetail is how one delivery went. A receiver that gave no answer has the
// code 0.
type deliveryDetail struct {
	Type string `json:"_type"`
	At   string `json:"deliveryTimestamp"`
	OK   bool   `json:"success"`
	Code int    `json:"responseCode"`
	Text string `json:"responseText"`
}

// attempt is one delivery as a subscription's log keeps it.
type attempt struct {
	deliveryDetail
	payload string
}

// kept is how many deliveries of an event a subscription's log holds.
const kept = 10

func (s *subscriber) keep(event string, a attempt) {
	log := slices.Insert(s.log[event], 0, a)
	s.log[event] = log[:min(len(log), kept)]
}

func (s *subscriber) deliveryStatus() any {
	type status struct {
		Event  string `json:"event"`
		Status any    `json:"deliveryStatus"`
	}
	all := []status{}
	for _, event := range s.Events {
		one := status{event, map[string]string{"_type": "NoRecentDelivery"}}
		if log := s.log[event]; len(log) > 0 {
			one.Status = log[0].deliveryDetail
		}
		all = append(all, one)
	}
	return all
}

func (s *subscriber) deliveryLog(event string) any {
	type entry struct {
		Detail  deliveryDetail `json:"deliveryDetail"`
		Payload string         `json:"payload"`
	}
	all := []entry{}
	for _, a := range s.log[event] {
		all = append(all, entry{a.deliveryDetail, a.payload})
	}
	return all
}
