//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/cmd/internal/bridge"
	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
)

var (
	kills    = flag.Int("kills", 60, "how often the program is killed at random moments")
	killSeed = flag.Uint64("killseed", 0, "seed of the first round of random moments, as its name says; 0 takes another each time")
)

// killsPerRound is how often the program is killed over one cache.
const killsPerRound = 10

func testRandomMoments(t *testing.T, reference *rig) {
	seed := *killSeed
	if seed == 0 {
		seed = rand.Uint64N(1e9) + 1
	}
	left := *kills
	if raced { // which sees nothing of the program that is killed
		left = min(left, 2*killsPerRound)
	}
	for ; left > 0; left -= killsPerRound {
		t.Run(fmt.Sprintf("killseed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, reference.program, newWorld())
			r.expectWorld()
			// Bodies that take a little while, so that a moment finds the program anywhere in its work.
			r.dixa.Fault(dixatest.Fault{Do: dixatest.Drip, Bytes: 16 << 10, Interval: time.Millisecond})
			r.link()
			s := &striker{rig: r, random: rand.New(rand.NewPCG(seed, 0)), left: min(left, killsPerRound)}
			for pass := 0; pass < 2 || s.left > 0; pass++ {
				if pass > 0 {
					r.change(s.random)
				}
				s.tryOut("import")
				s.tryOut("push")
			}
			r.check(uninterrupted(t, r.program, r.world, "import", "push").registrations())
		})
		seed++
	}
}

// change changes some records of each kind, in what no registration of another record shows.
func (r *rig) change(random *rand.Rand) {
	changed := map[string][]json.RawMessage{}
	for _, kind := range bridge.Kinds() {
		for _, record := range r.records(kind) {
			if random.IntN(4) > 0 {
				continue
			}
			var members map[string]any
			d := json.NewDecoder(bytes.NewReader(record))
			d.UseNumber()
			if err := d.Decode(&members); err != nil {
				r.Fatal(err)
			}
			switch pass := fmt.Sprintf("pass %d", r.passes); kind {
			case "conversations":
				members["originating_country"] = pass
			case "messages":
				members["initial_channel"] = pass
			case "activities":
				members["author"] = map[string]string{"id": pass}
			}
			body, err := json.Marshal(members)
			if err != nil {
				r.Fatal(err)
			}
			if err := r.world.Put(kind, body); err != nil {
				r.Fatal(err)
			}
			changed[kind] = append(changed[kind], body)
		}
	}
	r.expect(changed)
}

// A striker sends signals to commands at random moments.
type striker struct {
	*rig
	random *rand.Rand
	left   int // signals that end a command
}

// maxAttempts is far more than a command takes that keeps what it has done.
const maxAttempts = 40

// tryOut runs a command again and again until it comes to its end.
func (s *striker) tryOut(command string) {
	s.Helper()
	for range maxAttempts {
		p := s.start(nil, commandLine(command)...)
		if s.left > 0 && !s.strike(p) {
			continue
		}
		p.ends(0)
		return
	}
	s.Fatalf("%s does not come to its end in %d attempts", command, maxAttempts)
}

// strike sends a signal at a random moment and reports whether the command had come to its end by then.
func (s *striker) strike(p *process) (done bool) {
	s.Helper()
	if s.random.IntN(10) == 0 {
		s.moment(p)
		_ = p.Process.Signal(syscall.SIGSTOP)
		s.moment(p)
		_ = p.Process.Signal(syscall.SIGCONT)
	}
	s.moment(p)
	switch s.random.IntN(5) {
	case 0:
		p.stop(syscall.SIGINT)
	case 1:
		p.stop(syscall.SIGTERM)
	default:
		p.kill()
	}
	if p.ProcessState.Success() {
		return true
	}
	s.left--
	return false
}

// longest is about what a command takes that is left alone.
const longest = 400 * time.Millisecond

// moment passes some time, or less where the process ends before.
func (s *striker) moment(p *process) {
	select {
	case <-time.After(time.Duration(s.random.Int64N(int64(longest)))):
	case <-p.ended:
	}
}
