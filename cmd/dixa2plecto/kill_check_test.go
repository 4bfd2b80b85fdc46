//go:build unix

package main_test

import (
	"database/sql"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
)

// registrations returns what Plecto holds, by kind and external id, without what differs from run to run.
func (r *rig) registrations() map[string]map[string]plectotest.Registration {
	all := map[string]map[string]plectotest.Registration{}
	for kind, uuid := range r.sources {
		all[kind] = map[string]plectotest.Registration{}
		for _, one := range r.plecto.Registrations(uuid) {
			if most := r.writes[one.ExternalID] + r.pushKills(); one.Writes > most {
				r.Errorf("%s %s was written %d times, at most %d are needed", kind, one.ExternalID, one.Writes, most)
			}
			one.UUID, one.Member, one.Writes, one.FirstWritten, one.LastWritten = "", "", 0, time.Time{}, time.Time{}
			all[kind][one.ExternalID] = one
		}
	}
	return all
}

// pushKills is how often a batch may have been sent again.
func (r *rig) pushKills() int { return r.killed["push"] + r.killed["sync"] }

// uninterrupted returns a rig in which the commands have brought the whole world to Plecto, and nothing went wrong.
func uninterrupted(t *testing.T, program string, world *dixatest.World, commands ...string) *rig {
	t.Helper()
	r := newRig(t, program, world)
	r.expectWorld()
	r.link()
	r.finish(commands...)
	for kind, held := range r.registrations() {
		records := r.records(kind)
		for _, record := range records {
			if _, ok := held[idOf(record)]; !ok || len(held) != len(records) {
				t.Fatalf("Plecto holds %d %s of %d; %s is there: %v", len(held), kind, len(records), idOf(record), ok)
			}
		}
	}
	return r
}

// check holds everything that a run may leave behind against what it should, once its commands have ended.
func (r *rig) check(want map[string]map[string]plectotest.Registration) {
	r.Helper()
	r.checkPlecto(want)
	r.checkDixa()
	r.checkCache()
}

// checkPlecto: nothing lost, nothing twice, the newest content, and at most one batch sent again per kill.
func (r *rig) checkPlecto(want map[string]map[string]plectotest.Registration) {
	r.Helper()
	for _, v := range r.plecto.Violations() {
		r.Error(v)
	}
	got := r.registrations()
	for kind := range want {
		if len(got[kind]) != len(want[kind]) {
			r.Errorf("Plecto holds %d %s, not %d", len(got[kind]), kind, len(want[kind]))
		}
		for id, one := range want[kind] {
			if !reflect.DeepEqual(got[kind][id], one) {
				r.Fatalf("%s %s is in Plecto as\n%+v, not as\n%+v", kind, id, got[kind][id], one)
			}
		}
	}
	posts := len(r.posted())
	if most := r.posts + r.pushKills() + r.refused["registrations"]; posts > most {
		r.Errorf("Plecto got %d requests with registrations, at most %d are needed after %d kills", posts, most, r.pushKills())
	}
}

// posted returns the requests to registrations.
func (r *rig) posted() []plectotest.Request {
	return slices.DeleteFunc(r.plecto.Requests(), func(request plectotest.Request) bool { return request.Endpoint != "registrations" })
}

// maxSpan is the most that Dixa exports in one request. https://docs.dixa.io/docs/exports-api-guide
const maxSpan = 31 * 24 * time.Hour

// checkDixa: no request over 31 days, and at most one window per kind asked for again per kill.
func (r *rig) checkDixa() {
	r.Helper()
	runs := r.runs()
	for _, endpoint := range []string{dixatest.ConversationExport, dixatest.MessageExport} {
		spans := r.spans(endpoint)
		if longest := slices.Max(spans); longest > maxSpan {
			r.Errorf("%s was asked for %v", endpoint, longest)
		}
		if most := windowsOfRange*runs + r.killed["import"] + r.refused[endpoint]; len(spans) > most {
			r.Errorf("%s was asked %d times, at most %d are needed after %d kills", endpoint, len(spans), most, r.killed["import"])
		}
	}
}

// spans returns how much each request to an export asked for.
func (r *rig) spans(endpoint string) (spans []time.Duration) {
	r.Helper()
	for _, request := range r.dixa.Requests() {
		if request.Endpoint != endpoint {
			continue
		}
		q, err := url.ParseQuery(request.Query)
		if err != nil {
			r.Fatal(err)
		}
		after, err := strconv.ParseInt(q.Get("created_after"), 10, 64)
		if err != nil {
			r.Fatal(err)
		}
		before, err := strconv.ParseInt(q.Get("created_before"), 10, 64)
		if err != nil {
			r.Fatal(err)
		}
		spans = append(spans, time.Duration(before-after)*time.Millisecond)
	}
	return spans
}

// runs counts the runs in the cache. Each but a pass's first is there because the kill before it came when the run was
// finished, and only its program was not.
func (r *rig) runs() (runs int) {
	r.Helper()
	var finished int
	r.query(`SELECT count(*), count(finished_at) FROM runs`, &runs, &finished)
	if finished != runs || runs < r.passes || runs > r.passes+r.killed["import"] {
		r.Errorf("the cache has %d runs, %d of them finished, after %d passes and %d kills", runs, finished, r.passes, r.killed["import"])
	}
	return runs
}

// checkCache: sound, whole and without anything left to send.
func (r *rig) checkCache() {
	r.Helper()
	r.checkIntegrity()
	var status struct {
		Kinds []struct {
			Kind, From, To string
			Records        int
			Gaps           []any
		}
		Sources []struct {
			Kind                        string
			Accepted, Pending, Rejected int
		}
	}
	if err := json.Unmarshal([]byte(r.run("status", "--json")), &status); err != nil {
		r.Fatal(err)
	}
	for _, k := range status.Kinds {
		if k.Records != len(r.records(k.Kind)) || k.From != firstDay+"T00:00:00Z" || k.To != "2025-10-29T00:00:00Z" || len(k.Gaps) > 0 {
			r.Errorf("the cache holds %+v, not %d from %s to %s without a gap", k, len(r.records(k.Kind)), firstDay, lastDay)
		}
	}
	for _, s := range status.Sources {
		if s.Accepted != len(r.records(s.Kind)) || s.Pending+s.Rejected > 0 {
			r.Errorf("the source is at %+v, not at %d accepted", s, len(r.records(s.Kind)))
		}
	}
	if len(status.Kinds) != len(bridge.Kinds()) || len(status.Sources) != len(r.sources) {
		r.Errorf("status knows %d kinds and %d sources", len(status.Kinds), len(status.Sources))
	}
}

// checkIntegrity has SQLite look at every page of the cache.
func (r *rig) checkIntegrity() {
	r.Helper()
	var verdict string
	if r.query(`PRAGMA integrity_check`, &verdict); verdict != "ok" {
		r.Errorf("the cache is not sound: %s", verdict)
	}
}

// query reads one row of the cache.
func (r *rig) query(query string, to ...any) {
	r.Helper()
	db, err := sql.Open("sqlite", "file:"+r.cache+"?_pragma=busy_timeout(10000)")
	if err != nil {
		r.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(r.Context(), query).Scan(to...); err != nil {
		r.Fatal(err)
	}
}
