package bridge

import (
	"context"
	"encoding/json"
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

// readings are the ways in which Plecto may answer what is read, by name.
var readings = map[string]plectotest.Behaviour{
	"as is":                           {},
	"values in an object":             {RowsNested: true},
	"values hidden":                   {HideValues: true},
	"values as text":                  {StringValues: true},
	"nothing as an empty text":        {NullsAsEmpty: true},
	"all of that":                     {RowsNested: true, StringValues: true, NullsAsEmpty: true, DatesNaive: true, Lists: plectotest.ListsBare, FilterExclusive: true},
	"dates in UTC, without saying so": {DatesNaive: true},
	"dates in Copenhagen":             {DatesNaive: true, NaiveZone: zone("Europe/Copenhagen")},
	"dates in Kathmandu":              {DatesNaive: true, NaiveZone: zone("Asia/Kathmandu")},
	"dates in Los Angeles":            {DatesNaive: true, NaiveZone: zone("America/Los_Angeles")},
	"every list in an envelope":       {Lists: plectotest.ListsEnveloped},
	"bare lists":                      {Lists: plectotest.ListsBare},
	"bare lists without pages":        {Lists: plectotest.ListsWhole},
	"one row a page":                  {PageSize: 1},
	"seven rows a page":               {PageSize: 7},
	"seven rows a page, bare":         {PageSize: 7, Lists: plectotest.ListsBare},
	"bounds not included":             {FilterExclusive: true},
	"bounds about the writing":        {FilterByWritten: true},
	"bounds ignored":                  {FilterIgnored: true},
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

func TestVerifyReadsRowsHoweverPlectoShowsThem(t *testing.T) {
	t.Parallel()
	for name, behaviour := range some(readings) {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				behaviour.RegistrationsPerHour, behaviour.RequestsPerHour = -1, -1
				r.plecto.Behaviour = behaviour
				messages := r.atWork(5, 2)[1]
				all := r.plecto.Registrations(messages.UUID)
				span := store.Span{From: start.Add(day), To: start.Add(4 * day)}
				var inside []plectotest.Registration
				for _, reg := range all {
					if !reg.Date.Before(span.From) && reg.Date.Before(span.To) {
						inside = append(inside, reg)
					}
				}
				for _, o := range []VerifyOptions{{}, {Span: span}, {Zone: zone("Pacific/Auckland")}} {
					v := r.verify(o)
					r.equal("differences after a push", r.told(v), map[string]string{})
					for _, d := range v.Days {
						r.equal("Plecto's count of "+d.Name+" on "+d.Day, d.Plecto, d.Cache)
					}
				}

				want := map[string]string{}
				deleted, moved, changed := inside[0], inside[1], inside[2]
				r.plecto.Delete(messages.UUID, deleted.ExternalID)
				r.plecto.Edit(messages.UUID, moved.ExternalID, map[string]any{"date": moved.Date.Add(50 * time.Hour).Format(time.RFC3339)})
				want["messages "+deleted.ExternalID], want["messages "+moved.ExternalID] = WhyDeleted, WhyEdited
				r.plecto.Edit(messages.UUID, changed.ExternalID, map[string]any{"Direction": "sideways"})
				if !behaviour.HideValues {
					want["messages "+changed.ExternalID] = WhyEdited
				}
				r.sameDifferences("without a span", r.differences(VerifyOptions{}), want)
				r.sameDifferences("in a span", r.differences(VerifyOptions{Span: span}), want)
			})
		})
	}
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

func TestAVerificationThatWasStoppedGoesOn(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*rig) (ctx context.Context, lift func()){
		"by trouble": func(r *rig) (context.Context, func()) {
			return r.Context(), r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 16, Count: -1, Status: 503})
		},
		"by the time": func(r *rig) (context.Context, func()) {
			r.plecto.Behaviour.Latency = time.Second
			ctx, cancel := context.WithCancelCause(r.Context())
			time.AfterFunc(15500*time.Millisecond, func() { cancel(ErrOutOfTime) })
			return ctx, func() { r.plecto.Behaviour.Latency = 0 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				a, b := r.link("messages"), r.link("messages")
				r.cache(messages(0, 1000)...)
				r.pushed()
				r.plecto.Edit(a.UUID, "m0001", map[string]any{"Direction": "sideways"})
				r.plecto.Delete(b.UUID, "m0002")
				before := len(r.reads())
				ctx, lift := stop(r)
				if _, err := r.Verify(ctx, VerifyOptions{}); !Temporary(err) && ctx.Err() == nil {
					r.Errorf("the error is %v", err)
				}
				lift()
				// Rows that are sent meanwhile are no difference, those that are sent again neither.
				r.cache(message(3, `,"duration":5`), message(980, `,"duration":5`))
				if _, err := r.Push(r.Context(), PushOptions{}); err != nil {
					r.Error(err)
				}
				want := map[string]string{"messages m0001": WhyEdited, "messages-2 m0002": WhyDeleted}
				r.sameDifferences("the differences", r.differences(VerifyOptions{}), want)
				whole := 0
				for _, req := range r.reads()[before:] {
					if req.Status == 200 {
						whole++
					}
				}
				// Ten pages of each, and a second look at what differed.
				if whole < 20 || whole > 23 {
					r.Errorf("%d pages were read", whole)
				}
				before = len(r.reads())
				r.sameDifferences("from the start", r.differences(VerifyOptions{}), want)
				if again := len(r.reads()) - before; again < 20 {
					r.Errorf("the next one read %d pages only", again)
				}
			})
		})
	}
}

