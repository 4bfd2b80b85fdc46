package bridge

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A life is the program from its start until it is killed. From then on nothing of it reaches anybody, and the cache is
// what was committed by then.
type life struct {
	*Bridge
	file  string
	ctx   context.Context
	kill  context.CancelFunc
	dead  atomic.Bool
	fuse  atomic.Int64 // exchanges left until it is killed; none where negative
	next  string       // the cache as it was then
	serve func()       // stops the receiver; nil where none runs
}

// begin starts the program with a cache.
func (s *simulation) begin(file string) {
	cache := s.Store
	if file != s.file {
		var err error
		cache, err = store.Open(s.Context(), file)
		s.must(err)
	}
	l := &life{file: file}
	l.ctx, l.kill = context.WithCancel(s.Context())
	l.fuse.Store(-1)
	client := &http.Client{Transport: &mortal{l, s, s.http.Transport}}
	b := *s.Bridge
	b.Store = cache
	b.Dixa = dixa.New(dixa.Config{Token: "example-token", ExportsURL: "http://dixa.example.com/v1", APIURL: "http://dixa.example.com/v1", HTTP: client})
	b.Plecto = plecto.New(plecto.Config{Email: "push@example.com", Password: "secret", URL: "http://plecto.example.com", HTTP: client})
	l.Bridge = &b
	s.life = l
}

// mortal is the network of a life. An exchange may be its last, before the service has the request or before the program
// has the answer.
type mortal struct {
	*life
	*simulation
	http.RoundTripper
}

var errKilled = errors.New("the program is killed")

func (m *mortal) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.life.dead.Load() {
		return nil, errKilled
	}
	n := m.life.fuse.Add(-1)
	if n == 0 {
		m.dies()
		return nil, errKilled
	}
	res, err := m.RoundTripper.RoundTrip(req)
	if n == 1 && m.life.fuse.CompareAndSwap(1, 0) {
		m.dies()
	}
	if m.life.dead.Load() {
		if err == nil {
			res.Body.Close()
		}
		return nil, errKilled
	}
	return res, err
}

// dies kills the life: the copy of its cache is what the next one finds.
func (m *mortal) dies() {
	if m.life.dead.Swap(true) {
		return
	}
	m.receiver.Store(nil)
	m.life.next = filepath.Join(m.T.TempDir(), "cache.db")
	db, err := sql.Open("sqlite", "file:"+m.life.file)
	if err == nil {
		_, err = db.Exec(`VACUUM INTO ?`, m.life.next)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		m.T.Errorf("copying the cache: %v", err)
	}
	m.life.kill()
}

// end ends a life, whether it was killed or not.
func (s *simulation) end() {
	if s.life.serve != nil {
		s.life.serve()
		s.life.serve = nil
	}
	s.life.kill()
	if s.life.file != s.file {
		s.must(s.life.Store.Close())
	}
}

// reborn starts the program again after it was killed.
func (s *simulation) reborn() {
	s.note("killed")
	s.end()
	next := s.life.next
	time.Sleep(time.Second) // what was under way has arrived by then
	s.begin(next)
	s.recalls()
}

// receives starts the receiver, or stops it.
func (s *simulation) receives() {
	if s.life.serve != nil {
		s.note("the receiver is stopped")
		s.life.serve()
		s.life.serve = nil
		return
	}
	s.note("the receiver is started")
	l := s.life
	live, err := l.NewLive(l.ctx, LiveOptions{Every: 15 * time.Minute})
	s.must(err)
	ctx, stop := context.WithCancel(l.ctx)
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	inner, outer := http.NewServeMux(), http.NewServeMux()
	(&Receiver{Live: live, Secrets: s.secrets}).Register(inner)
	outer.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		inner.ServeHTTP(answer, req)
		if l.dead.Load() {
			panic(http.ErrAbortHandler) // nobody has the answer
		}
		if answer.Code < 300 {
			e, _ := dixa.ParseEvent(body)
			s.mu.Lock()
			s.acknowledged[e.ID] = true
			s.mu.Unlock()
		}
		w.WriteHeader(answer.Code)
	})
	s.receiver.Store(outer)
	l.serve = func() {
		s.receiver.Store(nil)
		stop()
		err := <-ended
		if l.dead.Load() {
			live.inbox.Close() // which says nothing to the cache
			return
		}
		s.must(errors.Join(err, live.Close()))
	}
}
