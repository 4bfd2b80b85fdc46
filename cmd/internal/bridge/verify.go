package bridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// ErrDifferences: the sides that were compared differ.
var ErrDifferences = errors.New("the sides differ")

// VerifyOptions says what to compare.
type VerifyOptions struct {
	// Span bounds it, by the date of registrations and by the creation of records in Dixa. A zero bound is none.
	Span   store.Span
	Source string // one source by its name; all when empty
	// Dixa compares the cache with Dixa too.
	Dixa bool
	// Repair makes pending what Plecto has otherwise, or has not.
	Repair bool
	// Zone is that of days; UTC when nil.
	Zone *time.Location
	// Price is told what it takes before anything is asked for, and again before more is; it may be nil.
	Price func([]Price)
}

// A Price is how many requests of a budget something takes, about.
type Price struct {
	Name     string // source or kind
	Budget   string
	Requests int
	Left     int           // that the budget allows just now; -1 where it is lifted
	Least    time.Duration // that the budget makes it take
	// Why says why it takes them beside those that were told of before; empty for the first.
	Why string
}

// A Day counts what each side has of a day. What was not compared is -1.
type Day struct {
	Name   string // of the source, or of the kind where none goes by creation
	Kind   string
	Day    string // 2026-01-31
	Dixa   int
	Cache  int
	Plecto int
}

// A Difference is a record or registration in which two sides differ.
type Difference struct {
	Name       string // of the source, or of the kind where none goes by creation
	ExternalID string
	Why        string
}

// Why two sides differ.
const (
	WhyPending  = "pending"           // it is to be sent
	WhyRejected = "rejected"          // Plecto refuses it
	WhyDeleted  = "deleted in Plecto" // Plecto accepted it, and has it no more
	WhyEdited   = "changed in Plecto" // Plecto has another than it accepted
	WhyUnknown  = "not in the cache"  // the other side alone has it
	WhyChanged  = "changed in Dixa"   // Dixa has another than the cache
	WhyVanished = "no longer in Dixa" // the cache alone has it
	WhyAside    = "set aside"         // it came from Dixa and could not be read
)

// Verified is the outcome of a comparison.
type Verified struct {
	Days        []Day
	Differences []Difference
	Repaired    int // made pending
	Requests    int // made, with those that failed
}

// Verify compares the cache with Plecto, and with Dixa where that is asked for, and tells in what they differ; then it
// returns ErrDifferences. Stopped anywhere, the same call goes on, within some hours. It changes nothing in Plecto. Other
// flows may run beside it, unless it repairs.
func (b *Bridge) Verify(ctx context.Context, o VerifyOptions) (Verified, error) {
	var all Verified
	o.Zone = cmp.Or(o.Zone, time.UTC)
	sources, err := b.sources(ctx, o.Source)
	if err != nil && !(o.Dixa && errors.Is(err, ErrNoSource)) {
		return all, err
	}
	var withPlecto []*againstPlecto
	for _, src := range sources {
		withPlecto = append(withPlecto, &againstPlecto{comparer: b.comparer(o, src.Name, src.Kind), source: src})
	}
	var comparisons []comparison
	if o.Dixa {
		for _, kind := range kindsOf(sources) {
			comparisons = append(comparisons, b.againstDixa(o, kind, withPlecto))
		}
	}
	for _, p := range withPlecto {
		comparisons = append(comparisons, p)
	}
	var prices []Price
	for _, c := range comparisons {
		price, err := c.prepare(ctx)
		if err != nil {
			return all, err
		}
		prices = append(prices, price)
	}
	if o.Price != nil {
		o.Price(prices)
	}
	for _, c := range comparisons {
		err := c.run(ctx)
		common := c.common()
		all.Requests += common.requests
		if err != nil {
			return all, fmt.Errorf("comparing %s: %w", common.name, err)
		}
		p := common.progress()
		p.Finished = true
		b.report(p)
		all.Differences = append(all.Differences, common.found...)
	}
	for _, c := range comparisons { // of one that was concluded before the others, the next call would read all again
		if err := b.Store.Conclude(context.WithoutCancel(ctx), c.common().state); err != nil {
			return all, err
		}
		all.Days = append(all.Days, c.counted()...)
	}
	for _, p := range withPlecto {
		if o.Repair && len(p.wrong) > 0 {
			if err := b.Store.Forget(ctx, p.source, p.wrong); err != nil {
				return all, err
			}
			all.Repaired += len(p.wrong)
		}
	}
	if len(all.Differences) > 0 {
		return all, fmt.Errorf("%w in %d", ErrDifferences, len(all.Differences))
	}
	return all, nil
}