func TestAVerificationGoesOnThoughItsRowsHaveBeenSentSince(t *testing.T) {
	bubble(t, func(r *rig) {
		src := r.link("messages")
		r.cache(messages(0, 300)...)
		r.pushed()
		r.cache(message(1, `,"duration":5`)) // pending when its page is read
		r.plecto.Edit(src.UUID, "m0002", map[string]any{"Direction": "sideways"})
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 2, Count: -1, Status: 503})
		if _, err := r.Verify(r.Context(), VerifyOptions{}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		lift()
		r.cache(message(2, `,"duration":5`), message(400, ""))
		r.pushed()
		r.equal("differences", r.differences(VerifyOptions{}), map[string]string{})
	})
}

func TestVerifyComparesTheCacheWithDixa(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.dixa.Behaviour.ActivitiesPerPage = 1000
		r.atWork(50, fewer(3))
		r.equal("differences after an import", r.differences(VerifyOptions{Dixa: true}), map[string]string{})

		r.put("conversations", conversation(1, hour(1)), conversation(2, hour(2)))
		all := Range{From: start, To: start.AddDate(0, 0, 50)}
		_, err := r.Import(r.Context(), all)
		r.must(err)
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		var prices []Price
		v := r.verify(VerifyOptions{Dixa: true, Price: func(p []Price) { prices = p }})
		r.equal("differences", v.Differences, []Difference(nil))
		for _, d := range v.Days {
			r.equal(d.Name+" on "+d.Day, []int{d.Dixa, d.Plecto}, []int{d.Cache, d.Cache})
		}
		said := 0
		for _, p := range prices {
			said += p.Requests
		}
		if off := said - v.Requests; off < -2 || off > 2 {
			r.Errorf("it said %d requests, and made %d", said, v.Requests)
		}

		r.dixa.Behaviour.ActivitiesPerPage = 70
		r.put("conversations", conversation(1, hour(9))) // changed
		r.put("messages", message(30, ""))               // new
		r.put("activities", `{"id":"log-1","conversationId":1,"activityTimestamp":"2000-01-03T04:05:06.789Z","_type":"ConversationClosed"}`)
		r.cache(message(31, "")) // no longer there
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(r.exports(dixatest.MessageExport)) + 1, Do: dixatest.Insert,
			Body: `{"id":"m0777","csid":7,"created_at":"soon"}`})
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.sameDifferences("with Dixa", r.differences(VerifyOptions{Dixa: true}), map[string]string{
			"conversations 1": WhyChanged, "messages m0030": WhyUnknown, "messages m0031": WhyVanished, "messages m0777": WhyAside,
			"activities log-1": WhyUnknown,
		})
		r.equal("of conversations alone", r.differences(VerifyOptions{Dixa: true, Source: "conversations"}), map[string]string{"conversations 1": WhyChanged})
		r.sameDifferences("in a span", r.differences(VerifyOptions{Dixa: true, Span: store.Span{From: hour(31), To: hour(40)}}), map[string]string{"messages m0031": WhyVanished})
		r.equal("with Plecto", r.differences(VerifyOptions{}), map[string]string{})
	})
}

func TestWhatIsErasedIsNoDifference(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.atWork(10, 4)
		conversations := slices.Sorted(maps.Keys(r.records("conversations")))
		var csids []int64
		for _, id := range conversations[:8] {
			csids = append(csids, r.records("conversations")[id].CSID)
		}
		_, err := r.Erase(r.Context(), Erasure{CSIDs: csids})
		r.must(err)
		r.equal("differences", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
		// What changes later of one is one, as long as it is not fetched.
		var body map[string]any
		for _, c := range r.dixa.World.Conversations() {
			r.must(json.Unmarshal(c, &body))
			if fmt.Sprint(int64(body["id"].(float64))) == conversations[0] {
				break
			}
		}
		body["status"], body["updated_at"] = "pending-for-long", time.Now().UnixMilli()
		changed, err := json.Marshal(body)
		r.must(err)
		r.put("conversations", string(changed))
		r.equal("differences, then", r.differences(VerifyOptions{Dixa: true}), map[string]string{"conversations " + conversations[0]: WhyChanged})
	})
}

func TestAVerificationWithDixaGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	bubble(t, func(r *rig) {
		r.atWork(95, 1) // four windows for each kind, and no more than a page in each
		lift := r.plecto.Fault(plectotest.Fault{Endpoint: "registrations", Request: len(r.posts()) + 2, Count: -1, Status: 503})
		before := r.asked()
		if _, err := r.Verify(r.Context(), VerifyOptions{Dixa: true}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		lift()
		r.equal("windows asked for", r.asked()-before, 12)
		r.equal("differences", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
		r.equal("windows asked for in all", r.asked()-before, 12)

		// What was fetched between is no difference.
		r.dixa.Fault(dixatest.Fault{Endpoint: dixatest.MessageExport, Request: len(r.exports(dixatest.MessageExport)) + 3, Count: -1, Status: 503})
		if _, err := r.Verify(r.Context(), VerifyOptions{Dixa: true}); !Temporary(err) {
			r.Errorf("the error is %v", err)
		}
		r.dixa.Heal()
		r.put("messages", message(5, ""))
		_, err := r.Import(r.Context(), Range{From: start, To: start.AddDate(0, 0, 95)})
		r.must(err)
		_, err = r.Push(r.Context(), PushOptions{})
		r.must(err)
		r.equal("differences after an import between", r.differences(VerifyOptions{Dixa: true}), map[string]string{})
	})
}
