package plectotest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is one request as it was received and answered.
type Request struct {
	Time   time.Time // of its arrival
	Method string
	Path   string // below the mount point
	// Endpoint is the first element of the path, such as "registrations".
	Endpoint string
	// Rows are the registrations in the body of a POST, and ExternalIDs theirs, in order.
	Rows        int
	ExternalIDs []string
	// Stored is the number of registrations written by it.
	Stored int
	// Status is what it was answered with; 0 while it is under way, and for one that got no answer.
	Status int
	// Integration is its X-Integration header.
	Integration string
}

// Requests are all requests in the order of their arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := make([]Request, len(s.log))
	for i, x := range s.log {
		requests[i] = x.Request
		requests[i].ExternalIDs = slices.Clone(x.ExternalIDs)
	}
	return requests
}

// exchange is a request under way. What is needed for the log alone stays after its end.
type exchange struct {
	Request
	number   int // among all requests
	r        *http.Request
	body     []byte
	segments []string
	batch    batch
	fault    *fault
	wait     time.Duration // until the limit would have allowed it, 0 if it did
	gone     bool          // the client left before the answer
}

func newExchange(r *http.Request, body []byte) *exchange {
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	x := &exchange{r: r, body: body, segments: segments, Request: Request{
		Method:      r.Method,
		Path:        r.URL.Path,
		Endpoint:    segments[0],
		Integration: r.Header.Get("X-Integration"),
	}}
	if x.Endpoint == "registrations" && x.Method == http.MethodPost {
		x.batch = parseBatch(body)
		x.Rows = len(x.batch.rows)
		for _, row := range x.batch.rows {
			x.ExternalIDs = append(x.ExternalIDs, row.externalID)
		}
	}
	return x
}

// arrive logs and counts a request, and settles what will become of it.
func (s *Server) arrive(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Time = time.Now()
	s.log = append(s.log, x)
	x.number = len(s.log)

	if s.arrived == nil {
		s.arrived = make(map[string]int)
	}
	s.arrived[x.Endpoint]++
	if x.Endpoint != "" {
		s.arrived[""]++
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(a arrival) bool {
		reached := s.arrived[a.endpoint] >= a.n
		if reached {
			close(a.reached)
		}
		return reached
	})
	if i := slices.IndexFunc(s.faults, func(f *fault) bool { return f.strikes(x.Endpoint, s.arrived) }); i >= 0 {
		x.fault = s.faults[i]
	}
	if x.Endpoint == "registrations" {
		x.wait = s.registrations.take(x.Time, s.Behaviour.RegistrationsPerHour)
	} else {
		x.wait = s.others.take(x.Time, s.Behaviour.RequestsPerHour)
	}
	s.inspect(x)
}

// depart ends a request. It comes before the answer is written, so that the client's next request
// never meets this one.
func (s *Server) depart(x *exchange, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.Status = status
	x.gone = x.r.Context().Err() != nil
	for _, row := range x.batch.rows {
		if s.inFlight[row.rowKey] == x {
			delete(s.inFlight, row.rowKey)
		}
	}
	x.r, x.body, x.batch = nil, nil, batch{}
}

// mounted is the path as the client sent it, before any prefix was stripped.
func (x *exchange) mounted() string {
	if u, err := url.ParseRequestURI(x.r.RequestURI); err == nil {
		return u.Path
	}
	return x.r.URL.Path
}

func (x *exchange) isJSON() bool {
	kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}
