package dixatest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is a simulated Dixa: the Exports API at /v1/conversation_export and
// /v1/message_export, and of the Dixa API /v1/organization, /v1/agents,
// /v1/conversations/activitylog and /v1/webhooks with what is below it. What Emit
// is told it delivers to the subscriptions; a server that has emitted wants Close.
// Set the fields before the first request. A server mounted under a prefix wants
// http.StripPrefix.
type Server struct {
	// World is what the server answers from. Nil is an empty one.
	World *World
	// Bulk, when set, takes the place of World in the exports.
	Bulk *Bulk
	// Token is the API token to ask for. Empty takes any, but not none.
	Token string
	// Behaviour chooses among the things that Dixa might do.
	Behaviour Behaviour
	// Client makes the deliveries. Nil is one of the server's own, which follows no
	// redirects.
	Client *http.Client

	mu      sync.Mutex
	faults  []Fault
	log     []*Request
	arrived map[string]int
	waiting []arrival
	spent   map[string][]time.Time
	hooks   hooks
}

// ServeHTTP answers one request. Faults that break the connection panic with
// http.ErrAbortHandler, which net/http takes for just that.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	entry, nth, nthOfAll := s.enter(r)
	out := &reply{w: w, r: r, server: s, entry: entry}
	defer out.end()
	switch {
	case entry.Endpoint == "":
		out.refuse(http.StatusNotFound, notFound)
		return
	case !slices.Contains(methods(entry.Endpoint), r.Method):
		w.Header().Set("Allow", strings.Join(methods(entry.Endpoint), ", "))
		out.refuse(http.StatusMethodNotAllowed, "The requested method is not allowed")
		return
	case !s.authorized(entry.Endpoint, r):
		out.refuse(http.StatusUnauthorized, "Unauthorized")
		return
	}
	if wait, ok := s.spend(entry.Endpoint); !ok {
		s.setRetryAfter(w.Header(), wait)
		out.refuse(http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	q, wrong := s.parse(entry.Endpoint, r.URL.Query())
	if f, ok := s.faultFor(entry.Endpoint, nth, nthOfAll, q.span()); ok {
		out.suffer(f)
		if f.Do == Answer {
			out.answer(f)
			return
		}
	}
	if wrong != nil {
		out.refuse(wrong.status, wrong.message)
		return
	}
	switch entry.Endpoint {
	case ConversationExport:
		s.export(out, "conversations", q)
	case MessageExport:
		s.export(out, "messages", q)
	case Organization:
		s.organization(out)
	case Agents:
		s.agents(out)
	case ActivityLog:
		s.activities(out, q)
	case Webhooks:
		s.subscriptions(out)
	case Webhook, DeliveryStatus, DeliveryLog:
		s.subscription(out)
	}
}

// methods are those that an endpoint takes.
func methods(endpoint string) []string {
	switch endpoint {
	case Webhooks:
		return []string{http.MethodGet, http.MethodPost}
	case Webhook:
		return []string{http.MethodGet, http.MethodPatch, http.MethodDelete}
	}
	return []string{http.MethodGet}
}

// authorized reports whether a request carries the token in a form that its API
// takes. Both take "Bearer TOKEN"; the exports also take the token as the
// password of a user named bearer, the Dixa API also takes it bare.
func (s *Server) authorized(endpoint string, r *http.Request) bool {
	header := r.Header.Get("Authorization")
	scheme, token, ok := strings.Cut(header, " ")
	exports := endpoint == ConversationExport || endpoint == MessageExport
	switch {
	case ok && strings.EqualFold(scheme, "bearer"):
	case !ok && !exports:
		token = header
	case ok && exports:
		user, password, basic := r.BasicAuth()
		if !basic || user != "bearer" {
			return false
		}
		token = password
	default:
		return false
	}
	return token != "" && token == cmp.Or(s.Token, token)
}

// refuse answers with an error status and the body that Behaviour wants.
func (out *reply) refuse(status int, message string) {
	body := out.server.Behaviour.ErrorBody
	if body == DocumentedErrors {
		body = JSONErrors
		if e := out.entry.Endpoint; e == ConversationExport || e == MessageExport {
			body = EmptyErrors
		}
	}
	switch body {
	case JSONErrors:
		out.json(status, map[string]string{"message": message})
	case HTMLErrors:
		out.header("Content-Type", "text/html; charset=utf-8")
		out.status(status)
		fmt.Fprintf(out, "<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%[2]s</h1></body></html>\n",
			status, http.StatusText(status))
	default:
		out.status(status)
	}
	out.whole()
}

func (out *reply) json(status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("dixatest: encoding a reply: %v", err))
	}
	out.header("Content-Type", "application/json")
	out.status(status)
	out.Write(body)
}
