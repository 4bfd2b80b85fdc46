package bridge

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

var (
	seeds    = flag.Int("seeds", 200, "how many days TestSimulation simulates")
	onlySeed = flag.Uint64("seed", 0, "the one day that TestSimulation simulates, with all that happens in it")
)

// TestSimulation simulates days of a team, each made of a seed: what happens in Dixa, what the user runs, what goes wrong on
// either side, and when the program is killed. After each step what has been promised is made sure of.
func TestSimulation(t *testing.T) {
	t.Parallel()
	if *onlySeed != 0 {
		simulate(t, *onlySeed)
		return
	}
	for seed := range uint64(fewer(*seeds)) {
		t.Run(fmt.Sprint(1+seed), func(t *testing.T) {
			t.Parallel()
			simulate(t, 1+seed)
		})
	}
}

func simulate(t *testing.T, seed uint64) {
	living(t, Kinds()[:2], func(l *liveRig) {
		s := &simulation{
			liveRig: l, world: world{rand.New(rand.NewPCG(seed, 1))}, seed: seed,
			begun: map[string]time.Time{}, facts: map[string]*fact{}, sent: map[string]int{}, acknowledged: map[string]bool{},
		}
		s.run()
	})
}

// A simulation is one day. Its main goroutine takes one step after another; what runs beside it is the receiver.
type simulation struct {
	*liveRig
	world
	seed  uint64
	life  *life
	lifts []func() // of faults at Plecto

	first    Range                // what is imported first, and where what is changed later is kept current from
	begun    map[string]time.Time // imports that were not finished
	csids    int
	messages int
	facts    map[string]*fact // by kind and id, as Dixa has them
	erased   []int            // conversations
	trace    []string

	mu           sync.Mutex
	sent         map[string]int // the newest version that Plecto was sent
	acknowledged map[string]bool
}

// A fact is a record as Dixa has it.
type fact struct {
	csid             int
	created, updated time.Time
	version          int
}

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

