package bridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"reflect"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/wire"
	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// start is when the clock of every bubble starts, and the world of these tests with it. A rig begins a hundred days later.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// hour is so many hours after start.
func hour(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }

// A rig is a bridge between simulated services, with no limits but those that a test sets.
type rig struct {
	*Bridge
	*testing.T
	dixa   *dixatest.Server
	plecto *plectotest.Server
	file   string       // of the cache
	http   *http.Client // that reaches both
	// most is the largest number of requests that Plecto had under way at once.
	most atomic.Int32
}

// bubble runs a test with a rig, in simulated time.
func bubble(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(100 * day)
		file := filepath.Join(t.TempDir(), "cache.db")
		s, err := store.Open(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		r := &rig{
			T: t, file: file,
			dixa: &dixatest.Server{World: new(dixatest.World), Token: "example-token", Behaviour: dixatest.Behaviour{
				ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1,
			}},
			plecto: &plectotest.Server{Behaviour: plectotest.Behaviour{RegistrationsPerHour: -1, RequestsPerHour: -1}},
		}
		mux := http.NewServeMux()
		mux.Handle("dixa.example.com/", r.dixa)
		var underWay atomic.Int32
		mux.HandleFunc("plecto.example.com/", func(w http.ResponseWriter, req *http.Request) {
			r.most.Store(max(r.most.Load(), underWay.Add(1)))
			defer underWay.Add(-1)
			r.plecto.ServeHTTP(w, req)
		})
		hc := wire.Serve(t, mux)
		r.http = hc
		r.Bridge = &Bridge{
			Store:    s,
			Dixa:     dixa.New(dixa.Config{Token: "example-token", ExportsURL: "http://dixa.example.com/v1", APIURL: "http://dixa.example.com/v1", HTTP: hc}),
			Plecto:   plecto.New(plecto.Config{Email: "push@example.com", Password: "secret", URL: "http://plecto.example.com", HTTP: hc}),
			Patience: 30 * time.Second,
			Log:      slog.New(slog.DiscardHandler),
		}
		test(r)
		for _, v := range r.plecto.Violations() {
			t.Errorf("Plecto's rules were broken: %s", v)
		}
	})
}

// must ends the test on an error.
func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// comes waits for something, an hour at most: in simulated time what never comes would be waited for without end.
func (r *rig) comes(c <-chan struct{}) {
	r.Helper()
	select {
	case <-c:
	case <-time.After(time.Hour):
		r.Fatal("what was waited for does not come")
	}
}

func (r *rig) equal(what string, got, want any) {
	r.Helper()
	if !reflect.DeepEqual(got, want) {
		r.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// link makes a data source in Plecto a source of a kind.
func (r *rig) link(kind string, fields ...plectotest.Field) store.Source {
	r.Helper()
	src, _, err := r.Link(r.Context(), kind, r.plecto.AddDataSource("Dixa "+kind, fields...), "", nil)
	r.must(err)
	return src
}

// cache saves messages as an import would.
func (r *rig) cache(bodies ...string) {
	r.Helper()
	run := store.Run{Command: "import", Kinds: []string{"messages"}, Starts: start, Ends: time.Now(), Began: time.Now()}
	run, left, err := r.start(r.Context(), run, []store.Window{{Kind: "messages", By: "created", Starts: run.Starts, Ends: run.Ends}})
	r.must(err)
	request, _, err := r.Store.Spend(r.Context(), store.Budget{Name: "message exports"})
	r.must(err)
	batch := store.Batch{Whole: true}
	for _, body := range bodies {
		batch.Records = append(batch.Records, recordOf(r.T, "messages", body))
	}
	batches := make(chan store.Batch, 1)
	batches <- batch
	close(batches)
	_, err = r.Store.Save(r.Context(), store.Answer{Window: left[0], Request: request, Asked: time.Now()}, batches)
	r.must(err)
}

// recordOf lifts from a body what a record has beside it.
func recordOf(t *testing.T, kind, body string) store.Record {
	t.Helper()
	var lifted struct {
		ID        any   `json:"id"`
		CSID      int64 `json:"csid"`
		CreatedAt int64 `json:"created_at"`
	}
	if err := json.Unmarshal([]byte(body), &lifted); err != nil {
		t.Fatal(err)
	}
	r := store.Record{Kind: kind, ID: fmt.Sprint(lifted.ID), CSID: lifted.CSID, CreatedAt: lifted.CreatedAt, Body: body}
	if kind == "conversations" {
		r.CSID, _ = strconv.ParseInt(r.ID, 10, 64)
	}
	return r
}

// message is one that was created n hours after start by a customer; more are further members.
func message(n int, more string) string {
	return fmt.Sprintf(`{"id":"m%04d","csid":%d,"created_at":%d,"direction":"inbound","initial_channel":"email"%s}`, n, n, hour(n).UnixMilli(), more)
}

func messages(from, to int) []string {
	var all []string
	for n := from; n < to; n++ {
		all = append(all, message(n, ""))
	}
	return all
}

// conversation is one that was created n hours after start and changed at another time.
func conversation(n int, updated time.Time) string {
	return fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"open","initial_channel":"email","closed_at":null}`, n, hour(n).UnixMilli(), updated.UnixMilli())
}

// put adds records to Dixa.
func (r *rig) put(kind string, bodies ...string) {
	r.Helper()
	for _, body := range bodies {
		r.must(r.dixa.World.Put(kind, json.RawMessage(body)))
	}
}

// exports are the requests that Dixa got for an endpoint.
func (r *rig) exports(endpoint string) []dixatest.Request {
	var all []dixatest.Request
	for _, req := range r.dixa.Requests() {
		if req.Endpoint == endpoint {
			all = append(all, req)
		}
	}
	return all
}

// posts are the requests with registrations that Plecto got.
func (r *rig) posts() []plectotest.Request {
	var all []plectotest.Request
	for _, req := range r.plecto.Requests() {
		if req.Endpoint == "registrations" {
			all = append(all, req)
		}
	}
	return all
}

// records are all of a kind in the cache, by id.
func (r *rig) records(kind string) map[string]store.Record {
	r.Helper()
	all, err := r.Store.RecordsBetween(r.Context(), kind, store.Span{}, store.Record{}, 1_000_000)
	r.must(err)
	byID := make(map[string]store.Record, len(all))
	for _, one := range all {
		byID[one.ID] = one
	}
	return byID
}

// some returns all cases or, under the race detector, three of them, others each time.
func some[V any](cases map[string]V) map[string]V {
	if !raced {
		return cases
	}
	few := make(map[string]V)
	for name, one := range cases {
		if few[name] = one; len(few) == 3 {
			break
		}
	}
	return few
}

// fewer is a number of repetitions, or a part of it under the race detector.
func fewer(n int) int {
	if raced {
		return (n + 3) / 4
	}
	return n
}
