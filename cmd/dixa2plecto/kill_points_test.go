//go:build unix

package main_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// A point is a place in a command at which it is killed.
type point struct {
	name    string
	command string
	of      int // how often the command comes by
	// limit is an environment variable to set to the number of the occurrence, for the command that is killed alone.
	limit string
	// arrange has the command stay at the point when it comes by for the nth time. It returns how to tell that it is
	// there, and what to do when it is dead.
	arrange func(r *rig, nth int) (there func(*process) bool, after func())
}

func (p point) environment(nth int) []string {
	if p.limit == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s=%d", p.limit, nth)}
}

// importPoints takes the length of answers from an uninterrupted run.
func importPoints(reference *rig) []point {
	points := []point{
		stall(dixatest.Agents, "before the answer begins", []int64{-1, -1}),
		wait("import", "conversation exports", "DIXA_CONVERSATION_EXPORTS_PER_MINUTE", windowsOfRange-1),
		wait("import", "message exports", "DIXA_MESSAGE_EXPORTS_PER_MINUTE", windowsOfRange-1),
		trouble(dixatest.ConversationExport, "trying again", dixatest.Fault{Status: http.StatusServiceUnavailable}),
		trouble(dixatest.ActivityLog, "trying again", dixatest.Fault{Status: http.StatusBadGateway}),
		trouble(dixatest.MessageExport, "a limit is reached", dixatest.Fault{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}}),
	}
	for _, endpoint := range []string{dixatest.ConversationExport, dixatest.MessageExport, dixatest.ActivityLog} {
		var none, bracket, half, all, whole []int64
		for _, request := range reference.dixa.Requests() {
			if request.Endpoint == endpoint {
				none, bracket, half = append(none, -1), append(bracket, 1), append(half, request.Bytes/2)
				all, whole = append(all, request.Bytes-1), append(whole, request.Bytes)
			}
		}
		points = append(points,
			stall(endpoint, "before the answer begins, right after the last one's commit", none),
			stall(endpoint, "after the opening bracket", bracket),
			stall(endpoint, "in the middle of the body", half),
			stall(endpoint, "before the closing bracket", all),
			stall(endpoint, "after the body, before the connection is let go", whole),
		)
	}
	return points
}

// stall is a point at which some bytes of an answer of Dixa's have been sent; -1 stands for not even a status.
func stall(endpoint, name string, bytes []int64) point {
	return point{name: endpoint + " " + name, command: "import", of: len(bytes), arrange: func(r *rig, nth int) (func(*process) bool, func()) {
		var struck atomic.Bool
		r.dixa.Fault(dixatest.Fault{Endpoint: endpoint, Request: nth, Do: dixatest.Stall, Bytes: bytes[nth-1], Hit: func() { struck.Store(true) }})
		return func(*process) bool { return struck.Load() }, func() {}
	}}
}

// trouble is a point at which the program waits because of an answer of Dixa's.
func trouble(endpoint, words string, f dixatest.Fault) point {
	return point{name: endpoint + ", " + words, command: "import", of: windowsOfRange, arrange: func(r *rig, nth int) (func(*process) bool, func()) {
		r.refused[endpoint]++
		f.Endpoint, f.Request = endpoint, nth
		r.dixa.Fault(f)
		return func(p *process) bool { return p.says(words) }, func() {}
	}}
}

// wait is a point at which the program waits for a budget, of which it has spent as many requests as the occurrence.
func wait(command, budget, limit string, of int) point {
	return point{name: "waiting for the limit of " + budget, command: command, of: of, limit: limit, arrange: func(*rig, int) (func(*process) bool, func()) {
		return func(p *process) bool { return p.says("waits until", "the limit of "+budget) }, func() {}
	}}
}

// pushPoints takes the number of requests from an uninterrupted run.
func pushPoints(reference *rig) []point {
	return []point{
		unheard("datasources", len(reference.sources)),
		unheard("registrations", reference.posts),
		unanswered(reference.posts),
		{name: "before a batch is stored, as it is all the same", command: "push", of: reference.posts, arrange: func(r *rig, nth int) (func(*process) bool, func()) {
			release := r.hold(plectotest.Fault{Request: nth})
			return r.arrived("registrations", nth), func() {
				release()
				r.eventually("the batch is stored", func() bool { return r.stored(nth) })
			}
		}},
		{name: "in the wait after a 503", command: "push", of: reference.posts, arrange: func(r *rig, nth int) (func(*process) bool, func()) {
			r.refused["registrations"]++
			r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: nth, Status: http.StatusServiceUnavailable})
			return func(p *process) bool { return p.says("trying again") }, func() {}
		}},
		wait("push", "Plecto", "PLECTO_REQUESTS_PER_HOUR", reference.posts-1), // for registrations or for people, each of which has as many
	}
}

// unheard is a point at which a request is on its way to Plecto, which never does what it asks for.
func unheard(endpoint string, of int) point {
	return point{name: "before a request to " + endpoint + " is carried out", command: "push", of: of, arrange: func(r *rig, nth int) (func(*process) bool, func()) {
		r.plecto.Fault(plectotest.Fault{Endpoint: endpoint, Request: nth, Stall: true})
		return r.arrived(endpoint, nth), func() {}
	}}
}

// unanswered is a point at which Plecto has stored a batch and not said so.
func unanswered(of int) point {
	return point{name: "after a batch is stored, before the answer", command: "push", of: of, arrange: func(r *rig, nth int) (func(*process) bool, func()) {
		release := r.hold(plectotest.Fault{Request: nth, AfterStoring: true})
		return func(*process) bool { return r.stored(nth) }, release
	}}
}

// hold has a fault keep a request to registrations until it is released.
func (r *rig) hold(f plectotest.Fault) (release func()) {
	held := make(chan struct{})
	release = sync.OnceFunc(func() { close(held) })
	r.Cleanup(release)
	f.Endpoint, f.Hold = "registrations", held
	r.plecto.Fault(f)
	return release
}

// arrived tells whether Plecto has got the nth request to an endpoint.
func (r *rig) arrived(endpoint string, nth int) func(*process) bool {
	reached := r.plecto.Reached(endpoint, nth)
	return func(*process) bool {
		select {
		case <-reached:
			return true
		default:
			return false
		}
	}
}

// stored tells whether Plecto has stored the nth request to registrations.
func (r *rig) stored(nth int) bool {
	posts := r.posted()
	return len(posts) >= nth && posts[nth-1].Stored > 0
}
