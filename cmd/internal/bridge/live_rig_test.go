package bridge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/wire"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A liveRig is a rig whose Dixa delivers what happens to a receiver, while one runs.
type liveRig struct {
	*rig
	webhook  string // its id
	secrets  dixa.Secrets
	receiver atomic.Pointer[http.ServeMux] // nil while none runs

	mu     sync.Mutex
	events []told
	posted map[string][]post // by kind and id
	status map[int]int       // how often the receiver answered so
}

// told is an event that the receiver was told of, and when.
type told struct {
	dixa.Event
	at time.Time
}

// post is a row that Plecto was sent, and when.
type post struct {
	at, updated      time.Time
	status, messages string
}

// hookHost is where the receiver is.
const hookHost = "http://receiver.example.com"

// living runs a test with a live rig that has a source of some kinds, in the order in which they are given.
func living(t *testing.T, kinds []string, test func(*liveRig)) {
	t.Helper()
	bubble(t, func(r *rig) {
		l := &liveRig{rig: r, posted: map[string][]post{}, status: map[int]int{}}
		kindOf := map[string]string{}
		for _, kind := range kinds {
			kindOf[r.link(kind).UUID] = kind
		}
		r.plecto.Refuse = func(row map[string]any) string {
			one := post{at: time.Now(), status: fmt.Sprint(row["Status"]), messages: fmt.Sprint(row["Messages in"])}
			one.updated, _ = time.Parse(time.RFC3339, fmt.Sprint(row["Updated at"]))
			key := fmt.Sprint(kindOf[fmt.Sprint(row["data_source"])], " ", row["external_id"])
			l.mu.Lock()
			defer l.mu.Unlock()
			l.posted[key] = append(l.posted[key], one)
			return ""
		}
		// A day long ago, for its people.
		r.dixa.World = dixatest.NewWorld(dixatest.Team{Seed: 11, From: start, To: start.Add(day), ConversationsPerDay: 1})
		r.dixa.Client = wire.Serve(r.T, http.HandlerFunc(l.hook))
		defer r.dixa.Close()
		events, err := r.WebhookEvents(r.Context())
		r.must(err)
		s, err := r.Subscribe(r.Context(), dixa.WebhookConfig{Name: "dixa2plecto", URL: hookHost + HookPath(r.Store.Connection()), Events: events})
		r.must(err)
		l.webhook = s.ID
		l.secrets, err = dixa.ParseSecrets(s.Secret)
		r.must(err)
		test(l)
		l.forward()
	})
}

// hook passes an event on to the receiver, if one runs.
func (l *liveRig) hook(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	to := l.receiver.Load()
	if err != nil || to == nil {
		panic(http.ErrAbortHandler)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	e, _ := dixa.ParseEvent(body)
	l.mu.Lock()
	l.events = append(l.events, told{e, time.Now()})
	l.mu.Unlock()
	to.ServeHTTP(w, req)
}

// serve starts a receiver and what keeps the sources current, with a bridge of the test's choice or its own. What it
// returns stops both, which has to be done before the test ends.
func (l *liveRig) serve(o LiveOptions, with ...*Bridge) (live *Live, stop func()) {
	l.Helper()
	o.Every = cmp.Or(o.Every, 15*time.Minute)
	live, err := append(with, l.Bridge)[0].NewLive(l.Context(), o)
	l.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- live.Run(ctx) }()
	l.open(live)
	return live, sync.OnceFunc(func() {
		l.receiver.Store(nil)
		cancel()
		if err := <-ended; err != nil {
			l.Errorf("the receiver ended with %v", err)
		}
		if err := live.Close(); err != nil {
			l.Errorf("closing: %v", err)
		}
	})
}

// open has events come to a Live.
func (l *liveRig) open(live *Live) {
	mux := http.NewServeMux()
	(&Receiver{Live: live, Secrets: l.secrets, Observe: func(_ string, status int, _ bool, _ time.Duration) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.status[status]++
	}}).Register(mux)
	l.receiver.Store(mux)
}

// beside opens the cache a second time, as another process would, and returns a bridge over it that ends with the test.
func (l *liveRig) beside() (b *Bridge, done func()) {
	l.Helper()
	s, err := store.Open(l.Context(), l.file)
	l.must(err)
	other := *l.Bridge
	other.Store = s
	return &other, func() {
		if err := s.Close(); err != nil {
			l.Errorf("closing the other: %v", err)
		}
	}
}

// office lets conversations go on for some time.
func (l *liveRig) office(d time.Duration, c dixatest.TrafficConfig) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), d)
	defer cancel()
	dixatest.NewTraffic(l.dixa, c).Run(ctx)
	l.must(l.dixa.Flush(l.Context()))
}

// change makes a conversation that was created n hours after start be changed now, and an event that tells of it.
func (l *liveRig) change(n int) dixa.Event {
	l.Helper()
	l.put("conversations", conversation(n, time.Now()))
	return event("CONVERSATION_CLOSED", int64(n))
}

// event is one that happens now.
func event(eventType string, csid int64) dixa.Event {
	return dixa.Event{ID: rand.Text(), Type: eventType, CSID: csid, At: time.Now()}
}

// tell has a Live receive events that it has not had before.
func (l *liveRig) tell(live *Live, events ...dixa.Event) {
	l.Helper()
	var all sync.WaitGroup
	for _, e := range events {
		all.Go(func() {
			if fresh, err := live.Receive(e); err != nil || !fresh {
				l.Errorf("receiving %v: fresh %v, %v", e, fresh, err)
			}
		})
	}
	all.Wait()
}

// lists are the conversations that Dixa was asked for by their numbers, request by request.
func (l *liveRig) lists() (lists []string) {
	for _, req := range l.exports(dixatest.ConversationExport) {
		if q, err := url.ParseQuery(req.Query); err == nil && q.Has("csids") {
			lists = append(lists, strings.Join(q["csids"], ","))
		}
	}
	return lists
}

