//go:build unix

package main_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
)

// A hint is an event to deliver.
type hint struct {
	id, kind string
	csid     int64
	at       time.Time
}

// hints makes so many events, of different ids, about conversations one after another. They are as old as at: what Dixa
// has of the conversations now is newer.
func hints(n int, at time.Time, csids []int64) []hint {
	kinds := []string{"CONVERSATION_TAG_ADDED", "CONVERSATION_ASSIGNED", "CONVERSATION_CLOSED", "CONVERSATION_MESSAGE_ADDED"}
	all := make([]hint, n)
	for i := range all {
		all[i] = hint{fmt.Sprintf("event-%d-%06d", at.UnixMilli(), i), kinds[i%len(kinds)], csids[i%len(csids)], at}
	}
	return all
}

// body is the event as long as Dixa's are, a kilobyte or so.
func (h hint) body() string {
	stamp := h.at.UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Sprintf(`{"event_id":%q,"event_fqn":%q,"event_version":"1","event_timestamp":%q,"organization":{"id":"o1","name":"Example Organisation"},`+
		`"data":{"conversation":{"csid":%d,"channel":"EMAIL","status":"OPEN","direction":"INBOUND","subject":%q,"created_at":%q}}}`,
		h.id, h.kind, stamp, h.csid, strings.Repeat("Where is my order? ", 40), stamp)
}

// request is a whole request to the hook that delivers a body, signed; header are further lines, each with its end.
func (r *receiver) request(body, header string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-DIXA-SIGNATURE: %s\r\n%s\r\n%s",
		r.hook, r.host, len(body), signed(body), header, body)
}

func signed(body string) string {
	secret, err := hex.DecodeString(signingSecret)
	if err != nil {
		panic(err)
	}
	return dixa.Sign(secret, time.Now(), []byte(body))
}

// A delivered event is what came of it.
type delivered struct {
	id     string
	status int           // 0 where no answer came
	took   time.Duration // from when it was due
}

// A stream delivers events.
type stream struct {
	perSecond   int // 0 is as fast as it goes
	connections int // that stay open; 1 when zero
	// answered is told of each answer; it may be nil.
	answered func(delivered)
}

// send delivers all events and returns what came of each, in their order. The requests are made before the first is due,
// so that it takes little of the machine meanwhile.
func (r *receiver) send(s stream, all []hint) []delivered {
	requests := make([]string, len(all))
	for i, h := range all {
		requests[i] = r.request(h.body(), "")
	}
	results := make([]delivered, len(all))
	var next atomic.Int64
	var workers sync.WaitGroup
	began := time.Now()
	for range max(s.connections, 1) {
		workers.Go(func() {
			line := &line{host: r.host}
			defer line.close()
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				due := time.Now()
				if s.perSecond > 0 {
					due = began.Add(time.Duration(i) * time.Second / time.Duration(s.perSecond))
					time.Sleep(time.Until(due))
				}
				status, _ := line.exchange(requests[i])
				results[i] = delivered{all[i].id, status, time.Since(due)}
				if s.answered != nil {
					s.answered(results[i])
				}
			}
		})
	}
	workers.Wait()
	return results
}

// A line is a connection that is opened again where it was closed.
type line struct {
	host   string
	conn   net.Conn
	answer *bufio.Reader
}

// exchange sends a request and returns the status of the answer, and its body; 0 where none came.
func (l *line) exchange(request string) (status int, body string) {
	if l.conn == nil {
		conn, err := net.Dial("tcp", l.host)
		if err != nil {
			return 0, ""
		}
		_ = conn.SetDeadline(time.Now().Add(2 * tooLong))
		l.conn, l.answer = conn, bufio.NewReader(conn)
	}
	_, _ = io.WriteString(l.conn, request) // it may be answered before it is sent whole
	resp, err := http.ReadResponse(l.answer, nil)
	if err != nil {
		l.close()
		return 0, ""
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.Close {
		l.close()
	}
	return resp.StatusCode, string(text)
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// percentile of the times that answers took, in milliseconds.
func percentile(sent []delivered, p float64) float64 {
	took := make([]time.Duration, len(sent))
	for i, d := range sent {
		took[i] = d.took
	}
	slices.Sort(took)
	return float64(took[min(int(p/100*float64(len(took))), len(took)-1)].Microseconds()) / 1000
}

// count counts the events that were answered with a status.
func count(sent []delivered, status int) (n int) {
	for _, d := range sent {
		if d.status == status {
			n++
		}
	}
	return n
}
