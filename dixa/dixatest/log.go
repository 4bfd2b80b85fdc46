package dixatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// The endpoints, as requests and faults name them.
const (
	ConversationExport = "conversation_export"
	MessageExport      = "message_export"
	Organization       = "organization"
	Agents             = "agents"
	ActivityLog        = "activitylog"
	Webhooks           = "webhooks"        // the list, and where a subscription is made
	Webhook            = "webhook"         // one subscription
	DeliveryStatus     = "delivery-status" // of one subscription
	DeliveryLog        = "delivery-log"    // of one subscription and event
)

// Request is one entry of a server's log.
type Request struct {
	Time     time.Time // of arrival
	Method   string
	Path     string
	Query    string // raw, without the question mark
	Endpoint string // one of the constants, or empty for any other path
	// Auth is the scheme of the credentials as the client spelled it ("Bearer",
	// "bearer", "Basic"), "raw" for a bare token, empty for none.
	Auth string

	Status  int   // as answered, 0 until then
	Bytes   int64 // of body handed to the connection, compressed where the reply is
	Records int   // elements of data handed over, repeated and inserted ones included
	// Whole reports that the reply ended as the server meant it to: not cut, not
	// shortened, not given up by the client.
	Whole bool
}

func endpointOf(path string) string {
	switch path {
	case "/v1/conversation_export":
		return ConversationExport
	case "/v1/message_export":
		return MessageExport
	case "/v1/organization":
		return Organization
	case "/v1/agents":
		return Agents
	case "/v1/conversations/activitylog":
		return ActivityLog
	case "/v1/webhooks":
		return Webhooks
	}
	switch _, rest := webhookPath(path); {
	case rest == "":
		return Webhook
	case rest == "delivery-status":
		return DeliveryStatus
	case strings.HasPrefix(rest, logsPrefix):
		return DeliveryLog
	}
	return ""
}

// authScheme names the form of credentials without keeping them.
func authScheme(header string) string {
	if header == "" {
		return ""
	}
	if scheme, _, ok := strings.Cut(header, " "); ok {
		return scheme
	}
	return "raw"
}

// arrival is something to close once an endpoint has been asked n times.
type arrival struct {
	endpoint string
	n        int
	reached  chan struct{}
}

// Requests returns the log so far, in order of arrival. What a reply under way
// has sent is entered when it ends.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := make([]Request, len(s.log))
	for i, entry := range s.log {
		log[i] = *entry
	}
	return log
}

// Reached returns a channel that is closed when the n-th request to an endpoint
// arrives, counted from 1, or at once if it already has. An empty endpoint
// counts requests to any.
func (s *Server) Reached(endpoint string, n int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := make(chan struct{})
	if s.arrived[endpoint] >= n {
		close(reached)
	} else {
		s.waiting = append(s.waiting, arrival{endpoint, n, reached})
	}
	return reached
}

// enter logs a request and returns its entry, its number among those to the same
// endpoint, and its number among all.
func (s *Server) enter(r *http.Request) (entry *Request, nth, nthOfAll int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry = &Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Endpoint: endpointOf(r.URL.Path), Auth: authScheme(r.Header.Get("Authorization")),
	}
	s.log = append(s.log, entry)
	if s.arrived == nil {
		s.arrived = map[string]int{}
	}
	s.arrived[""]++
	if entry.Endpoint != "" {
		s.arrived[entry.Endpoint]++
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(a arrival) bool {
		if s.arrived[a.endpoint] < a.n {
			return false
		}
		close(a.reached)
		return true
	})
	return entry, s.arrived[entry.Endpoint], s.arrived[""]
}
