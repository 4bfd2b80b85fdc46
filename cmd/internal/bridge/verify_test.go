package bridge

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa/dixatest"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/plecto/plectotest"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// atWork fills Dixa with some days of a team's work, and with it the cache and a source for each kind, of every field that
// is not personal.
func (r *rig) atWork(days, conversationsPerDay int) (sources []store.Source) {
	r.Helper()
	r.dixa.World = dixatest.NewWorld(dixatest.Team{Seed: 3, From: start, To: start.AddDate(0, 0, days), ConversationsPerDay: conversationsPerDay})
	for _, kind := range Kinds() {
		keys := keysOf(slices.DeleteFunc(Fields(kind), func(f Field) bool { return f.Personal }))
		added, err := r.Add(r.Context(), AddOptions{Kind: kind, Choice: store.Choice{Keys: keys}})
		r.must(err)
		sources = append(sources, added.Source)
	}
	_, err := r.Import(r.Context(), Range{From: start, To: start.AddDate(0, 0, days)})
	r.must(err)
	_, err = r.Push(r.Context(), PushOptions{})
	r.must(err)
	return sources
}

// differences are what a comparison found, by source and external id.
func (r *rig) differences(o VerifyOptions) map[string]string {
	r.Helper()
	return r.told(r.verify(o))
}

func (r *rig) told(v Verified) map[string]string {
	r.Helper()
	all := map[string]string{}
	for _, d := range v.Differences {
		key := d.Name + " " + d.ExternalID
		if all[key] != "" {
			r.Errorf("%s is told of twice: %s, and %s", key, all[key], d.Why)
		}
		all[key] = d.Why
	}
	return all
}

// verify compares, and makes sure that the outcome goes with the error and that nothing was written.
func (r *rig) verify(o VerifyOptions) Verified {
	r.Helper()
	before, posts := len(r.reads()), r.writes()
	asked := r.asked()
	v, err := r.Verify(r.Context(), o)
	if errors.Is(err, ErrDifferences) == (len(v.Differences) == 0) || err != nil && !errors.Is(err, ErrDifferences) {
		r.Errorf("%d differences, and the error is %v", len(v.Differences), err)
	}
	r.equal("writing requests", r.writes()-posts, 0)
	r.equal("requests", v.Requests, len(r.reads())-before+r.asked()-asked)
	return v
}

// reads are the requests for registrations that Plecto got.
func (r *rig) reads() []plectotest.Request {
	return slices.DeleteFunc(r.posts(), func(req plectotest.Request) bool { return req.Method != http.MethodGet })
}

