package dixatest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Subscription is one subscription to webhooks as the Dixa API shows it.
// https://docs.dixa.io/openapi/dixa-api
type Subscription struct {
	ID     string   `json:"id"`
	Name   string   `json:"name"`
	Events []string `json:"subscribedEvents"`
	URL    string   `json:"url"`
	// Headers go with every delivery: the Authorization made of what the
	// subscription was given, and its custom headers.
	Headers map[string]string `json:"headers"`
	// Secret is 64 hex digits; deliveries are signed with the bytes they stand for.
	Secret    string `json:"secretKey,omitempty"`
	Enabled   bool   `json:"enabled"`
	CreatedAt string `json:"createdAt"`
	CreatedBy string `json:"createdBy"`
	UpdatedAt string `json:"updatedAt"`
	UpdatedBy string `json:"updatedBy"`
	// Filters are kept and shown; every event passes them.
	Filters json.RawMessage `json:"filters,omitempty"`
}

// subscriber is a subscription with what it was given and what became of its
// deliveries.
type subscriber struct {
	Subscription
	authorization string // the header, empty for none
	custom        map[string]string
	log           map[string][]attempt // by event, the newest first
}

// subscriptionForm is the body of POST and PATCH. What is absent is nil.
type subscriptionForm struct {
	Name          *string           `json:"name"`
	URL           *string           `json:"url"`
	Events        *[]string         `json:"events"`
	Authorization *authorization    `json:"authorization"`
	CustomHeaders map[string]string `json:"customHeaders"`
	Enabled       *bool             `json:"enabled"`
	Filters       json.RawMessage   `json:"filters"`
}

type authorization struct {
	Type     string  `json:"_type"`
	Username *string `json:"username"`
	Password *string `json:"password"`
	Value    *string `json:"value"`
}

// header returns the Authorization header that deliveries carry.
func (a authorization) header() (value string, ok bool) {
	switch {
	case a.Type == "NoAuth":
		return "", true
	case a.Type == "BasicAuth" && a.Username != nil && a.Password != nil:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(*a.Username+":"+*a.Password)), true
	case a.Type == "TokenAuth" && a.Value != nil:
		return "Bearer " + *a.Value, true
	}
	return "", false
}

// largestForm is how long the body of POST and PATCH may be.
const largestForm = 1 << 20

// readForm reads the body of a request. The message is what is wrong with it.
func readForm(r *http.Request) (form subscriptionForm, wrong string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, largestForm))
	if err != nil || json.Unmarshal(body, &form) != nil {
		return form, decodingFailure
	}
	if form.Name != nil && *form.Name == "" || form.URL != nil && !deliverable(*form.URL) {
		return form, invalidValue
	}
	if form.Events != nil && slices.ContainsFunc(*form.Events, func(name string) bool { return !slices.Contains(eventNames[:], name) }) {
		return form, invalidValue
	}
	if form.Authorization != nil {
		if _, ok := form.Authorization.header(); !ok {
			return form, decodingFailure
		}
	}
	return form, ""
}

func (f subscriptionForm) whole() bool {
	return f.Name != nil && f.URL != nil && f.Authorization != nil
}

// deliverable reports whether an address is one to deliver to. Plain HTTP is, so
// that a receiver on loopback can be tried.
func deliverable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != ""
}

// change gives a subscription the members that a form has.
func (s *subscriber) change(form subscriptionForm) {
	if form.Name != nil {
		s.Name = *form.Name
	}
	if form.URL != nil {
		s.URL = *form.URL
	}
	if form.Events != nil {
		s.Events = slices.Clone(*form.Events)
	}
	if form.Authorization != nil {
		s.authorization, _ = form.Authorization.header()
	}
	if form.CustomHeaders != nil {
		s.custom = form.CustomHeaders
	}
	if form.Enabled != nil {
		s.Enabled = *form.Enabled
	}
	if form.Filters != nil {
		s.Filters = form.Filters
	}
	s.UpdatedAt = time.Now().UTC().Format(time.RFC3339)
	s.Headers = map[string]string{}
	maps.Copy(s.Headers, s.custom)
	if s.authorization != "" {
		s.Headers["Authorization"] = s.authorization
	}
}

// shown returns what others may keep: nothing that a later change touches.
func (s *subscriber) shown() Subscription {
	shown := s.Subscription
	shown.Events, shown.Headers, shown.Filters = slices.Clone(s.Events), maps.Clone(s.Headers), slices.Clone(s.Filters)
	return shown
}

// Subscriptions returns every subscription, the oldest first, with its secret.
func (s *Server) Subscriptions() []Subscription {
	h := &s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]Subscription, len(h.subscribers))
	for i, one := range h.subscribers {
		all[i] = one.shown()
	}
	return all
}

// RotateSecret gives a subscription a new secret and returns it. What is signed
// from then on is signed with it. It reports false where there is no such
// subscription.
func (s *Server) RotateSecret(id string) (secret string, ok bool) {
	h := &s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	one := h.find(id)
	if one == nil {
		return "", false
	}
	one.Secret = newSecret()
	return one.Secret, true
}

// find returns the subscription with an id, nil where there is none. The caller
// holds the lock.
func (h *hooks) find(id string) *subscriber {
	i := slices.IndexFunc(h.subscribers, func(one *subscriber) bool { return one.ID == strings.ToLower(id) })
	if i < 0 {
		return nil
	}
	return h.subscribers[i]
}

func newSecret() string {
	var key [32]byte
	rand.Read(key[:])
	return hex.EncodeToString(key[:])
}

// newUUID is a UUID that no other run repeats: receivers remember those of events.
func newUUID() string {
	return string(appendUUID(make([]byte, 0, 36), mathrand.Uint64(), mathrand.Uint64()))
}
