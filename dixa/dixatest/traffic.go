package dixatest

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// TrafficConfig describes the conversations that come in. The zero value is an
// ordinary day in the office.
type TrafficConfig struct {
	// Seed chooses among channels, people and texts. Ids differ from run to run.
	Seed uint64
	// Speed is how many times faster than in an office everything goes, beginnings
	// and waits alike: 1 when zero.
	Speed float64
	// PerHour is how many conversations begin in an hour at speed 1: 60 when zero.
	// Each lives for some minutes, again at speed 1, and makes about ten events:
	// once the first have ended, events come at PerHour*Speed/360 a second.
	PerHour int
}

// Traffic is conversations that unfold as one watches. Every step changes the
// server's World at the moment it is taken, updated_at included, and emits the
// events that belong to it right after; no record changes without an event. It is
// always office hours.
type Traffic struct {
	config TrafficConfig
	server *Server
	cast   *cast
	rng    *rand.Rand
	csid   int64
}

// NewTraffic makes traffic for a server, whose World gains the conversations; it
// gets one where it has none. People, queues and tags are those of a world made
// by NewWorld; another one gains the agents.
func NewTraffic(s *Server, config TrafficConfig) *Traffic {
	config.Speed, config.PerHour = cmp.Or(config.Speed, 1), cmp.Or(config.PerHour, 60)
	if s.World == nil {
		s.World = new(World)
	}
	t := &Traffic{
		config: config, server: s, cast: s.World.cast, csid: s.World.lastCSID(),
		rng: rand.New(rand.NewPCG(config.Seed, uint64(time.Now().UnixNano()))),
	}
	if t.cast == nil {
		t.cast = newCast(rand.New(rand.NewPCG(config.Seed, 0xca57)), 400)
		g := t.generator()
		g.team.From = time.Now()
		s.World.hire(g.agents())
	}
	return t
}

// Run lets conversations begin and unfold until ctx is done. What has not ended
// by then stays as it is. All goroutines have ended when it returns. A second Run
// may follow, not overlap.
func (t *Traffic) Run(ctx context.Context) {
	var threads sync.WaitGroup
	defer threads.Wait()
	between := float64(time.Hour) / float64(t.config.PerHour)
	for ctx.Err() == nil {
		threads.Go(t.begin(ctx).unfold)
		if !t.sleep(ctx, time.Duration(t.rng.ExpFloat64()*between)) {
			return
		}
	}
}

// begin returns a conversation that begins now.
func (t *Traffic) begin(ctx context.Context) *thread {
	t.csid += 1 + t.rng.Int64N(3)
	g := t.generator()
	return &thread{story: newStory(g, beginning{time.Now().UnixMilli(), g.channel()}), traffic: t, ctx: ctx}
}

// generator returns one for a single conversation, which has random numbers of its
// own, so that it goes on beside others.
func (t *Traffic) generator() *generator {
	g := &generator{
		calendar: newCalendar(), cast: t.cast, csid: t.csid, w: t.server.World,
		rng: rand.New(rand.NewPCG(t.rng.Uint64(), 0xd1aa)), aside: rand.New(rand.NewPCG(t.rng.Uint64(), 0x10c)),
	}
	g.coder = g.newCoder()
	return g
}

// sleep lets time go by, as much less as the traffic is faster, and reports
// whether it goes on.
func (t *Traffic) sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(time.Duration(float64(d) / t.config.Speed))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
