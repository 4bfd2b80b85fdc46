package bridge

import (
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
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
