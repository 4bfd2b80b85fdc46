package plectotest

import (
	"net/http"
	"slices"
)

// Fault is something that goes wrong with chosen requests. What it does, it does in the order of
// its last fields: hold, stall, drop, answer. One that only holds lets the request go on afterwards.
//
// A redirect is a 3xx status with a Location header; a portal's page is status 200 with HTML as
// the body.
type Fault struct {
	// Endpoint is the one it strikes, such as "registrations"; "" means any.
	Endpoint string
	// Request is the first request it strikes, as counted at that endpoint from 1; 0 means the
	// next one to arrive.
	Request int
	// Count is how many requests in a row it strikes; 0 means one, a negative number all.
	Count int
	// AfterStoring makes it strike when the request has been carried out, before the answer.
	// Otherwise it strikes on arrival, and a request that is dropped or answered has no effect.
	AfterStoring bool

	// Hold, if set, keeps the request until the channel is closed. Like the work of a slow server
	// the request outlives its client: release it before the server is closed.
	Hold <-chan struct{}
	// Stall keeps the request until its client gives up.
	Stall bool
	// Drop cuts the connection without an answer.
	Drop bool
	// Status answers the request, if it is not 0, with Header and Body.
	Status int
	Header http.Header
	Body   string
}

type fault struct {
	Fault
	first, last int
}

// Fault adds a fault. Where several strike one request, the one added first is taken. Calling lift
// takes the fault away.
func (s *Server) Fault(f Fault) (lift func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := &fault{Fault: f, first: f.Request}
	if f.Request == 0 {
		added.first = s.arrived[f.Endpoint] + 1
	}
	added.last = added.first + max(f.Count, 1) - 1
	s.faults = append(s.faults, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(f *fault) bool { return f == added })
	}
}

// strikes reports whether the fault is for a request to an endpoint, given how many requests have
// arrived there and altogether.
func (f *fault) strikes(endpoint string, arrived map[string]int) bool {
	if f.Endpoint != "" && f.Endpoint != endpoint {
		return false
	}
	n := arrived[f.Endpoint]
	return n >= f.first && (n <= f.last || f.Count < 0)
}

// act lets the request's fault strike. An answer without a status lets the request go on.
func (s *Server) act(x *exchange) answer {
	f := x.fault
	if f.Hold != nil {
		<-f.Hold
	}
	if f.Stall {
		<-x.r.Context().Done()
		s.abort(x)
	}
	if f.Drop {
		s.abort(x)
	}
	return answer{status: f.Status, header: f.Header, body: []byte(f.Body)}
}

type arrival struct {
	endpoint string
	n        int
	reached  chan struct{}
}

// Reached gives a channel that is closed when the n-th request to an endpoint has arrived, counted
// from 1; the endpoint "" counts all requests.
func (s *Server) Reached(endpoint string, n int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	reached := make(chan struct{})
	if s.arrived[endpoint] >= n {
		close(reached)
		return reached
	}
	s.waiting = append(s.waiting, arrival{endpoint, n, reached})
	return reached
}
