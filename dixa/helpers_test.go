package dixa_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

const token = "example-token"

// day is the window that these tests ask for where it does not matter.
var day = dixa.Window{From: time.Date(2025, 10, 6, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 10, 7, 0, 0, 0, 0, time.UTC)}

// config reaches h over loopback.
func config(t *testing.T, h http.Handler) dixa.Config {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return dixa.Config{Token: token, ExportsURL: server.URL + "/v1", APIURL: server.URL + "/v1", HTTP: server.Client()}
}

func client(t *testing.T, h http.Handler) *dixa.Client {
	t.Helper()
	return dixa.New(config(t, h))
}

// piped reaches h without a socket, which would hold a bubble's clock still.
func piped(t *testing.T, h http.Handler) dixa.Config {
	l := make(pipe)
	server := &http.Server{Handler: h}
	go server.Serve(l)
	transport := &http.Transport{DialContext: l.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return dixa.Config{Token: token, ExportsURL: "http://dixa.example.com/v1", HTTP: &http.Client{Transport: transport}}
}

// A pipe is a listener that accepts what its own dial connects.
type pipe chan net.Conn

func (p pipe) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p <- theirs
	return ours, nil
}

func (p pipe) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipe) Close() error {
	close(p)
	return nil
}

func (pipe) Addr() net.Addr { return new(net.UnixAddr) }

// says answers every request with a body.
func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }
}

// messages asks for a day of them and reads to the end.
func messages(t *testing.T, c *dixa.Client) ([]dixa.Record, error) {
	t.Helper()
	return read(t, c.Export(t.Context(), dixa.Export{Kind: dixa.Messages, By: dixa.Created, Window: day}))
}

// read keeps what an export yields, and sees to it that nothing comes after an error.
func read(t *testing.T, export iter.Seq2[dixa.Record, error]) (records []dixa.Record, err error) {
	t.Helper()
	for r, e := range export {
		if err != nil {
			t.Fatalf("%v, %v came after the error %v", r, e, err)
		}
		if err = e; err == nil {
			r.Body = bytes.Clone(r.Body)
			records = append(records, r)
		}
	}
	return records, err
}

// walk goes through the pages of a list as its caller is meant to.
func walk[T any](t *testing.T, page func(ctx context.Context, key string) ([]T, string, error)) (all []T, err error) {
	t.Helper()
	for key := ""; ; {
		elements, next, err := page(t.Context(), key)
		all = append(all, elements...)
		if err != nil || next == "" {
			return all, err
		}
		key = next
	}
}

// activities asks for those of the day.
func activities(t *testing.T, c *dixa.Client) ([]dixa.Record, error) {
	t.Helper()
	return walk(t, func(ctx context.Context, key string) ([]dixa.Record, string, error) {
		return c.Activities(ctx, day, key)
	})
}

// lists are the calls that go page by page; each returns how many elements there were.
var lists = map[string]func(*testing.T, *dixa.Client) (int, error){
	"agents": func(t *testing.T, c *dixa.Client) (int, error) {
		all, err := walk(t, c.Agents)
		return len(all), err
	},
	"activities": func(t *testing.T, c *dixa.Client) (int, error) {
		all, err := activities(t, c)
		return len(all), err
	},
}

// message is a valid record.
func message(n int) string {
	return fmt.Sprintf(`{"id":"m%d","csid":7,"created_at":%d,"text":"Tak 😊 \"æøå\""}`, n, day.From.UnixMilli()+int64(n))
}

// bulk is a server over so many made-up messages of the day.
func bulk(n int) *dixatest.Server {
	return &dixatest.Server{
		Bulk:      &dixatest.Bulk{Messages: n, From: day.From, To: day.To},
		Behaviour: dixatest.Behaviour{MessageExportsPerMinute: -1, ConversationExportsPerMinute: -1},
	}
}
