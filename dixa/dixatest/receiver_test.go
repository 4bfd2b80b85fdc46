package dixatest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// post is one delivery as a receiver saw it.
type post struct {
	at     time.Time
	header http.Header
	body   []byte
	event  told
}

// told is what these tests look at in the body of an event.
type told struct {
	ID           string                `json:"event_id"`
	Type         string                `json:"event_fqn"`
	Version      string                `json:"event_version"`
	Timestamp    string                `json:"event_timestamp"`
	Organization struct{ Name string } `json:"organization"`
	Data         struct {
		Conversation struct {
			CSID   int64
			Status string
		}
		MessageID string `json:"message_id"`
	}
}

// receiver takes deliveries without a socket: it is the client's transport.
type receiver struct {
	answer func(post) (status int, body string) // nil answers 204
	slow   time.Duration

	mu    sync.Mutex
	posts []post
	now   int // under way
	most  int
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	p := post{at: time.Now(), header: req.Header, body: body}
	if err := json.Unmarshal(body, &p.event); err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.posts = append(r.posts, p)
	r.now++
	r.most = max(r.most, r.now)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.now--
		r.mu.Unlock()
	}()
	select {
	case <-time.After(r.slow):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	w := httptest.NewRecorder()
	status, text := http.StatusNoContent, ""
	if r.answer != nil {
		status, text = r.answer(p)
	}
	w.WriteHeader(status)
	io.WriteString(w, text)
	return w.Result(), nil
}

// all are the posts so far, in order of arrival.
func (r *receiver) all() []post {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.posts)
}

// delivering is small with a receiver, a subscription to some events, and a behaviour.
func delivering(t *testing.T, r *receiver, b dixatest.WebhookBehaviour) (*dixatest.Server, dixatest.Subscription) {
	t.Helper()
	s := small(t)
	s.Behaviour.Webhooks, s.Client = b, &http.Client{Transport: r}
	t.Cleanup(s.Close)
	return s, subscribe(t, s, subscribed)
}

// emit lets events of the first conversation happen or ends the test.
func emit(t *testing.T, s *dixatest.Server, names ...string) (ids []string) {
	t.Helper()
	for _, name := range names {
		id, err := s.Emit(dixatest.Event{Name: name, CSID: 1})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func flush(t *testing.T, s *dixatest.Server) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// signed reports whether a delivery carries the signature that Dixa documents.
func signed(p post, secret string) bool {
	stamp, digest, _ := strings.Cut(p.header.Get("X-Dixa-Signature"), ",")
	key, _ := hex.DecodeString(secret)
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, strings.TrimPrefix(stamp, "t=")+".")
	mac.Write(p.body)
	return digest == fmt.Sprintf("v1=%x", mac.Sum(nil))
}

func stamp(p post) string {
	at, _, _ := strings.Cut(p.header.Get("X-Dixa-Signature"), ",")
	return at
}

// pipes is a listener without sockets.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return new(net.UnixAddr) }
