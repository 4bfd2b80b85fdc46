package dixatest

import (
	"fmt"
	"net/http"
	"time"
)

// Fault is something that goes wrong with some requests. Where several faults
// match a request the one added first is had. Requests that are refused for
// their credentials or by a limit meet no fault, but are counted.
type Fault struct {
	// Endpoint is one of the constants; empty matches requests to any of them.
	Endpoint string
	// Request is which request to the endpoint, counted from 1 in order of
	// arrival. 0 matches every one.
	Request int
	// Count is how many in a row from Request on: 1 when zero, all when negative.
	Count int
	// WiderThan, when set, matches only exports and pages of the activity log that
	// ask for a longer span. A client that widens its bounds asks for that too.
	WiderThan time.Duration

	// Do is what happens. The fields below say how; each names who reads it.
	Do Action
	// Status, Header and Body are the whole reply of Answer. Status is 200 when
	// zero. Insert reads Body: the element to insert, any bytes at all.
	Status int
	Header http.Header
	Body   string
	// Bytes is how much of the body, as it travels, is sent before Cut, Short or
	// Stall; a shorter body is sent whole. At -1 nothing is sent before Cut and
	// Stall, not even a status. For Drip it is how much goes out per Interval, for
	// Huge the length of the value.
	Bytes    int64
	Interval time.Duration
	// Rows is how many elements Insert and Huge let pass first.
	Rows int
	// Release ends a Stall when it is closed; the reply then goes on. Without it,
	// or if the client gives up first, the connection is broken.
	Release <-chan struct{}
	// Hit, when set, is called once per matching request as the fault takes effect,
	// after what Bytes allows has left the server.
	Hit func()
}

// Action is what a Fault does.
type Action int

const (
	// Answer sends another reply in place of the real one.
	Answer Action = iota
	// Cut breaks the connection: the body ends without its last chunk.
	Cut
	// Short leaves off the rest of the body and ends the reply in good order.
	Short
	// Stall sends nothing more until released.
	Stall
	// Drip sends the body a little at a time.
	Drip
	// Insert adds one more element to an export or a page of a list.
	Insert
	// Huge adds one more record to one of those, with one very long string in it.
	Huge
)

// Redirect is a Fault that sends the client to another address.
func Redirect(url string) Fault {
	return Fault{Status: http.StatusTemporaryRedirect, Header: http.Header{"Location": {url}}}
}

// Page is a Fault that answers 200 with HTML, as a captive portal does.
func Page() Fault {
	return Fault{
		Header: http.Header{"Content-Type": {"text/html; charset=utf-8"}},
		Body:   "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form>Sign in to continue</form></body></html>\n",
	}
}

// Wrapped is a Fault that answers an export with an object in place of the array.
func Wrapped() Fault {
	return Fault{Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"data":[]}`}
}

// Spoilt returns a Body for Insert: a record that no client should keep.
//
//	"no id"       a record without its key
//	"seconds"     created_at is in seconds, or activityTimestamp made of them
//	"not UTF-8"   a string holds bytes that are no UTF-8
//	"not object"  a string in place of the record
//
// The id, where there is one, is an integer for ConversationExport and a UUID
// for MessageExport and ActivityLog, and belongs to no other record.
func Spoilt(endpoint, how string) string {
	id, times := strangeID(endpoint), strangeTimes(endpoint, 1760000000000)
	switch how {
	case "no id":
		return fmt.Sprintf(`{"csid":999999999,%s,"initial_channel":"email","direction":"inbound"}`, times)
	case "seconds":
		return fmt.Sprintf(`{%s,%s,"initial_channel":"email","direction":"inbound"}`, id, strangeTimes(endpoint, 1760000000))
	case "not UTF-8":
		return fmt.Sprintf(`{%s,%s,"initial_channel":"email","direction":"inbound","text":"caf%s"}`, id, times, "\xe9\xff")
	case "not object":
		return `"service unavailable"`
	}
	panic(fmt.Sprintf("dixatest: no way to spoil a record: %q", how))
}

// strangeID is the key of a record that belongs to no world.
func strangeID(endpoint string) string {
	switch endpoint {
	case MessageExport:
		return `"id":"ffffffff-ffff-4fff-bfff-ffffffffffff","csid":999999999`
	case ActivityLog:
		return `"id":"ffffffff-ffff-4fff-bfff-ffffffffffff","conversationId":999999999`
	}
	return `"id":999999999`
}

// strangeTimes are the times of such a record.
func strangeTimes(endpoint string, ms int64) string {
	if endpoint == ActivityLog {
		return fmt.Sprintf(`"activityTimestamp":%q`, timestamp(ms))
	}
	return fmt.Sprintf(`"created_at":%d,"updated_at":%[1]d`, ms)
}

// Fault adds a fault.
func (s *Server) Fault(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// Heal takes all faults away. Replies already under way keep theirs.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) faultFor(endpoint string, nth, nthOfAll int, span time.Duration) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		n := nth
		if f.Endpoint == "" {
			n = nthOfAll
		} else if f.Endpoint != endpoint {
			continue
		}
		if f.matches(n) && (f.WiderThan == 0 || span > f.WiderThan) {
			return f, true
		}
	}
	return Fault{}, false
}

func (f Fault) matches(n int) bool {
	switch {
	case f.Request == 0:
		return true
	case f.Count < 0:
		return n >= f.Request
	default:
		return n >= f.Request && n < f.Request+max(f.Count, 1)
	}
}
