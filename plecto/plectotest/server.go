// Package plectotest simulates an endpoint that is compatible with Plecto's API v2: data sources,
// registrations and members, with its limits, its open questions as switches ([Behaviour]) and
// faults on demand ([Fault]). It is no test double for one client: it keeps what it is sent, logs
// every request, and says afterwards which rules were broken ([Server.Violations]).
//
// Facts about the API are from https://docs.plecto.com. What is not documented there follows the
// conventions of Django REST framework, which Plecto's public traces point to.
package plectotest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server is the endpoint. Its zero value is ready for use, at the root of its handler: mount it
// elsewhere with [http.StripPrefix]. Set the fields before the first request. It is safe for
// concurrent use, and inside a synctest bubble, whose clock it then follows.
type Server struct {
	// Email and Password are the login to ask for. With both empty any login is accepted, though
	// one must be sent.
	Email, Password string
	// Behaviour decides what the documentation leaves open.
	Behaviour Behaviour
	// Refuse, if set, is asked about every row that is posted: a text other than "" makes the row
	// invalid and is what its sender is told. It may be called by several requests at once and
	// must not change the row. Numbers in the row are of type [json.Number].
	Refuse func(row map[string]any) string
	// Seed varies the UUIDs, which are otherwise the same from run to run.
	Seed uint64

	mu          sync.Mutex
	issued      map[string]int
	dataSources []*dataSource
	members     []*member
	accounts    map[Account]*member

	log           []*exchange
	arrived       map[string]int
	waiting       []arrival
	faults        []*fault
	registrations bucket
	others        bucket
	inFlight      map[rowKey]*exchange
	overlaps      []overlap
	violations    []string
}

// answer is what a request is answered with. A nil body is an empty one, bytes are sent as they
// are, anything else as JSON.
type answer struct {
	status int
	header http.Header
	body   any
}

func detail(status int, format string, args ...any) answer {
	return answer{status: status, body: map[string]string{"detail": fmt.Sprintf(format, args...)}}
}

// forbidden is the answer to a login whose profile lacks a permission.
func forbidden() answer {
	return detail(http.StatusForbidden, "You do not have permission to perform this action.")
}

// ServeHTTP answers one request. A request counts as arrived when its body has been read.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	x := newExchange(r, body)
	if s.Refuse != nil {
		for i := range x.batch.rows {
			if row := &x.batch.rows[i]; row.values != nil {
				row.refusal = s.Refuse(row.values)
			}
		}
	}
	s.arrive(x)

	var a answer
	if x.fault != nil && !x.fault.AfterStoring {
		a = s.act(x)
	}
	if a.status == 0 {
		a = s.carryOut(x)
		if x.fault != nil && x.fault.AfterStoring {
			if other := s.act(x); other.status != 0 {
				a = other
			}
		}
	}
	s.depart(x, a.status)
	write(w, a)
}

// carryOut does what the request asks for.
func (s *Server) carryOut(x *exchange) answer {
	time.Sleep(s.Behaviour.Latency)
	if email, password, ok := x.r.BasicAuth(); !ok || s.Email+s.Password != "" && (email != s.Email || password != s.Password) {
		a := detail(http.StatusUnauthorized, "Invalid username/password.")
		a.header = http.Header{"Www-Authenticate": {`Basic realm="api"`}}
		return a
	}
	if x.wait > 0 {
		return s.Behaviour.Throttle.answer(x.wait)
	}
	if !strings.HasSuffix(x.Path, "/") {
		switch s.Behaviour.Slash {
		case SlashRedirects:
			location := *x.r.URL
			location.Path = x.mounted() + "/"
			return answer{status: http.StatusMovedPermanently, header: http.Header{"Location": {location.RequestURI()}}}
		case SlashNotFound:
			return detail(http.StatusNotFound, "Not found.")
		}
	}

	methods := s.methods(x.segments)
	if methods == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	method, ok := methods[x.Method]
	if !ok {
		return detail(http.StatusMethodNotAllowed, "Method %q not allowed.", x.Method)
	}
	if hasBody := x.Method == http.MethodPost || x.Method == http.MethodPut; hasBody && !x.isJSON() {
		return detail(http.StatusUnsupportedMediaType, "Unsupported media type %q in request.", x.r.Header.Get("Content-Type"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return method(x)
}

// methods are the methods that a path knows, nil for a path that does not exist.
func (s *Server) methods(segments []string) map[string]func(*exchange) answer {
	switch path := segments[0]; {
	case path == "registrations" && len(segments) == 1:
		return map[string]func(*exchange) answer{"GET": s.listRegistrations, "POST": s.postRegistrations}
	case path == "registrations" && len(segments) == 3:
		return map[string]func(*exchange) answer{"GET": s.getRegistration, "PUT": s.putRegistration, "DELETE": s.deleteRegistration}
	case path == "datasources" && len(segments) == 1:
		return map[string]func(*exchange) answer{"GET": s.listDataSources, "POST": s.postDataSource}
	case path == "datasources" && len(segments) == 2:
		return map[string]func(*exchange) answer{"GET": s.getDataSource}
	case path == "members" && len(segments) == 1:
		return map[string]func(*exchange) answer{"GET": s.listMembers, "POST": s.postMember}
	case path == "members" && len(segments) == 2:
		return map[string]func(*exchange) answer{"GET": s.getMember}
	}
	return nil
}

// abort ends a request without an answer.
func (s *Server) abort(x *exchange) {
	s.depart(x, 0)
	panic(http.ErrAbortHandler)
}

func write(w http.ResponseWriter, a answer) {
	maps.Copy(w.Header(), a.header)
	body, ok := a.body.([]byte)
	if !ok && a.body != nil {
		w.Header().Set("Content-Type", "application/json")
		if body, ok = a.body.(json.RawMessage); !ok {
			body = encode(a.body)
		}
	}
	w.WriteHeader(a.status)
	// The client may have left; there is nobody to tell.
	_, _ = w.Write(body)
}

// uuid is the next UUID of a kind, in Plecto's spelling: 32 lower-case hex digits.
func (s *Server) uuid(kind string) string {
	if s.issued == nil {
		s.issued = make(map[string]int)
	}
	s.issued[kind]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d", s.Seed, kind, s.issued[kind]))
	return hex.EncodeToString(sum[:16])
}

// plain is a UUID in Plecto's spelling, given with or without dashes.
func plain(uuid string) string {
	return strings.ToLower(strings.ReplaceAll(uuid, "-", ""))
}

func (b *Behaviour) pageSize() int { return cmp.Or(b.PageSize, defaultPageSize) }