// drained waits until nothing is stale and all is pushed, and returns how long that took.
func (l *liveRig) drained(most time.Duration) time.Duration {
	l.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		now, err := l.Store.Live(l.Context())
		l.must(err)
		took := time.Since(began)
		if now.Stale+now.Unpushed == 0 {
			return took
		}
		if took > most {
			l.Fatalf("after %v there still are %d stale and %d to be pushed", most, now.Stale, now.Unpushed)
		}
	}
}

// same makes sure that Plecto has what Dixa has.
func (l *liveRig) same(when string) {
	l.Helper()
	v, err := l.Verify(l.Context(), VerifyOptions{Dixa: true})
	if err != nil {
		l.Errorf("%s Plecto is not equal to Dixa: %v; of %d differences the first: %v", when, err, len(v.Differences), v.Differences[:min(3, len(v.Differences))])
	}
}

// forward makes sure that no conversation's row was followed by an older one.
func (l *liveRig) forward() {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, posts := range l.posted {
		for i, p := range posts[1:] {
			if p.updated.Before(posts[i].updated) {
				l.Errorf("%s as of %v was sent after it as of %v", key, p.updated, posts[i].updated)
			}
		}
	}
}

// waits are how long it took from each event until Plecto had its conversation as new, and from each message's until it
// had the message.
func (l *liveRig) waits() (conversations, messages waits) {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		was := e.At.Truncate(time.Second) // which is how Plecto is told of it
		all := l.posted[fmt.Sprint("conversations ", e.CSID)]
		if i := slices.IndexFunc(all, func(p post) bool { return !p.updated.Before(was) }); i < 0 {
			l.Errorf("%s of %d at %v has not reached Plecto", e.Type, e.CSID, e.At)
		} else {
			conversations = append(conversations, max(0, all[i].at.Sub(e.at)))
		}
		if e.Type != messageAdded {
			continue
		}
		if all := l.posted["messages "+e.MessageID]; len(all) == 0 {
			l.Errorf("the message %s has not reached Plecto", e.MessageID)
		} else {
			messages = append(messages, max(0, all[0].at.Sub(e.at)))
		}
	}
	slices.Sort(conversations)
	slices.Sort(messages)
	return conversations, messages
}

// waits are sorted.
type waits []time.Duration

// most is the longest of so many in a hundred.
func (w waits) most(percent int) time.Duration { return w[(len(w)-1)*percent/100] }

func (w waits) String() string {
	return fmt.Sprintf("%d: half within %v, 95 %% within %v, all within %v", len(w), w.most(50), w.most(95), w.most(100))
}

// within makes sure that some requests never were more than a limit in any span, and that none was refused for it.
func (l *liveRig) within(what string, limit int, span time.Duration, at []time.Time, refused int) {
	l.Helper()
	if refused > 0 {
		l.Errorf("%s: %d requests were refused", what, refused)
	}
	for i := limit; i < len(at); i++ {
		if d := at[i].Sub(at[i-limit]); d < span {
			l.Errorf("%s: %d requests within %v, at %v", what, limit+1, d, at[i])
		}
	}
}

// limited makes sure that the documented limits were kept, and Plecto's of so many an hour.
func (l *liveRig) limited(perHour int) {
	l.Helper()
	for endpoint, limit := range map[string]int{dixatest.ConversationExport: 10, dixatest.MessageExport: 3} {
		var at []time.Time
		refused := 0
		for _, req := range l.exports(endpoint) {
			at = append(at, req.Time)
			if req.Status == http.StatusTooManyRequests {
				refused++
			}
		}
		l.within(endpoint, limit, time.Minute, at, refused)
	}
	var at []time.Time
	refused := 0
	for _, req := range l.plecto.Requests() {
		if req.Status == http.StatusTooManyRequests {
			refused++
		}
		if req.Endpoint == "registrations" {
			at = append(at, req.Time)
		}
	}
	l.within("registrations", perHour, time.Hour, at, refused)
}

// documented sets the limits that the services have, and Plecto's to so many an hour.
func (l *liveRig) documented(perHour int) {
	l.Limits = DefaultLimits()
	l.Limits.PlectoRequestsPerHour = perHour
	b := &l.dixa.Behaviour
	b.ConversationExportsPerMinute, b.MessageExportsPerMinute, b.APIRequestsPerSecond = 0, 0, 0
	l.plecto.Behaviour.RegistrationsPerHour, l.plecto.Behaviour.RequestsPerHour = perHour, perHour
}

// work runs a lane alone, until what it returns is called.
func (l *liveRig) work(n *lane) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			l.Errorf("the lane %s ended with %v", n.part, err)
		}
	}
}

// state has Dixa show a conversation as it was at a moment.
func (l *liveRig) state(csid int, updated time.Time, status string) {
	l.Helper()
	l.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":%q,"initial_channel":"email"}`,
		csid, hour(csid).UnixMilli(), updated.UnixMilli(), status))
}

// gets waits until Plecto is told of a conversation in a status, and returns when that was.
func (l *liveRig) gets(csid int, status string, most time.Duration) time.Time {
	l.Helper()
	for began := time.Now(); time.Since(began) < most; time.Sleep(100 * time.Millisecond) {
		l.mu.Lock()
		all := l.posted[fmt.Sprint("conversations ", csid)]
		i := slices.IndexFunc(all, func(p post) bool { return p.status == status })
		l.mu.Unlock()
		if i >= 0 {
			return all[i].at
		}
	}
	l.Fatalf("Plecto is not told within %v that conversation %d is %s", most, csid, status)
	return time.Time{}
}
