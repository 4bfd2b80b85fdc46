package bridge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// many are more conversations than a page of the change log or of threads takes: most with a few messages and an
// activity, one with 2,000 messages. Some messages name no conversation, some one that is not there.
func many(t *testing.T) (all []store.Record) {
	add := func(kind, body string) { all = append(all, lift(t, kind, body)) }
	say := func(csid, n int, direction string) {
		at := hour(csid).Add(time.Duration(n) * time.Minute).UnixMilli()
		add("messages", fmt.Sprintf(`{"id":"m%d-%d","csid":%d,"created_at":%d,"direction":%q,"initial_channel":"email"}`, csid, n, csid, at, direction))
	}
	for csid := 1; csid <= 700; csid++ {
		add("conversations", conversation(csid, hour(csid)))
		if csid%5 == 0 {
			add("activities", activity(csid))
		}
		says := csid % 4
		if csid == 350 {
			says = 2000
		}
		for n := range says {
			say(csid, n, []string{"inbound", "outbound"}[n%2])
		}
	}
	for n := range 30 {
		add("messages", fmt.Sprintf(`{"id":"alone%d","created_at":%d,"direction":"inbound","initial_channel":"email"}`, n, hour(n).UnixMilli()))
		say(10_000+n, 0, "inbound")
	}
	return all
}

// linkAll links a data source of each kind.
func (r *rig) linkAll() (sources []store.Source) {
	r.Helper()
	for _, kind := range Kinds() {
		sources = append(sources, r.link(kind))
	}
	return sources
}

// shown are the rows of a source in Plecto by id, without how often and when they were written.
func (r *rig) shown(src store.Source) (rows map[string]string, writes map[string]int) {
	rows, writes = map[string]string{}, map[string]int{}
	for _, reg := range r.plecto.Registrations(src.UUID) {
		rows[reg.ExternalID] = fmt.Sprint(reg.Date, reg.Member, reg.Fields)
		writes[reg.ExternalID] = reg.Writes
	}
	return rows, writes
}

// settled fails where a push has left something, or a second one sends or asks for anything.
func (r *rig) settled() {
	r.Helper()
	sources, err := r.Store.Sources(r.Context())
	r.must(err)
	for _, src := range sources {
		for _, kind := range Kinds() {
			if !slices.Contains(influences(src.Kind), kind) {
				continue
			}
			behind, err := r.Store.Behind(r.Context(), kind, src.Place)
			r.must(err)
			r.equal("changes of "+kind+" behind the place of "+src.Name, behind, 0)
		}
	}
	before := len(r.plecto.Requests())
	all, err := r.Push(r.Context(), PushOptions{})
	r.must(err)
	for _, p := range all {
		r.equal("sent by a second push", p.Sent, 0)
	}
	r.equal("requests of a second push", len(r.plecto.Requests())-before, 0)
}

func TestOfManyConversationsExactlyWhatDiffersIsSent(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		w, all := world{rand.New(rand.NewPCG(5, 5))}, many(r.T)
		sources := r.linkAll()
		w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		half := len(all) / 2
		keep(r.T, r.Store, all[:half])
		r.posted()
		keep(r.T, r.Store, all[half:])
		for round := range fewer(3) {
			before := make([]map[string]string, len(sources))
			written := make([]map[string]int, len(sources))
			for i, src := range sources {
				before[i], written[i] = r.shown(src)
			}
			sent := r.posted()
			for i, src := range sources {
				after, writes := r.shown(src)
				for id := range after {
					differs := 0
					if after[id] != before[i][id] {
						differs = 1
					}
					r.equal(fmt.Sprintf("round %d: writes of %s %s", round, src.Kind, id), writes[id]-written[i][id], differs)
				}
				if round > 0 && len(sent[src.Name]) == 0 {
					r.Errorf("round %d changed nothing of %s", round, src.Name)
				}
			}
			r.settled()
			for range 60 {
				n := w.IntN(len(all))
				one, key := all[n], one(w, "status", "queue_name", "subject", "total_duration")
				switch one.Kind {
				case "messages":
					key = []string{"direction", "text", "duration", "author_name"}[w.IntN(4)]
				case "activities":
					key = []string{"_type", "attributes"}[w.IntN(2)]
				}
				body := with(one.Body, key, fmt.Sprint(round))
				if one.Kind == "conversations" {
					body = with(body, "updated_at", hour(3000+round).UnixMilli())
				}
				all[n] = lift(r.T, one.Kind, body)
				keep(r.T, r.Store, all[n:n+1])
			}
			// In each round one of each kind at least, so that each source has something to send.
			for _, kind := range Kinds() {
				n := slices.IndexFunc(all, func(r store.Record) bool { return r.Kind == kind && r.CSID == int64(10*round+15) })
				body := with(all[n].Body, map[string]string{"conversations": "status", "messages": "duration", "activities": "_type"}[kind], round+100)
				if kind == "conversations" {
					body = with(body, "updated_at", hour(4000+round).UnixMilli())
				}
				all[n] = lift(r.T, kind, body)
				keep(r.T, r.Store, all[n:n+1])
			}
		}
		r.posted()
		// Sources that read the change log from its start come to the same.
		for i, fresh := range r.linkAll() {
			_, err := r.Push(r.Context(), PushOptions{Source: fresh.Name})
			r.must(err)
			got, _ := r.shown(sources[i])
			want, _ := r.shown(fresh)
			r.equal("rows of "+sources[i].Name, len(got), len(want))
			for id := range maps.Keys(want) {
				r.equal("the row of "+sources[i].Kind+" "+id, got[id], want[id])
			}
		}
	})
}

