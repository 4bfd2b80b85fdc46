//go:build linux || darwin

package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// BenchmarkServeToPlecto lets conversations unfold in the simulated Dixa, at five events a second once it is under way,
// and measures how long it takes from each event to a row in Plecto that is as new: alone, and beside a backfill.
func BenchmarkServeToPlecto(b *testing.B) {
	program := release(b)
	length, most := 2*time.Minute, 1_000_000
	if testing.Short() {
		length, most = 30*time.Second, 100_000
	}
	for _, way := range []struct {
		name     string
		lifted   bool
		backfill int
	}{
		{"documented limits", false, 0},
		{"documented limits beside a backfill", false, most},
		{"limits lifted", true, 0},
		{"limits lifted beside a backfill", true, most},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				newOffice(b, program, way.lifted, way.backfill).work(length)
			}
		})
	}
}

// An office is a simulated Dixa with traffic, whose events a receiver takes, and a Plecto that notes what comes when.
type office struct {
	*testing.B
	program  string
	dixa     *dixatest.Server
	plecto   *plectotest.Server // answers all but the POSTs of registrations
	watch    watch
	env      []string
	cache    string
	backfill bool // a push has something to do
}

func newOffice(b *testing.B, program string, lifted bool, backfill int) *office {
	b.Helper()
	world := &dixatest.World{}
	// The traffic's conversations count on from here, far from those of the backfill.
	if err := world.Put("conversations", json.RawMessage(`{"id":9000000,"created_at":1770120000000,"updated_at":1770120000000,"status":"closed"}`)); err != nil {
		b.Fatal(err)
	}
	o := &office{B: b, program: program, backfill: backfill > 0,
		dixa:   &dixatest.Server{World: world},
		plecto: &plectotest.Server{},
		watch:  watch{world: world, due: map[string][]due{}, held: map[string]row{}},
	}
	url := func(h http.Handler) string {
		s := httptest.NewServer(h)
		b.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		return s.URL
	}
	secret := filepath.Join(b.TempDir(), "secret")
	o.env, o.cache = liveEnv(b, url(o.dixa), url(http.HandlerFunc(o.takeRows)))
	o.env = append(o.env, "DIXA_WEBHOOK_SECRET=", "DIXA_WEBHOOK_SECRET_FILE="+secret)
	o.dixa.Client = &http.Client{Transport: &o.watch}
	noLimits := []string{"DIXA_CONVERSATION_EXPORTS_PER_MINUTE=0", "DIXA_MESSAGE_EXPORTS_PER_MINUTE=0", "DIXA_API_REQUESTS_PER_SECOND=0", "PLECTO_REQUESTS_PER_HOUR=0"}
	if backfill > 0 {
		from := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -90)
		past := &dixatest.Server{Bulk: &dixatest.Bulk{Seed: 1, Messages: backfill, Conversations: backfill / 10, From: from, To: from.AddDate(0, 0, 60)},
			Behaviour: dixatest.Behaviour{MessageExportsPerMinute: -1}}
		command(b, program, slices.Concat(o.env, noLimits, []string{"DIXA_EXPORTS_URL=" + url(past) + "/v1"}), "import", "--kind", "messages",
			"--from", from.Format(time.DateOnly), "--to", from.AddDate(0, 0, 59).Format(time.DateOnly))
	}
	if lifted {
		o.env = append(o.env, noLimits...)
		o.dixa.Behaviour = dixatest.Behaviour{ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1}
		o.plecto.Behaviour = plectotest.Behaviour{RequestsPerHour: -1}
	}
	uuids := map[string]string{}
	for _, kind := range bridge.Kinds() {
		uuids[kind] = o.plecto.AddDataSource("Dixa " + kind)
	}
	linkAll(b, program, o.env, uuids)
	// The address is that of a proxy, which passes on what it gets to where the receiver listens.
	command(b, program, o.env, "webhook", "create", "--url", "http://127.0.0.1:8085/hook/", "--secret-file", secret)
	return o
}

