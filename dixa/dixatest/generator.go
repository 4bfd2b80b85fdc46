package dixatest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// firstCSID is just below the first conversation's id.
const firstCSID = 46000

// generator makes a world, conversation by conversation, from one stream of
// random numbers.
type generator struct {
	calendar
	*cast
	team  Team
	rng   *rand.Rand
	aside *rand.Rand // for activities: without them the rest would be the same

	csid  int64
	w     *World
	buf   bytes.Buffer
	coder *json.Encoder
}

func newGenerator(t Team) *generator {
	g := &generator{
		calendar: newCalendar(), team: t, csid: firstCSID, w: new(World),
		rng: rand.New(rand.NewPCG(t.Seed, 0xd1aa)), aside: rand.New(rand.NewPCG(t.Seed, 0x10c)),
	}
	g.cast = newCast(g.rng, 40+10*t.ConversationsPerDay)
	g.w.cast = g.cast
	g.coder = g.newCoder()
	return g
}

func (g *generator) newCoder() *json.Encoder {
	coder := json.NewEncoder(&g.buf)
	coder.SetEscapeHTML(false)
	return coder
}

func (g *generator) world() *World {
	g.w.agents.rows = g.agents()
	for _, begin := range g.beginnings() {
		g.csid += 1 + g.rng.Int64N(3)
		newStory(g, begin).tell()
	}
	g.w.messages.sort()
	g.w.activities.sort()
	g.w.agents.sort()
	return g.w
}

// agents are the rows of those who have not left.
func (g *generator) agents() (rows []row) {
	for _, p := range g.staff[:len(g.staff)-1] {
		first, last, _ := strings.Cut(p.name, " ")
		rows = append(rows, row{id: p.id, body: g.encode(agent{
			ID: p.id, CreatedAt: g.team.From.AddDate(-1, 0, 0).UTC().Format(time.RFC3339), DisplayName: p.name, Email: p.email,
			PhoneNumber: p.phone, FirstName: first, LastName: last, Roles: []string{"Agent"},
		})})
	}
	return rows
}

// beginning is a conversation about to happen.
type beginning struct {
	at      int64
	channel *channel
}

// weekdays are how busy the days are, from Sunday on, in percent.
var weekdays = [...]int{7, 122, 110, 103, 100, 88, 24}

// beginnings draws when conversations begin, in order, each in its own millisecond.
func (g *generator) beginnings() []beginning {
	var all []beginning
	from, to := g.team.From.UnixMilli(), g.team.To.UnixMilli()
	year, month, day := g.local(g.team.From).Date()
	for midnight := g.midnight(year, month, day); midnight.UnixMilli() < to; midnight = g.midnight(year, month, day) {
		n := g.team.ConversationsPerDay * weekdays[g.local(midnight).Weekday()] * (85 + g.rng.IntN(31)) / 10_000
		for range n {
			ch := g.channel()
			at := midnight.Add(g.timeOfDay()).UnixMilli()
			if ch.live {
				at = g.opening(time.UnixMilli(at)).UnixMilli() + g.rng.Int64N(50*60_000)
			}
			if at >= from && at < to {
				all = append(all, beginning{at, ch})
			}
		}
		day++
	}
	slices.SortStableFunc(all, func(a, b beginning) int { return cmp.Compare(a.at, b.at) })
	return slices.CompactFunc(all, func(a, b beginning) bool { return a.at == b.at })
}

// timeOfDay draws when somebody writes: most in the daytime, some in the evening.
func (g *generator) timeOfDay() time.Duration {
	hours := 9 + g.rng.NormFloat64()*2.2 + 4*g.rng.Float64()
	if g.chance(14) {
		hours = 17 + 6*g.rng.Float64()
	}
	return min(max(time.Duration(hours*float64(time.Hour)), time.Minute), 24*time.Hour-time.Minute)
}

func (g *generator) channel() *channel {
	n := g.rng.IntN(100)
	for i := range channels {
		if n -= channels[i].percent; n < 0 {
			return &channels[i]
		}
	}
	return &channels[0]
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

// about draws a time near d, in milliseconds: seldom much more, never nothing.
func (g *generator) about(d time.Duration) int64 {
	return 1000 + g.rng.Int64N(500) + int64(g.rng.ExpFloat64()*float64(d.Milliseconds()))
}

func (g *generator) pick(from []string) string { return from[g.rng.IntN(len(from))] }

// agentAt draws who takes a conversation that begins at a moment.
func (g *generator) agentAt(at int64) person {
	present := len(g.staff)
	if half := (g.team.From.UnixMilli() + g.team.To.UnixMilli()) / 2; at >= half {
		present--
	}
	return g.staff[g.rng.IntN(present)]
}

// encode returns v as JSON, without the escapes that only HTML needs.
func (g *generator) encode(v any) []byte {
	g.buf.Reset()
	if err := g.coder.Encode(v); err != nil {
		panic(fmt.Sprintf("dixatest: encoding a record: %v", err))
	}
	return bytes.Clone(bytes.TrimSuffix(g.buf.Bytes(), []byte("\n")))
}

// add puts a finished conversation, its messages and its activities into the world.
func (g *generator) add(c *conversation, messages []message, activities []activity) {
	g.w.conversations.rows = append(g.w.conversations.rows, g.conversationRow(c))
	for i := range messages {
		g.w.messages.rows = append(g.w.messages.rows, g.messageRow(&messages[i]))
	}
	for i := range activities {
		g.w.activities.rows = append(g.w.activities.rows, g.activityRow(&activities[i]))
	}
}

func (g *generator) conversationRow(c *conversation) row {
	r := row{id: strconv.FormatInt(c.ID, 10), csid: c.ID, created: c.CreatedAt, updated: c.UpdatedAt, body: g.encode(c)}
	if c.ClosedAt != nil {
		r.closed = *c.ClosedAt
	}
	if c.LastMessageCreatedAt != nil {
		r.lastMessage = *c.LastMessageCreatedAt
	}
	return r
}

func (g *generator) messageRow(m *message) row {
	return row{id: m.ID, csid: m.CSID, created: m.CreatedAt, body: g.encode(m)}
}

func (g *generator) activityRow(a *activity) row {
	return row{id: a.ID, created: a.at, body: g.encode(a)}
}
