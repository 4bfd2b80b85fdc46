//go:build unix

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

// TestTheProgramMayBeStoppedAnywhere runs the real program, stops it, and runs it again: Plecto has to end up as in the
// reference, a rig over newWorld in which nothing went wrong, at the price of one window or one batch for each kill.
func TestTheProgramMayBeStoppedAnywhere(t *testing.T) {
	program := build(t)
	reference := uninterrupted(t, program, newWorld(), "import", "push")
	for _, tt := range []struct {
		name string
		test func(t *testing.T, reference *rig)
	}{
		{"killed in its first moments it leaves a cache that opens", testFirstMoments},
		{"killed at any point it goes on from there", testPoints},
		{"killed at random moments it goes on from there", testRandomMoments},
		{"killed while it looks for a refused registration it finds it", testRefusedRegistration},
		{"a sync that was killed goes on from there", testSync},
		{"told to stop it ends in time and keeps what is done", testTold},
		{"told twice it ends at once", testToldTwice},
		{"killed in a comparison it goes on from there", testVerification},
		{"killed in an erasure it finishes that", testErasure},
		{"a second run leaves the cache to the first", testSecondRun},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, reference)
		})
	}
}

func testPoints(t *testing.T, reference *rig) {
	want := reference.registrations()
	for _, p := range append(importPoints(reference), pushPoints(reference)...) {
		for _, nth := range occurrences(p.of) {
			t.Run(fmt.Sprintf("%s: %s, %d of %d", p.command, p.name, nth, p.of), func(t *testing.T) {
				t.Parallel()
				r := reference.another(t)
				r.link()
				rest := []string{"import", "push"}
				if p.command == "push" {
					r.finish("import")
					rest = rest[1:]
				}
				r.killAt(p, nth, p.command)
				r.finish(rest...)
				r.check(want)
			})
		}
	}
}

// killAt starts a command and kills it at the nth occurrence of a point.
func (r *rig) killAt(p point, nth int, command string) {
	r.Helper()
	there, after := p.arrange(r, nth)
	doomed := r.start(p.environment(nth), commandLine(command)...)
	doomed.until("it is at the point", func() bool { return there(doomed) })
	doomed.kill()
	after()
	if r.killed[command] != 1 {
		r.Fatalf("%s was not killed, but ended by itself: %v", command, doomed.ProcessState)
	}
}

// occurrences are the first, the middle and the last of so many.
func occurrences(of int) []int {
	if of <= 2 {
		return []int{1, 2}[:of]
	}
	return []int{1, (of + 1) / 2, of}
}

func testSync(t *testing.T, reference *rig) {
	now := time.Now()
	recent := dixatest.NewWorld(dixatest.Team{Seed: 1, From: now.AddDate(0, 0, -20), To: now, ConversationsPerDay: 6})
	reference = uninterrupted(t, reference.program, recent, "sync")
	want := reference.registrations()
	for _, tt := range []struct {
		point
		again time.Duration // the most that the next sync may ask for again, of messages
	}{
		{stall(dixatest.MessageExport, "in the middle of the body", []int64{50_000}), maxSpan},
		// Right after the commit of the last window.
		{unheard("datasources", 1), 2 * time.Hour},
		{unanswered(1), 2 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := reference.another(t)
			r.link()
			r.killAt(tt.point, 1, "sync")
			r.finish("sync")
			r.checkPlecto(want)
			r.checkIntegrity()
			if spans := r.spans(dixatest.MessageExport); len(spans) != 2 || spans[1] > tt.again {
				t.Errorf("messages were asked for over %v; the second time over %v at most is needed", spans, tt.again)
			}
		})
	}
}

func testRefusedRegistration(t *testing.T, reference *rig) {
	const guilty, lookingFor = 60, 11 // where it stands in the first batch, and the requests that it takes to find it there
	for _, nth := range occurrences(lookingFor) {
		t.Run(fmt.Sprintf("at request %d", nth), func(t *testing.T) {
			t.Parallel()
			r := reference.another(t)
			refused := idOf(r.records("conversations")[guilty])
			r.guilty.Store(refused)
			r.refused["registrations"] = 2 * lookingFor
			r.link()
			r.finish("import")
			r.killAt(unheard("registrations", lookingFor), nth, "push")
			r.start(nil, "push").ends(3)
			want := reference.registrations()
			delete(want["conversations"], refused)
			r.checkPlecto(want)
			r.checkIntegrity()
			var accepted, rejected int
			r.query(`SELECT count(hash), count(rejection) FROM registrations`, &accepted, &rejected)
			all := 0
			for _, held := range want {
				all += len(held)
			}
			if accepted != all || rejected != 1 {
				t.Errorf("the cache knows of %d accepted and %d rejected, not of %d and 1", accepted, rejected, all)
			}
		})
	}
}