// takeRows is Plecto.
func (o *office) takeRows(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/registrations/" {
		o.plecto.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = o.watch.came(body)
	}
	if err != nil {
		o.Errorf("Plecto got no rows: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// work lets events come for some time while the receiver runs and, where there is something for it to do, a push beside
// it, and reports how old the rows were when they came.
func (o *office) work(length time.Duration) {
	o.Helper()
	r := launch(o, o.program, o.env).listening()
	o.watch.to = r
	if o.backfill {
		push := exec.CommandContext(o.Context(), o.program, "push")
		push.Env = o.env
		if err := push.Start(); err != nil {
			o.Fatal(err)
		}
		defer func() { _ = push.Process.Kill(); _ = push.Wait() }()
	}
	o.watch.from = time.Now().Add(warmUp)
	ctx, cancel := context.WithTimeout(o.Context(), warmUp+length)
	defer cancel()
	dixatest.NewTraffic(o.dixa, dixatest.TrafficConfig{Seed: 1, Speed: 10, PerHour: 180}).Run(ctx)
	if err := o.dixa.Flush(o.Context()); err != nil {
		o.Fatal(err)
	}
	r.until("nothing is stale", func() bool { return stale(o, o.cache) == 0 })
	r.stop()
	o.dixa.Close()
	if n := o.watch.missing(); n > 0 {
		o.Errorf("%d rows never came", n)
	}
	for _, request := range o.dixa.Requests() {
		if request.Status == http.StatusTooManyRequests {
			o.Errorf("Dixa's limit was passed by a request to %s", request.Endpoint)
		}
	}
	o.ReportMetric(float64(o.watch.events)/length.Seconds(), "events/s")
	o.ReportMetric(rank(o.watch.conversations, 95), "conversations-p95-s")
	o.ReportMetric(rank(o.watch.conversations, 100), "conversations-max-s")
	o.ReportMetric(rank(o.watch.messages, 95), "messages-p95-s")
	o.ReportMetric(rank(o.watch.messages, 100), "messages-max-s")
	if o.backfill {
		o.ReportMetric(float64(o.watch.others), "other-rows")
	}
}

// warmUp is how long traffic takes to reach its density, and what was asked for at the start to leave Dixa's limits.
const warmUp = time.Minute

// A watch passes Dixa's deliveries on to a receiver, and notes since when what they tell of is due in Plecto.
type watch struct {
	world *dixatest.World
	to    *receiver
	from  time.Time // events from then on count

	mu                      sync.Mutex
	events                  int              // that were delivered
	due                     map[string][]due // by the external id of the row
	held                    map[string]row   // the newest of each
	conversations, messages []time.Duration  // from the event to the row
	others                  int              // rows that no event told of, or that came again
}

// A row is as much of a registration as tells how new it is.
type row struct {
	ID      string    `json:"external_id"`
	Updated time.Time `json:"Updated at"` // of conversations alone
	came    time.Time
}

// A due row is what an event is waiting for.
type due struct {
	event   time.Time
	version time.Time // Dixa's, as the event was delivered; of conversations alone
}

// met reports whether a row is as new as it is due. Rows tell seconds.
func (d due) met(r row) bool { return !r.Updated.Before(d.version.Truncate(time.Second)) }

// version returns when a conversation was last changed in Dixa.
func (w *watch) version(csid int64) time.Time {
	for _, record := range w.world.Conversations() {
		var c struct {
			ID      int64 `json:"id"`
			Updated int64 `json:"updated_at"`
		}
		if err := json.Unmarshal(record, &c); err == nil && c.ID == csid {
			return time.UnixMilli(c.Updated)
		}
	}
	return time.Time{}
}

// RoundTrip is the proxy in front of the receiver.
func (w *watch) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	e, err := dixa.ParseEvent(body)
	if err != nil {
		return nil, err
	}
	version := w.version(e.CSID)
	w.mu.Lock()
	if e.At.After(w.from) {
		w.events++
	}
	w.expect(strconv.FormatInt(e.CSID, 10), due{e.At, version})
	if e.MessageID != "" {
		w.expect(e.MessageID, due{event: e.At})
	}
	w.mu.Unlock()
	req = req.Clone(req.Context())
	req.URL.Host, req.URL.Path, req.Host = w.to.host, w.to.hook, w.to.host
	req.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(req)
}

// expect notes that a row is due, unless it came before the event: for another that was emitted a moment earlier.
func (w *watch) expect(id string, d due) {
	if r, ok := w.held[id]; ok && r.came.After(d.event) && d.met(r) {
		w.note(r, d)
		return
	}
	w.due[id] = append(w.due[id], d)
}

// came notes the rows of a request.
func (w *watch) came(body []byte) error {
	var rows []row
	if err := json.Unmarshal(body, &rows); err != nil {
		return err
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range rows {
		r.came = now
		if len(w.due[r.ID]) == 0 {
			w.others++
		}
		w.held[r.ID] = r
		w.meet(r)
	}
	return nil
}

// meet ends what was due and is met by a row.
func (w *watch) meet(r row) {
	w.due[r.ID] = slices.DeleteFunc(w.due[r.ID], func(d due) bool {
		met := d.met(r)
		if met {
			w.note(r, d)
		}
		return met
	})
}

// note keeps how old a row was when it came.
func (w *watch) note(r row, d due) {
	ages := &w.conversations
	if d.version.IsZero() {
		ages = &w.messages
	}
	if d.event.After(w.from) {
		*ages = append(*ages, max(r.came.Sub(d.event), 0))
	}
}

// missing counts what never came. What came in the same moment as it happened, before the event was emitted, is there.
func (w *watch) missing() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.due {
		if r, ok := w.held[id]; ok {
			w.meet(r)
		}
		n += len(w.due[id])
	}
	return n
}

// rank returns a percentile in seconds.
func rank(ages []time.Duration, p int) float64 {
	ages = slices.Sorted(slices.Values(ages))
	return ages[min(p*len(ages)/100, len(ages)-1)].Seconds()
}
