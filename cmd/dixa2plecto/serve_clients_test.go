//go:build unix && !race

// The race detector sees nothing of the program that these tests run.

package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// most is the memory in MiB that the receiver may take, whatever its clients do.
const most = 128

// ask sends bytes over a connection of their own and returns the statuses of all answers until the receiver closes it,
// and the text of their bodies.
func (r *receiver) ask(raw string) (statuses []int, text string) {
	r.Helper()
	conn, err := net.Dial("tcp", r.host)
	if err != nil {
		r.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, raw) // it may be closed before that is sent whole
	_ = conn.(*net.TCPConn).CloseWrite()
	answers := bufio.NewReader(conn)
	for {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return statuses, text
		}
		body, _ := io.ReadAll(resp.Body)
		statuses, text = append(statuses, resp.StatusCode), text+string(body)
	}
}

func testServeOddRequests(t *testing.T, r *rig) {
	serving := r.serve(nil)
	var made, taken int
	event := func() string { // a new one each time
		made++
		h := hints(1, longAgo(), []int64{1})[0]
		h.id = fmt.Sprintf("odd-%d", made)
		return h.body()
	}
	good := func(header string) string { return serving.request(event(), header) }
	swap := func(old, new string) string { return strings.Replace(good(""), old, new, 1) }
	bodied := func(body string) string { return serving.request(body, "") }
	chunked := func(header, body string) string { // whose length is told twice
		return strings.Replace(serving.request(body, header), "\r\n\r\n"+body, fmt.Sprintf("\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body), 1)
	}
	lengthless := func(header string) string {
		body := event()
		return strings.Replace(chunked(header, body), fmt.Sprintf("Content-Length: %d\r\n", len(body)), "", 1)
	}
	const hidden = "POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	for _, row := range []struct {
		name, raw string
		want      string // the statuses
	}{
		{"as Dixa does", good(""), "204"},
		{"two on one connection", good("") + good(""), "204 204"},
		{"without the last slash", swap("/hook/ ", "/hook "), "204"},
		{"with a character set", swap("application/json", "application/json; charset=utf-8"), "204"},
		{"header names in lower case", swap("X-DIXA-SIGNATURE", "x-dixa-signature"), "204"},
		{"in chunks", lengthless("Transfer-Encoding: chunked\r\n"), "204"},
		{"waiting to be asked for the body", good("Expect: 100-continue\r\n"), "100 204"},

		{"GET", "GET " + serving.hook + " HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
		{"PUT", swap("POST", "PUT"), "405"},
		{"DELETE", swap("POST", "DELETE"), "405"},
		{"another connection's", swap(serving.hook, "/admin/data-sources/dixa/0123456789abcdef0123456789abcdef/hook/"), "404"},
		{"no connection's", swap(serving.hook, "/admin/data-sources/dixa/x/hook/"), "404"},
		{"below the hook", swap("/hook/ ", "/hook/x "), "404"},
		{"the root", swap(serving.hook, "/"), "404"},
		{"POST to what is read", swap(serving.hook, "/healthz"), "405"},
		{"text", swap("application/json", "text/plain"), "415"},
		{"a form", swap("application/json", "application/x-www-form-urlencoded"), "415"},
		{"no type", swap("Content-Type: application/json\r\n", ""), "415"},
		{"a type of nonsense", swap("application/json", ";;"), "415"},

		{"no signature", swap("X-DIXA-SIGNATURE", "X-Other"), "401"},
		{"an empty signature", swap("X-DIXA-SIGNATURE: t=", "X-DIXA-SIGNATURE: \r\nX-Other: t="), "401"},
		{"two signatures", good("X-DIXA-SIGNATURE: " + signed("x") + "\r\n"), "401"},
		{"the same signature twice", strings.Replace(bodied("{}"), "\r\n\r\n", "\r\nX-DIXA-SIGNATURE: "+signed("{}")+"\r\n\r\n", 1), "401"},
		{"two signatures in one line", swap(",v1=", ",v1=00,v1="), "401"},
		{"a body of another", strings.Replace(good(""), "Where", "where", 1), "401"},
		{"a signature in upper case", swap("X-DIXA-SIGNATURE: t=", "X-DIXA-SIGNATURE: T="), "401"},

		{"nothing", bodied(""), "400"},
		{"no JSON", bodied("event"), "400"},
		{"an array", bodied("[" + event() + "]"), "400"},
		{"no id", bodied(`{"event_fqn":"CONVERSATION_CLOSED"}`), "400"},
		{"nested deeply", bodied(`{"event_id":"deep","data":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "}"), "400"},

		{"two lengths", good("Content-Length: 5\r\n"), "400"},
		{"a negative length", swap("Content-Length: ", "Content-Length: -"), "400"},
		{"a length with a sign", swap("Content-Length: ", "Content-Length: +"), "400"},
		{"a length of words", swap("Content-Length: ", "Content-Length: x"), "400"},
		{"a length with a space before the colon", swap("Content-Length:", "Content-Length :"), "400"},
		{"a longer length than the body", swap("Content-Length: ", "Content-Length: 1"), "400"},
		{"an unknown encoding", lengthless("Transfer-Encoding: xchunked\r\n"), "501"},
		{"two encodings", lengthless("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), "501"},
		{"a chunk without an end", strings.Replace(lengthless("Transfer-Encoding: chunked\r\n"), "\r\n0\r\n\r\n", "", 1), "400"},
		{"a chunk of more than there is", strings.Replace(lengthless("Transfer-Encoding: chunked\r\n"), "\r\n\r\n", "\r\n\r\nffffffffffffffffff\r\n", 1), "400"},
		{"no host", swap("Host: ", "X-Host: "), "400"},
		{"a folded line", good("X-Long: a\r\n b\r\n"), "204"},
		{"a head of 64 KiB", good("X-Long: " + strings.Repeat("a", 64<<10) + "\r\n"), "431"},
		{"no request", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400"},
		{"the start of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
		// What stands behind a body is a request of its own, which has to prove itself like any other.
		{"a request hidden behind a shorter length", good("") + hidden, "204 404"},
		{"lengths of two kinds", chunked("Transfer-Encoding: chunked\r\n", event()) + hidden, "204 404"},
	} {
		statuses, text := serving.ask(row.raw)
		if got := strings.Trim(fmt.Sprint(statuses), "[]"); got != row.want {
			t.Errorf("%s: answered with %s, not %s", row.name, got, row.want)
		}
		taken += strings.Count(row.want, "204")
		if strings.Contains(text, "event") || strings.Contains(text, "store") || len(text) > 100 {
			t.Errorf("%s: answered with %q", row.name, text)
		}
	}
	serving.stop()
	if stored := len(events(t, r.cache)); stored != taken {
		t.Errorf("%d events are stored, not the %d that were answered for", stored, taken)
	}
	r.checkDiscreet(serving)
}

func testServeEndlessBodies(t *testing.T, r *rig) {
	serving := r.serve(nil)
	head := strings.Split(serving.request("", ""), "Content-Length: 0\r\n")
	for _, row := range []struct{ name, length, start, more string }{
		{"a byte too many", "Content-Length: 1048577\r\n", "", ""},
		{"ten gigabytes announced", "Content-Length: 10737418240\r\n", "", ""},
		{"ten gigabytes sent", "Content-Length: 10737418240\r\n", "", strings.Repeat("a", 64<<10)},
		{"chunks without an end", "Transfer-Encoding: chunked\r\n", "", fmt.Sprintf("%x\r\n%s\r\n", 64<<10, strings.Repeat("a", 64<<10))},
		{"one chunk without an end", "Transfer-Encoding: chunked\r\n", "7fffffffffffffff\r\n", strings.Repeat("a", 64<<10)},
	} {
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				conn, err := net.Dial("tcp", serving.host)
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, err = io.WriteString(conn, head[0]+row.length+head[1]+row.start)
				for sent := 0; err == nil && row.more != "" && sent < 1<<30; sent += len(row.more) {
					_, err = io.WriteString(conn, row.more)
				}
				if row.more != "" && err == nil {
					t.Errorf("%s: a gigabyte was taken", row.name)
				}
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if row.more != "" && err != nil {
					return // it was closed while there was more to come
				}
				if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge && resp.StatusCode != http.StatusServiceUnavailable || !resp.Close {
					t.Errorf("%s: answered with %v (%v)", row.name, resp, err)
				}
			})
		}
		all.Wait()
	}
	if peak := serving.peak(); peak > most {
		t.Errorf("it took %.0f MiB", peak)
	}
	// A megabyte is taken, to the byte.
	body := hints(1, longAgo(), []int64{1})[0].body()
	body = body[:len(body)-1] + `,"more":"` + strings.Repeat("a", 1<<20-len(body)-len(`,"more":""}`)+1) + `"}`
	if statuses, _ := serving.ask(serving.request(body, "")); len(body) != 1<<20 || len(statuses) != 1 || statuses[0] != http.StatusNoContent {
		t.Errorf("%d bytes are answered with %v", len(body), statuses)
	}
	serving.stop()
	if stored := events(t, r.cache); len(stored) != 1 {
		t.Errorf("%d events are stored", len(stored))
	}
}

// testServeSlowClients has more clients that never finish than are served at once: half a head from most of them, half a
// body from the others, then a byte now and then.
func testServeSlowClients(t *testing.T, r *rig) {
	const clients = 2500
	serving := r.serve(nil)
	over := make(chan struct{})
	var slow sync.WaitGroup
	var opened sync.WaitGroup
	opened.Add(clients)
	drip := func(start, more string) {
		first := sync.OnceFunc(opened.Done)
		for {
			conn, err := net.Dial("tcp", serving.host)
			first()
			if err != nil {
				t.Error(err)
				return
			}
			_, err = io.WriteString(conn, start)
			for err == nil {
				select {
				case <-over:
					conn.Close()
					return
				case <-time.After(500 * time.Millisecond):
				}
				_, err = io.WriteString(conn, more)
			}
			conn.Close() // it was cut off, and comes back
		}
	}
	half, _, _ := strings.Cut(serving.request(hints(1, longAgo(), []int64{1})[0].body(), ""), "{")
	for i := range clients {
		start, more := "POST / HTTP/1.1\r\n", "X: y\r\n"
		if i%5 == 0 {
			start, more = half, " "
		}
		slow.Go(func() { drip(start, more) })
	}
	opened.Wait()
	sent := serving.send(stream{connections: 4, perSecond: 200}, hints(1000, longAgo(), r.known()))
	close(over)
	slow.Wait()
	if n := count(sent, http.StatusNoContent); n != len(sent) {
		t.Errorf("%d of %d events were answered with 204", n, len(sent))
	}
	if peak := serving.peak(); peak > most {
		t.Errorf("it took %.0f MiB", peak)
	}
	serving.stop()
	r.checkKept(sent)
}