// A comparison holds the cache against another side.
type comparison interface {
	// prepare makes it ready and returns what it takes. It asks nobody.
	prepare(context.Context) (Price, error)
	// run compares, on from where it stopped.
	run(context.Context) error
	// counted returns the days that no other comparison returns, in order.
	counted() []Day
	common() *comparer
}

// A comparer is what comparisons have in common.
type comparer struct {
	*Bridge
	VerifyOptions
	name, kind string
	patience   patience
	state      store.Verification
	days       map[string]*Day
	found      []Difference
	requests   int
	total      int // requests, about
}

func (b *Bridge) comparer(o VerifyOptions, name, kind string) comparer {
	return comparer{Bridge: b, VerifyOptions: o, name: name, kind: kind, patience: patience{limit: b.Patience}, days: map[string]*Day{}}
}

func (c *comparer) common() *comparer { return c }

// goOnWithin is how old a verification may be that is gone on with: what it has seen may have changed since.
const goOnWithin = 6 * time.Hour

// begin goes on with the verification of a subject, or begins one.
func (c *comparer) begin(ctx context.Context, subject string) (err error) {
	c.state, err = c.Store.Verification(ctx, subject, c.Span, time.Now().Add(-goOnWithin))
	return err
}

// price adds requests to those that it takes, and says what they cost.
func (c *comparer) price(ctx context.Context, budget store.Budget, requests int, why string) Price {
	c.total += requests
	left := c.remaining(ctx, budget)
	return Price{c.name, budget.Name, requests, left, least(budget, left, requests), why}
}

func (c *comparer) progress() Progress {
	return Progress{Flow: "verify", Name: c.name, Done: c.requests, Total: max(c.total, c.requests)}
}

// day returns the count of the day of a moment.
func (c *comparer) day(t time.Time) *Day {
	key := t.In(c.Zone).Format(time.DateOnly)
	if c.days[key] == nil {
		c.days[key] = &Day{Name: c.name, Kind: c.kind, Day: key}
	}
	return c.days[key]
}

// inOrder returns the days.
func (c *comparer) inOrder() []Day {
	var all []Day
	for _, key := range slices.Sorted(maps.Keys(c.days)) {
		all = append(all, *c.days[key])
	}
	return all
}

func (c *comparer) differ(id, why string) {
	c.found = append(c.found, Difference{c.name, id, why})
}

// within reports whether a moment lies in the span.
func (c *comparer) within(t time.Time) bool {
	return !t.Before(c.Span.From) && (c.Span.To.IsZero() || t.Before(c.Span.To))
}

// pageRecords is how many records are compared at a time.
const pageRecords = 500

// eachPage reads the cache's records of a span, page by page.
func (c *comparer) eachPage(ctx context.Context, span store.Span, do func([]store.Record) error) error {
	var last store.Record
	for {
		page, err := c.Store.RecordsBetween(ctx, c.kind, span, last, pageRecords)
		if err != nil || len(page) == 0 {
			return err
		}
		last = page[len(page)-1]
		if err := do(page); err != nil {
			return err
		}
	}
}

func idsOf(records []store.Record) []string {
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	return ids
}
