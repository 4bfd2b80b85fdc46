// The signals that these tests send are Unix's: Windows ends a process in one way only, at once.

//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// The range of these tests is four windows of 30 days for each kind.
const (
	firstDay, lastDay = "2025-07-01", "2025-10-28"
	windowsOfRange    = 4
)

// newWorld makes a world of some 2,900 records within that range, the same each time.
func newWorld() *dixatest.World {
	from := time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
	return dixatest.NewWorld(dixatest.Team{Seed: 1, From: from, To: from.AddDate(0, 0, 30*windowsOfRange), ConversationsPerDay: 2})
}

// build makes the real program. It is the one for users even where the tests look for races, which would slow it down
// tenfold; the scripts run that one.
func build(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "dixa2plecto")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return program
}

// A rig is the real program with a cache of its own, and both services on real sockets.
type rig struct {
	*testing.T
	program string
	cache   string
	world   *dixatest.World
	dixa    *dixatest.Server
	plecto  *plectotest.Server
	sources map[string]string // by kind, Plecto's UUID
	env     []string
	guilty  atomic.Value // external id of the registration that Plecto refuses, if any

	// What a client needs that nothing goes wrong with.
	passes int            // over the range
	posts  int            // to registrations
	writes map[string]int // by external id

	// What went wrong.
	killed  map[string]int // by command, with SIGKILL
	refused map[string]int // by endpoint, requests that a fault answered
}

// newRig starts the services over a world, with a data source for each kind. Nothing is expected of it yet.
func newRig(t *testing.T, program string, world *dixatest.World) *rig {
	t.Helper()
	r := &rig{
		T: t, program: program, cache: filepath.Join(t.TempDir(), "cache.db"), world: world,
		dixa: &dixatest.Server{World: world, Token: "example-token", Behaviour: dixatest.Behaviour{
			ConversationExportsPerMinute: -1, MessageExportsPerMinute: -1, APIRequestsPerSecond: -1,
		}},
		plecto: &plectotest.Server{Behaviour: plectotest.Behaviour{
			RegistrationsPerHour: -1, RequestsPerHour: -1, Latency: 2 * time.Millisecond,
		}},
		sources: map[string]string{},
		writes:  map[string]int{}, killed: map[string]int{}, refused: map[string]int{},
	}
	r.plecto.Refuse = func(row map[string]any) string {
		if row["external_id"] == r.guilty.Load() {
			return "this one is refused"
		}
		return ""
	}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		return s.URL
	}
	dixaURL, plectoURL := serve(r.dixa), serve(r.plecto)
	r.env = []string{
		"HOME=" + t.TempDir(), "DIXA2PLECTO_DB=" + r.cache,
		"DIXA_API_TOKEN=example-token", "PLECTO_EMAIL=push@example.com", "PLECTO_PASSWORD=example-password",
		"DIXA_EXPORTS_URL=" + dixaURL + "/v1", "DIXA_API_URL=" + dixaURL + "/v1", "PLECTO_URL=" + plectoURL,
		"DIXA_CONVERSATION_EXPORTS_PER_MINUTE=0", "DIXA_MESSAGE_EXPORTS_PER_MINUTE=0",
		"DIXA_API_REQUESTS_PER_SECOND=0", "PLECTO_REQUESTS_PER_HOUR=0",
	}
	for _, kind := range bridge.Kinds() {
		var fields []plectotest.Field
		for _, f := range bridge.Usual(kind) {
			fields = append(fields, plectotest.Field{Name: f.Title, AllowEmpty: true})
		}
		r.sources[kind] = r.plecto.AddDataSource("Dixa "+kind, fields...)
	}
	return r
}

// another returns a rig over the same world, of which the same is expected, and that has done nothing yet.
func (r *rig) another(t *testing.T) *rig {
	t.Helper()
	other := newRig(t, r.program, r.world)
	other.passes, other.posts, other.writes = r.passes, r.posts, maps.Clone(r.writes)
	return other
}

// link tells the program of a source for each kind.
func (r *rig) link() {
	for _, kind := range bridge.Kinds() {
		r.run("sources", "link", kind, r.sources[kind])
	}
}

// records returns what Dixa has of a kind.
func (r *rig) records(kind string) []json.RawMessage {
	switch kind {
	case "messages":
		return r.world.Messages()
	case "activities":
		return r.world.Activities()
	}
	return r.world.Conversations()
}

// expect adds a pass over the range in which these records, by kind, are new to Plecto.
func (r *rig) expect(fresh map[string][]json.RawMessage) {
	r.passes++
	for _, records := range fresh {
		r.posts += (len(records) + plectotest.MaxRows - 1) / plectotest.MaxRows
		for _, record := range records {
			r.writes[idOf(record)]++
		}
	}
}

// expectWorld adds a pass in which everything is new.
func (r *rig) expectWorld() {
	all := map[string][]json.RawMessage{}
	for _, kind := range bridge.Kinds() {
		all[kind] = r.records(kind)
	}
	r.expect(all)
}

// commandLine is what is run of a command over the whole range.
func commandLine(command string) []string {
	if command == "import" {
		return []string{"import", "--from", firstDay, "--to", lastDay}
	}
	return []string{command}
}

// idOf returns a record's id as Plecto gets it.
func idOf(record json.RawMessage) string {
	var r struct{ ID json.RawMessage }
	if err := json.Unmarshal(record, &r); err != nil {
		panic(fmt.Sprintf("a record that is no JSON: %v", err))
	}
	return strings.Trim(string(r.ID), `"`)
}
