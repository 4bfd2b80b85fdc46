//go:build unix && !race

// The race detector sees nothing of the program that these tests run.

package main_test

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// testServeKilled kills the receiver in the middle of events, while what they tell of is fetched and pushed, and starts it
// again: it finishes what was begun.
func testServeKilled(t *testing.T, r *rig) {
	const enough = 10_000
	r.link()
	serving := r.serve(nil)
	var acknowledged atomic.Int64
	sent := serving.send(stream{connections: 64, answered: func(d delivered) {
		if d.status == http.StatusNoContent && acknowledged.Add(1) == enough {
			_ = serving.Process.Kill()
		}
	}}, hints(2*enough, longAgo(), r.known()))
	if !serving.end().Signaled() {
		t.Fatalf("it was not killed: %v\n%s", serving.ProcessState, &serving.stderr)
	}
	if n := count(sent, http.StatusNoContent); n < enough || n == len(sent) {
		t.Fatalf("%d of %d events were acknowledged, which is not the middle", n, len(sent))
	}
	r.checkKept(sent)

	again := r.serve(nil)
	rest := again.send(stream{connections: 64}, hints(2*enough, longAgo(), r.known())) // the same: some are known, some are not
	if n := count(rest, http.StatusNoContent); n != len(rest) {
		t.Errorf("started again it answers %d of %d events with 204", n, len(rest))
	}
	r.settled(again)
	again.stop()
	if stored := events(t, r.cache); len(stored) != 2*enough {
		t.Errorf("%d events are stored, not %d", len(stored), 2*enough)
	}
	for _, v := range r.plecto.Violations() {
		t.Error(v)
	}
	if held := len(r.plecto.Registrations(r.sources["conversations"])); held != len(r.known()) {
		t.Errorf("Plecto holds %d conversations, not %d", held, len(r.known()))
	}
}