// Plecto stores what it is sent, and the program does not live to hear so.
func TestAPushThatIsCutOffRepeatsOneBatchAtMost(t *testing.T) {
	t.Parallel()
	for _, batch := range []int{15, 1, 32}[:fewer(3)] {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.Patience = 0
				keep(r.T, r.Store, many(r.T))
				src := r.link("messages")
				r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: batch, Drop: true, AfterStoring: true})
				if _, err := r.Push(r.Context(), PushOptions{}); !Temporary(err) {
					r.Fatalf("the error is %v", err)
				}
				cut := r.posts()[batch-1].ExternalIDs
				pushed, err := r.Push(r.Context(), PushOptions{})
				r.must(err)
				records := len(r.records("messages"))
				r.equal("sent by the second", pushed[0].Sent, records-plectoBatch*(batch-1))
				again := 0
				for _, reg := range r.plecto.Registrations(src.UUID) {
					if reg.Writes > 1 {
						again++
						if reg.Writes > 2 || !slices.Contains(cut, reg.ExternalID) {
							r.Errorf("%s was written %d times", reg.ExternalID, reg.Writes)
						}
					}
				}
				r.equal("written again", again, len(cut))
				r.equal("registrations", len(r.plecto.Registrations(src.UUID)), records)
				r.settled()
			})
		})
	}
}

// plectoBatch is how many registrations go out in one request.
const plectoBatch = 100

func TestMessagesAreSentAgainWhenTheirConversationComes(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		for csid := 1; csid <= 3; csid++ {
			for n := range 2 {
				r.put("messages", fmt.Sprintf(`{"id":"m%d-%d","csid":%d,"created_at":%d,"direction":"inbound"}`, csid, n, csid, hour(csid).UnixMilli()))
			}
		}
		r.put("messages", fmt.Sprintf(`{"id":"alone","created_at":%d,"direction":"inbound"}`, hour(1).UnixMilli()))
		r.imported(month)
		r.equal("before it comes", tally(r.pushed()), "7 sent, 0 unchanged, 0 rejected, 1 requests")

		r.put("conversations", with(conversation(2, hour(2)), "queue_name", "Returns"))
		r.imported(Range{From: month.From, To: month.To, Kinds: []string{"conversations"}})
		r.equal("when it has come", tally(r.pushed()), "2 sent, 5 unchanged, 0 rejected, 1 requests")
		for _, reg := range r.plecto.Registrations(src.UUID) {
			want := any(nil)
			if reg.ExternalID == "m2-0" || reg.ExternalID == "m2-1" {
				want = "Returns"
			}
			r.equal("the queue of "+reg.ExternalID, reg.Fields["Queue"], want)
		}
		r.settled()
	})
}

func TestMappingManyRecordsHoldsFewThreads(t *testing.T) {
	bubble(t, func(r *rig) {
		const threads, size = 500, 100_000
		var all []string
		for n := range threads {
			r.put("conversations", conversation(n+1, hour(n+1)))
			all = append(all, message(n+1, fmt.Sprintf(`,"text":%q`, strings.Repeat("lorem ips ", size/10))))
		}
		r.cache(all...)
		_, err := r.Import(r.Context(), Range{From: start, To: hour(threads + 1), Kinds: []string{"conversations"}})
		r.must(err)
		inUse := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		page, err := r.Store.RecordsBetween(r.Context(), "conversations", store.Span{}, store.Record{}, threads)
		r.must(err)
		before, most, mapped := inUse(), uint64(0), 0
		m := &mapping{source: r.link("conversations"), fields: []Field{{Title: "Example", value: func(subject) any {
			if mapped++; mapped%25 == 1 {
				most = max(most, inUse())
			}
			return nil
		}}}}
		items, err := r.itemsOf(r.Context(), m, page)
		r.must(err)
		r.equal("items", len(items), threads)
		if took := int64(most) - int64(before); took > 4*pageThreads*size {
			r.Errorf("mapping %d threads of %d kB each took %d MB", threads, size/1000, took>>20)
		}
	})
}