// writes counts the requests that Plecto got to change anything.
func (r *rig) writes() (n int) {
	for _, req := range r.plecto.Requests() {
		if req.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// asked counts the requests for records that Dixa got.
func (r *rig) asked() int { return len(r.dixa.Requests()) - len(r.exports(dixatest.Agents)) }

// sameDifferences shows how two sets of differences differ.
func (r *rig) sameDifferences(what string, got, want map[string]string) {
	r.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			r.Errorf("%s: %s: got %q, want %q", what, key, got[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == "" {
			r.Errorf("%s: %s: got %q, want nothing", what, key, got[key])
		}
	}
}

// another is a value other than one that is there, of the type of a field.
func another(f Field, value any, n int) any {
	switch f.Type {
	case Number:
		return n + 1_000_000
	case YesNo:
		return value != true
	case Time:
		return hour(n).Add(time.Second).Format(time.RFC3339)
	}
	return fmt.Sprintf("%v, edited %d", value, n)
}

func TestVerifyFindsEveryForeignEditAndDeletionAndNothingElse(t *testing.T) {
	bubble(t, func(r *rig) {
		sources := r.atWork(fewer(12)+2, 10)
		r.equal("differences after a push", r.differences(VerifyOptions{}), map[string]string{})
		type row struct {
			src store.Source
			plectotest.Registration
		}
		var rows []row
		for _, src := range sources {
			for _, reg := range r.plecto.Registrations(src.UUID) {
				rows = append(rows, row{src, reg})
			}
		}
		changes := fewer(1000)
		if len(rows) < changes+200 {
			r.Fatalf("there are %d rows only", len(rows))
		}
		chance := rand.New(rand.NewPCG(4, 7))
		chance.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		want := map[string]string{}
		edited := map[string]int{}
		for n, row := range rows[:changes] {
			edit, why := map[string]any{}, WhyEdited
			switch kind := chance.IntN(10); {
			case kind == 0:
				edit, why = nil, WhyDeleted
				r.plecto.Delete(row.src.UUID, row.ExternalID)
			case kind == 1:
				edit["date"] = row.Date.Add(time.Duration(1+chance.IntN(3600)) * time.Second).Format(time.RFC3339)
			case kind == 2:
				edit["date"] = row.Date.Add(time.Duration(1+chance.IntN(40)-20) * 25 * time.Hour).Add(time.Second).Format(time.RFC3339)
			default:
				fields, _ := chosen(row.src)
				f := fields[chance.IntN(len(fields))]
				if edit[f.Title] = another(f, row.Fields[f.Title], n); kind == 3 && row.Fields[f.Title] != nil {
					edit[f.Title] = nil
				}
				edited[string(f.Type)]++
			}
			if edit != nil {
				r.plecto.Edit(row.src.UUID, row.ExternalID, edit)
			}
			want[row.src.Name+" "+row.ExternalID] = why
		}
		if len(edited) != 4 {
			r.Errorf("not every type of field was edited: %v", edited)
		}
		foreign := map[string]string{}
		for n := range 20 {
			src := sources[n%3]
			id := fmt.Sprint("foreign-", n)
			r.must(r.Plecto.Register(r.Context(), []plecto.Registration{{DataSource: src.UUID, ExternalID: id, Date: hour(n), MemberProvider: Provider, MemberID: standInID, MemberName: StandIn}}))
			want[src.Name+" "+id], foreign[src.Name+" "+id] = WhyUnknown, WhyUnknown
		}
		r.sameDifferences("after edits and deletions", r.differences(VerifyOptions{}), want)

		repaired := r.verify(VerifyOptions{Repair: true})
		r.sameDifferences("in the repair", r.told(repaired), want)
		r.equal("repaired", repaired.Repaired, changes)
		for key := range want {
			if want[key] = WhyPending; foreign[key] != "" {
				want[key] = WhyUnknown
			}
		}
		r.sameDifferences("before the push", r.differences(VerifyOptions{}), want)
		pushed, err := r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.equal("sent", pushed[0].Sent+pushed[1].Sent+pushed[2].Sent, changes)
		r.sameDifferences("after the push", r.differences(VerifyOptions{}), foreign)
	})
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func TestVerifyCountsTheDaysOfAZone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		zone string
		from [3]int // year, month, day
		days int
		want map[string]int
	}{
		{"UTC", [3]int{2000, 3, 25}, 3, map[string]int{"2000-03-25": 24, "2000-03-26": 24, "2000-03-27": 24}},
		{"Europe/Copenhagen", [3]int{2000, 3, 25}, 3, map[string]int{"2000-03-25": 24, "2000-03-26": 23, "2000-03-27": 24}},
		{"America/Sao_Paulo", [3]int{2000, 2, 25}, 3, map[string]int{"2000-02-25": 24, "2000-02-26": 25, "2000-02-27": 24}},
		{"Asia/Kathmandu", [3]int{2000, 2, 28}, 3, map[string]int{"2000-02-28": 24, "2000-02-29": 24, "2000-03-01": 24}},
	} {
		t.Run(row.zone, func(t *testing.T) {
			bubble(t, func(r *rig) {
				src := r.link("messages")
				r.cache(messages(0, 95*24)...) // one an hour
				r.pushed()
				at := func(day int) time.Time {
					return time.Date(row.from[0], time.Month(row.from[1]), row.from[2]+day, 0, 0, 0, 0, zone(row.zone))
				}
				o := VerifyOptions{Span: store.Span{From: at(0), To: at(row.days)}, Zone: zone(row.zone)}
				days := func() (cache, plecto map[string]int) {
					cache, plecto = map[string]int{}, map[string]int{}
					for _, d := range r.verify(o).Days {
						r.equal("the side that was not compared", d.Dixa, -1)
						cache[d.Day], plecto[d.Day] = d.Cache, d.Plecto
					}
					return cache, plecto
				}
				cache, in := days()
				r.equal("in the cache", cache, row.want)
				r.equal("in Plecto", in, row.want)

				// One goes out of the span, one comes into it, one goes to the next day, one within its day.
				first := int(at(0).Sub(start) / time.Hour)
				id := func(n int) string { return fmt.Sprintf("m%04d", first+n) }
				move := func(n int, to time.Time) {
					r.plecto.Edit(src.UUID, id(n), map[string]any{"date": to.UTC().Format(time.RFC3339)})
				}
				move(1, at(0).Add(-5*time.Hour))
				move(-1, at(1).Add(time.Minute))
				move(2, at(1).Add(2*time.Minute))
				move(4, at(0).Add(5*time.Minute))
				r.sameDifferences("after four have moved", r.differences(o), map[string]string{
					"messages " + id(1): WhyEdited, "messages " + id(-1): WhyEdited, "messages " + id(2): WhyEdited, "messages " + id(4): WhyEdited,
				})
				cache, in = days()
				r.equal("in the cache, then", cache, row.want)
				want := maps.Clone(row.want)
				want[at(0).Format(time.DateOnly)] -= 2
				want[at(1).Format(time.DateOnly)] += 2
				r.equal("in Plecto, then", in, want)
			})
		})
	}
}

func TestVerifySaysWhyRowsDiffer(t *testing.T) {
	bubble(t, func(r *rig) {
		refused := ""
		r.plecto.Refuse = func(row map[string]any) string {
			if row["external_id"] == refused {
				return "not this one"
			}
			return ""
		}
		src := r.link("messages")
		r.cache(messages(0, 10)...)
		r.pushed()
		r.cache(message(10, ""), message(3, `,"duration":5`), message(4, `,"duration":5`))
		refused = "m0004"
		_, err := r.Push(r.Context(), PushOptions{})
		if !errors.Is(err, ErrRejected) {
			r.Errorf("the push: %v", err)
		}
		r.cache(message(5, `,"duration":5`), message(11, ""))
		r.plecto.Delete(src.UUID, "m0006")
		want := map[string]string{
			"messages m0004": WhyRejected, "messages m0005": WhyPending, "messages m0011": WhyPending, "messages m0006": WhyDeleted,
		}
		r.sameDifferences("the differences", r.differences(VerifyOptions{}), want)
		r.equal("of no source", r.differences(VerifyOptions{Source: r.link("conversations").Name}), map[string]string{})
		if _, err := r.Verify(r.Context(), VerifyOptions{Source: "nobody"}); !errors.Is(err, ErrUsage) {
			r.Errorf("a source that is not there: %v", err)
		}
	})
}

func TestVerifyGoesByTheDateThatASourceGoesBy(t *testing.T) {
	bubble(t, func(r *rig) {
		added, err := r.Add(r.Context(), AddOptions{Kind: "conversations", Choice: store.Choice{DateField: "closed_at"}})
		r.must(err)
		changed := 0
		closed := func(n int, at time.Time) string {
			changed++
			return fmt.Sprintf(`{"id":%d,"created_at":%d,"updated_at":%d,"status":"closed","closed_at":%d}`, n, hour(n).UnixMilli(), hour(1000+changed).UnixMilli(), at.UnixMilli())
		}
		for n := 1; n <= 100; n++ {
			r.put("conversations", closed(n, hour(n+240)))
		}
		all := Range{From: start, To: time.Now()}
		_, err = r.Import(r.Context(), all)
		r.must(err)
		r.pushed()
		o := VerifyOptions{Span: store.Span{From: hour(240), To: hour(264)}}
		v := r.verify(o)
		r.equal("the days", v.Days, []Day{{"conversations", "conversations", "2000-01-11", -1, 23, 23}})

		// 5 is closed once more, later and outside; 6 is to come into the span; neither is sent yet.
		r.put("conversations", closed(5, hour(500)), closed(60, hour(262)))
		_, err = r.Import(r.Context(), all)
		r.must(err)
		r.plecto.Delete(added.Source.UUID, "7")
		r.plecto.Edit(added.Source.UUID, "8", map[string]any{"date": hour(400).Format(time.RFC3339)})
		r.plecto.Edit(added.Source.UUID, "70", map[string]any{"date": hour(250).Format(time.RFC3339)})
		r.sameDifferences("the differences", r.differences(o), map[string]string{
			"conversations 5": WhyPending, "conversations 60": WhyPending, "conversations 7": WhyDeleted,
			"conversations 8": WhyEdited, "conversations 70": WhyEdited,
		})
		r.equal("repaired", r.verify(VerifyOptions{Span: o.Span, Repair: true}).Repaired, 3)
		r.equal("sent", r.pushed().Sent, 5)
		r.equal("then", r.differences(VerifyOptions{}), map[string]string{})
	})
}

func TestVerifySaysItsPriceAndKeepsToTheBudget(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 2000)...)
		r.pushed()
		r.Limits.PlectoRequestsPerHour = 6
		r.plecto.Behaviour.RegistrationsPerHour = 6 // what exceeds it is a violation
		time.Sleep(2 * time.Hour)
		before := len(r.reads())
		var prices []Price
		began := time.Now()
		v := r.verify(VerifyOptions{Price: func(p []Price) {
			prices = append(prices, p...)
			r.equal("requests before the price is told", len(r.reads()), before)
		}})
		r.equal("the prices", len(prices), 1)
		r.equal("the price", []any{prices[0].Name, prices[0].Budget, prices[0].Left, prices[0].Least}, []any{src.Name, "Plecto registrations", 6, 3 * time.Hour})
		if off := prices[0].Requests - v.Requests; off < -1 || off > 1 {
			r.Errorf("it said %d requests, and made %d", prices[0].Requests, v.Requests)
		}
		if took := time.Since(began); took < 3*time.Hour || took > 3*time.Hour+10*time.Minute {
			r.Errorf("it took %v", took)
		}
		if slices.ContainsFunc(r.reads(), func(p plectotest.Request) bool { return p.Status == 429 }) {
			r.Error("Plecto had to refuse a request")
		}
	})
}