func (s *simulation) note(format string, args ...any) {
	s.trace = append(s.trace, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// wrong tells of what is not as it was promised, and how to see it again.
func (s *simulation) wrong(format string, args ...any) {
	s.Helper()
	s.Fatalf("%s\n%s\nsee it again: go test ./cmd/internal/bridge -run TestSimulation -seed %d", fmt.Sprintf(format, args...), strings.Join(s.trace, "\n"), s.seed)
}

func (s *simulation) run() {
	defer func() {
		if *onlySeed != 0 {
			s.T.Log(strings.Join(s.trace, "\n"))
		}
		s.end()
	}()
	s.services()
	s.begin(s.file)
	s.happens()
	s.waits()
	s.first = Range{From: s.clock().Add(-day), To: s.clock(), Kinds: Kinds()[:2]}
	s.imported(s.first)
	for range 6 + s.IntN(14) {
		if s.life.dead.Load() {
			s.reborn()
		}
		one(s.world, s.happens, s.happens, s.happens, s.waits, s.waits, s.faults, s.faults, s.imports, s.imports, s.syncs, s.syncs,
			s.pushes, s.receives, s.receives, s.fuses, s.fuses, s.erases)()
	}
	s.settles()
}

// services chooses how the services are where nobody documents it.
func (s *simulation) services() {
	w, d, p := s.world, &s.dixa.Behaviour, &s.plecto.Behaviour
	perHour := one(w, 10, 100, 3600)
	s.documented(perHour)
	d.ExclusiveAfter, d.ExclusiveBefore, d.OmitNulls = w.IntN(2) == 0, w.IntN(2) == 0, w.IntN(2) == 0
	d.ExtraFields, d.Gzip = w.IntN(4) == 0, w.IntN(4) == 0
	d.Shuffle, d.RepeatEvery = uint64(w.IntN(3)), one(w, 0, 0, 3)
	d.Lag = one(w, 0, 0, 2*time.Second, 20*time.Second)
	d.RetryAfter, d.ErrorBody = dixatest.RetryAfter(w.IntN(3)), dixatest.ErrorBody(w.IntN(4))
	d.SlowFirstByte = one(w, 0, 0, 300*time.Millisecond)
	h := &d.Webhooks
	h.DuplicateEvery, h.LoseEvery, h.Retries = one(w, 0, 2, 5), one(w, 0, 0, 3), one(w, 0, 2)
	h.LateBy, h.Seed = one(w, 0, 0, 30*time.Second), s.seed
	p.Answer, p.BadItem = plectotest.Answer(w.IntN(5)), plectotest.BadItem(w.IntN(3))
	p.Latency = one(w, 0, 0, 200*time.Millisecond)
	forwards := s.plecto.Refuse
	s.plecto.Refuse = func(row map[string]any) string {
		forwards(row)
		s.arrives(row)
		return ""
	}
}

// arrives sees every row that Plecto is sent.
func (s *simulation) arrives(row map[string]any) {
	version, ok := row["Total duration"].(json.Number)
	if !ok {
		return
	}
	key := fmt.Sprint("conversations", row["external_id"])
	n, _ := version.Int64()
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(n) < s.sent[key] {
		s.T.Errorf("conversation %v went back from version %d to %d", row["external_id"], s.sent[key], n)
	}
	s.sent[key] = int(n)
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

// happens changes Dixa's world, with an event or without.
func (s *simulation) happens() {
	for range 1 + s.IntN(4) {
		s.happen()
	}
}

func (s *simulation) happen() {
	csid, name, message := 1+s.IntN(s.csids+1), one(s.world, "ConversationClosed", "ConversationOpen", "ConversationTransferred"), ""
	now := s.clock()
	if csid > s.csids {
		s.csids, name = csid, "ConversationCreated"
		s.facts[fmt.Sprint("conversations ", csid)] = &fact{csid: csid, created: now}
	}
	c := s.facts[fmt.Sprint("conversations ", csid)]
	c.updated, c.version = now, c.version+1
	if s.IntN(2) == 0 {
		s.messages++
		message, name = fmt.Sprint("m", s.messages), "ConversationMessageAdded"
		s.facts["messages "+message] = &fact{csid: csid, created: now, updated: now}
		s.put("messages", fmt.Sprintf(`{"id":%q,"csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email","text":"kanarie%04d"}`,
			message, csid, now.UnixMilli(), csid))
	}
	s.put("conversations", fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"open","direction":"inbound","initial_channel":"email",`+
		`"total_duration":%d,"requester_name":"kanarie%04d"}`, csid, c.created.UnixMilli(), now.UnixMilli(), c.version, csid))
	_, err := s.dixa.Emit(dixatest.Event{Name: name, CSID: int64(csid), MessageID: message})
	s.must(err)
	s.note("%s of %d, version %d, %s", name, csid, c.version, message)
	time.Sleep(time.Duration(1+s.IntN(1500)) * time.Millisecond)
}

func (s *simulation) waits() {
	d := one(s.world, time.Second, 7*time.Second, time.Minute, 3*time.Minute)
	if s.life.serve == nil {
		d *= one[time.Duration](s.world, 1, 1, 20, 60)
	}
	s.note("wait %v", d)
	time.Sleep(d)
}

// faults has the next requests of a service go wrong.
func (s *simulation) faults() {
	count := 1 + s.IntN(3)*s.IntN(3)
	if s.IntN(2) == 0 {
		f := dixatest.Fault{Endpoint: one(s.world, dixatest.ConversationExport, dixatest.MessageExport)}
		request := len(s.exports(f.Endpoint)) + 1 + s.IntN(2)
		switch s.IntN(5) {
		case 0:
			f.Do, f.Bytes = dixatest.Cut, s.Int64N(900)-1
		case 1:
			f.Do, f.Bytes = dixatest.Short, s.Int64N(900)
		case 2:
			endpoint := f.Endpoint
			f = dixatest.Page()
			f.Endpoint = endpoint
		case 3:
			f.Status = http.StatusTooManyRequests
		case 4:
			f.Status = one(s.world, 500, 502, 503)
		}
		f.Request, f.Count = request, count
		s.note("fault at Dixa's %s from %d on, %d times: action %d, status %d, bytes %d", f.Endpoint, f.Request, count, f.Do, f.Status, f.Bytes)
		s.dixa.Fault(f)
		return
	}
	f := plectotest.Fault{Endpoint: "registrations", Count: count, AfterStoring: s.IntN(2) == 0}
	if s.IntN(3) == 0 {
		f.Drop = true
	} else {
		f.Status = one(s.world, 429, 500, 502, 503)
	}
	s.note("fault at Plecto, %d times: %d, stored %v, dropped %v", count, f.Status, f.AfterStoring, f.Drop)
	s.lifts = append(s.lifts, s.plecto.Fault(f))
}

// fuses has the program be killed some exchanges from now.
func (s *simulation) fuses() {
	n := 1 + s.Int64N(12)
	s.note("killed in %d exchanges", n)
	s.life.fuse.Store(n)
}

func (s *simulation) imports() {
	r := s.first
	if s.IntN(3) > 0 {
		r.To = s.clock().Add(-time.Duration(s.IntN(3)) * time.Minute)
		r.From = r.To.Add(-time.Duration(1+s.IntN(60)) * time.Minute)
	}
	r.Restart = s.IntN(4) == 0
	if !s.imported(r) {
		s.imported(r)
	}
}

// imported reports whether a range was imported and pushed without an error, and makes sure that it is all in Plecto then.
func (s *simulation) imported(r Range) bool {
	name := fmt.Sprint(r.From, r.To)
	began, resumed := s.begun[name]
	if !resumed || r.Restart {
		began = time.Now()
	}
	s.begun[name] = began
	_, err := s.life.Import(s.life.ctx, r)
	s.note("import of %v to %v: %v", r.From.Format(time.TimeOnly), r.To.Format(time.TimeOnly), err)
	s.tolerable(err)
	if err != nil {
		return false
	}
	delete(s.begun, name)
	if !s.pushed() {
		return false
	}
	s.complete("imported and pushed", began, func(f *fact) bool { return !f.created.Before(r.From) && f.created.Before(r.To) })
	return true
}

// clock is the time as Dixa counts it.
func (s *simulation) clock() time.Time { return time.Now().Truncate(time.Millisecond) }

func (s *simulation) syncs() { s.synced() }

// synced reports whether a sync succeeded.
func (s *simulation) synced() bool {
	began := time.Now()
	_, _, err := s.life.Sync(s.life.ctx, PushOptions{})
	s.note("sync: %v", err)
	s.tolerable(err)
	if err != nil || s.life.dead.Load() {
		return false
	}
	s.complete("synced", began, func(f *fact) bool { return !f.updated.Before(s.first.To) })
	return true
}

func (s *simulation) pushes() { s.pushed() }

// pushed reports whether a push succeeded.
func (s *simulation) pushed() bool {
	_, err := s.life.Push(s.life.ctx, PushOptions{})
	s.note("push: %v", err)
	s.tolerable(err)
	return err == nil && !s.life.dead.Load()
}

// tolerable fails where an error is none that waiting mends.
func (s *simulation) tolerable(err error) {
	s.Helper()
	if err != nil && !Temporary(err) && !s.life.dead.Load() {
		s.wrong("an error that waiting does not mend: %v", err)
	}
}

// complete makes sure that Plecto has what Dixa showed when it was asked, as it was then or newer, and nothing else.
func (s *simulation) complete(after string, asked time.Time, in func(*fact) bool) {
	s.Helper()
	rows := map[string]plectotest.Registration{}
	for i, kind := range Kinds()[:2] {
		for _, reg := range s.plecto.Registrations(s.plecto.DataSources()[i].UUID) {
			key := kind + " " + reg.ExternalID
			if rows[key] = reg; s.facts[key] == nil {
				s.wrong("%s: Plecto has %s, which Dixa never had", after, key)
			}
		}
	}
	for key, f := range s.facts {
		if slices.Contains(s.erased, f.csid) || !in(f) || f.updated.Add(s.dixa.Behaviour.Lag).After(asked) {
			continue
		}
		reg, ok := rows[key]
		if !ok {
			s.wrong("%s: Plecto lacks %s, version %d", after, key, f.version)
		}
		if strings.HasPrefix(key, "conversations") && fmt.Sprint(reg.Fields["Total duration"]) != fmt.Sprint(f.version) {
			s.wrong("%s: Plecto has %s in version %v, Dixa in version %d", after, key, reg.Fields["Total duration"], f.version)
		}
	}
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

// recalls makes sure that no event is missing that was acknowledged.
func (s *simulation) recalls() {
	s.Helper()
	db, err := sql.Open("sqlite", "file:"+s.life.file)
	s.must(err)
	defer db.Close()
	stored := map[string]bool{}
	rows, err := db.Query(`SELECT id FROM events`)
	s.must(err)
	defer rows.Close()
	for rows.Next() {
		var id string
		s.must(rows.Scan(&id))
		stored[id] = true
	}
	s.must(rows.Err())
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.acknowledged {
		if !stored[id] {
			s.wrong("the event %s was acknowledged and is not there", id)
		}
	}
}

// erases has a conversation erased.
func (s *simulation) erases() {
	if s.csids == 0 {
		return
	}
	csid := 1 + s.IntN(s.csids)
	_, err := s.life.Erase(s.life.ctx, Erasure{CSIDs: []int64{int64(csid)}})
	s.note("erase %d: %v", csid, err)
	s.tolerable(err)
	if err == nil {
		s.erased = append(s.erased, csid)
		s.forgotten()
	}
}

// forgotten makes sure that Plecto has nothing of what is erased.
func (s *simulation) forgotten() {
	s.Helper()
	var rows strings.Builder
	for _, src := range s.plecto.DataSources() {
		fmt.Fprintln(&rows, s.plecto.Registrations(src.UUID))
	}
	for _, csid := range s.erased {
		if strings.Contains(rows.String(), fmt.Sprintf("kanarie%04d", csid)) {
			s.wrong("Plecto has content of the conversation %d, which is erased", csid)
		}
	}
}

// settles makes sure that one sync closes every gap once nothing goes wrong any more.
func (s *simulation) settles() {
	if s.life.dead.Load() {
		s.reborn()
	}
	s.life.fuse.Store(-1)
	if s.life.serve != nil {
		s.receives()
	}
	s.dixa.Heal()
	for _, lift := range s.lifts {
		lift()
	}
	s.must(s.dixa.Flush(s.Context()))
	time.Sleep(time.Minute)
	s.note("nothing goes wrong any more")
	if !s.imported(s.first) || !s.synced() {
		s.wrong("with no fault left there is an error")
	}
	s.complete("in the end", time.Now(), func(*fact) bool { return true })
	s.recalls()
	s.forgotten()
	for endpoint, limit := range map[string]int{dixatest.ConversationExport: 10, dixatest.MessageExport: 3} {
		var at []time.Time
		for _, req := range s.exports(endpoint) {
			at = append(at, req.Time)
		}
		s.within(endpoint, limit, time.Minute, at, 0)
	}
	if v, err := s.life.Verify(s.life.ctx, VerifyOptions{Dixa: true}); err != nil {
		s.wrong("verify: %v, %v", err, v.Differences)
	}
}
