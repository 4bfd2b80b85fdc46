package dixatest

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Deliveries count what has become of events and of their deliveries so far.
type Deliveries struct {
	// Emitted are all events. Lost are those of them that Behaviour withheld from
	// every subscription.
	Emitted, Lost int
	// Due are the deliveries to make of the rest: one for each enabled subscription
	// that lists the event, or two where Behaviour duplicates it. Each ends up
	// Delivered (answered 2xx), Refused (answered otherwise or not at all, with no
	// retry left) or Dropped (its subscription is gone or disabled by then, or the
	// server closed). The others wait or are under way.
	Due, Delivered, Refused, Dropped int
	// Attempts are the requests made, retries included.
	Attempts int
}

// hooks holds the subscriptions and what is on its way to them. Nothing runs
// while nothing waits.
type hooks struct {
	mu          sync.Mutex
	subscribers []*subscriber
	counts      Deliveries

	queue  []*delivery // by when it is due, then in order of emission
	order  int
	late   *rand.Rand
	flying int
	timer  *time.Timer   // for what is not due yet
	idle   chan struct{} // closed once nothing waits or flies, nil while nothing does

	ctx    context.Context
	cancel context.CancelFunc
	closed bool
	own    *http.Client
	wg     sync.WaitGroup
}

// delivery is one event on its way to one subscription.
type delivery struct {
	to        *subscriber
	event     string
	body      []byte
	due       time.Time
	order     int
	retries   int // made so far
	signature string
}

// Emit lets an event happen: every enabled subscription that lists it gets a
// signed POST, from goroutines that Flush and Close wait for. It returns the
// event's id, and an error where the name is unknown or the world has no such
// conversation or message. It does not wait for a delivery.
func (s *Server) Emit(e Event) (string, error) {
	h := &s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	id, b := newUUID(), s.Behaviour.Webhooks
	body, err := teller{world: cmp.Or(s.World, new(World)), old: b.OldUsers, now: time.Now()}.tell(id, e)
	if err != nil {
		return "", err
	}
	h.counts.Emitted++
	nth := func(every int) bool { return every > 0 && h.counts.Emitted%every == 0 }
	if nth(b.LoseEvery) {
		h.counts.Lost++
		return id, nil
	}
	times := 1
	if nth(b.DuplicateEvery) {
		times = 2
	}
	for _, one := range h.subscribers {
		if !one.Enabled || !slices.Contains(one.Events, e.Name) {
			continue
		}
		for range times {
			h.counts.Due++
			h.order++
			s.enqueue(&delivery{to: one, event: e.Name, body: body, due: time.Now().Add(h.lateness(b)), order: h.order})
		}
	}
	s.pump()
	return id, nil
}

// lateness draws how late a delivery is.
func (h *hooks) lateness(b WebhookBehaviour) time.Duration {
	if b.LateBy <= 0 {
		return 0
	}
	if h.late == nil {
		h.late = rand.New(rand.NewPCG(b.Seed, 0x1a7e))
	}
	return time.Duration(h.late.Int64N(int64(b.LateBy)))
}

// Deliveries returns the counts so far.
func (s *Server) Deliveries() Deliveries {
	s.hooks.mu.Lock()
	defer s.hooks.mu.Unlock()
	return s.hooks.counts
}

// Flush waits until every delivery has ended, late ones and retries included.
func (s *Server) Flush(ctx context.Context) error {
	s.hooks.mu.Lock()
	idle := s.hooks.idle
	s.hooks.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close breaks off what is under way, drops what waits, and returns once no
// goroutine of the server's deliveries is left. Later events are delivered to
// nobody; requests are answered as before.
func (s *Server) Close() {
	h := &s.hooks
	h.mu.Lock()
	h.closed = true
	if h.cancel != nil {
		h.cancel()
	}
	if h.timer != nil {
		h.timer.Stop()
	}
	s.pump()
	own := h.own
	h.mu.Unlock()
	h.wg.Wait()
	if own != nil {
		own.CloseIdleConnections()
	}
}

// enqueue has a delivery wait for its time. The caller holds the lock.
func (s *Server) enqueue(d *delivery) {
	h := &s.hooks
	i, _ := slices.BinarySearchFunc(h.queue, d, func(a, b *delivery) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.order, b.order))
	})
	h.queue = slices.Insert(h.queue, i, d)
	if h.idle == nil {
		h.idle = make(chan struct{})
	}
	if h.ctx == nil {
		h.ctx, h.cancel = context.WithCancel(context.Background())
	}
}

// pump starts what is due and has room. The caller holds the lock.
func (s *Server) pump() {
	h := &s.hooks
	if h.closed {
		h.counts.Dropped += len(h.queue)
		h.queue = nil
	}
	for most := cmp.Or(s.Behaviour.Webhooks.InFlight, 8); len(h.queue) > 0 && h.flying < most; {
		d := h.queue[0]
		if wait := time.Until(d.due); wait > 0 {
			s.wakeAfter(wait)
			break
		}
		h.queue[0] = nil
		h.queue = h.queue[1:]
		h.flying++
		h.wg.Go(func() { s.deliver(d) })
	}
	if len(h.queue) == 0 && h.flying == 0 && h.idle != nil {
		close(h.idle)
		h.idle = nil
	}
}

func (s *Server) wakeAfter(wait time.Duration) {
	h := &s.hooks
	if h.timer != nil {
		h.timer.Reset(wait)
		return
	}
	h.timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		s.pump()
	})
}

// deliver makes one attempt and settles what follows from it.
func (s *Server) deliver(d *delivery) {
	h := &s.hooks
	h.mu.Lock()
	defer h.mu.Unlock()
	b := s.Behaviour.Webhooks
	defer s.pump()
	defer func() { h.flying-- }()
	if h.closed || !d.to.Enabled || h.find(d.to.ID) == nil {
		h.counts.Dropped++
		return
	}
	if d.signature == "" || b.RestampRetries {
		d.signature = signature(d.to.Secret, time.Now(), d.body)
	}
	to, client := d.to.shown(), s.client()
	h.counts.Attempts++
	h.mu.Unlock()
	detail := post(h.ctx, client, cmp.Or(b.Timeout, 10*time.Second), to, d)
	h.mu.Lock()
	switch {
	case detail.OK:
		h.counts.Delivered++
	case h.closed:
		h.counts.Dropped++
		return
	case d.retries < b.Retries:
		d.retries++
		d.due = time.Now().Add(cmp.Or(b.RetryWait, time.Second))
		s.enqueue(d)
	default:
		h.counts.Refused++
	}
	d.to.keep(d.event, attempt{detail, string(d.body)})
}

// client makes the deliveries. The caller holds the lock.
func (s *Server) client() *http.Client {
	if s.Client != nil {
		return s.Client
	}
	if s.hooks.own == nil {
		s.hooks.own = &http.Client{
			Transport:     http.DefaultTransport.(*http.Transport).Clone(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return s.hooks.own
}
