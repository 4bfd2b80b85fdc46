package bridge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// Status is what the cache can say of itself; making it asks nobody.
type Status struct {
	Connection string
	Kinds      []KindStatus
	Sources    []SourceStatus
	Budgets    []BudgetStatus
	Live       store.Live
	Runs       []store.Run // the last few, newest first
	Aside      []store.AsideElement
}

// KindStatus tells how much of a kind is in the cache.
type KindStatus struct {
	Kind    string
	Records int
	Aside   int          // elements that could not be taken over
	Covered []store.Span // whole, in order and apart from each other
	Months  []store.Month
	Synced  time.Time // up to where sync has asked; zero where it never did
}

// Gaps returns the stretches between those that are whole.
func (k KindStatus) Gaps() []store.Span {
	var gaps []store.Span
	for i := 1; i < len(k.Covered); i++ {
		gaps = append(gaps, store.Span{From: k.Covered[i-1].To, To: k.Covered[i].From})
	}
	return gaps
}

// SourceStatus tells how far a source is.
type SourceStatus struct {
	Source   store.Source
	Pending  int
	Rejected int
	Accepted int
}

// BudgetStatus tells what is left of a budget.
type BudgetStatus struct {
	Budget store.Budget
	Used   int
	Free   time.Time // when one can be spent
}

// asideShown is how many elements that are set aside a status names.
const asideShown = 20

// Status reads the state of the cache. Months are those of zone.
func (b *Bridge) Status(ctx context.Context, zone *time.Location) (Status, error) {
	st := Status{Connection: b.Store.Connection()}
	var err error
	for _, kind := range Kinds() {
		k := KindStatus{Kind: kind}
		if k.Records, k.Aside, err = b.Store.Count(ctx, kind); err != nil {
			return st, err
		}
		if k.Covered, err = b.Store.Coverage(ctx, kind); err != nil {
			return st, err
		}
		if k.Months, err = b.Store.Months(ctx, kind, zone); err != nil {
			return st, err
		}
		if k.Synced, _, err = b.Store.Synced(ctx, kind); err != nil {
			return st, err
		}
		st.Kinds = append(st.Kinds, k)
	}
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return st, err
	}
	for _, src := range sources {
		s := SourceStatus{Source: src}
		if s.Pending, err = b.countPending(ctx, src); err != nil {
			return st, err
		}
		if s.Accepted, s.Rejected, err = b.Store.CountRegistrations(ctx, src); err != nil {
			return st, err
		}
		st.Sources = append(st.Sources, s)
	}
	if st.Budgets, err = b.Budgets(ctx); err != nil {
		return st, err
	}
	if st.Live, err = b.Store.Live(ctx); err != nil {
		return st, err
	}
	if st.Runs, err = b.Store.Runs(ctx, 5); err != nil {
		return st, err
	}
	st.Aside, err = b.Store.Aside(ctx, asideShown)
	return st, err
}

// Budgets tells what is left of each budget.
func (b *Bridge) Budgets(ctx context.Context) ([]BudgetStatus, error) {
	var all []BudgetStatus
	for _, budget := range b.Limits.all() {
		s := BudgetStatus{Budget: budget}
		var err error
		if s.Used, s.Free, err = b.Store.Used(ctx, budget); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Lag is how far Plecto may be behind Dixa, as far as events tell, and what it is measured by; nothing where no receiver
// was ever started.
func Lag(l store.Live, now time.Time) (lag time.Duration, what string) {
	for _, one := range []struct {
		since time.Time
		what  string
	}{
		{l.OldestStale, fmt.Sprintf("of %d stale conversations the oldest", l.Stale)},
		{l.OldestUnpushed, fmt.Sprintf("of %d conversations that wait for Plecto the oldest", l.Unpushed)},
		{l.AliveAt, "the last sign of life of the receiver"},
	} {
		if age := now.Sub(one.since); !one.since.IsZero() && age > lag {
			lag, what = age, one.what
		}
	}
	return lag, what
}

// A Rejection is a registration that Plecto refuses, with its words.
type Rejection struct{ Source, ExternalID, Reason string }

// Rejections returns the rejected registrations of all sources.
func (b *Bridge) Rejections(ctx context.Context) ([]Rejection, error) {
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	var all []Rejection
	for _, src := range sources {
		rejected, err := b.Store.Rejected(ctx, src)
		if err != nil {
			return nil, err
		}
		for _, r := range rejected {
			all = append(all, Rejection{Source: src.Name, ExternalID: r.Record, Reason: r.Rejection})
		}
	}
	return all, nil
}

// A SampleField is a field with its value in the registration of the record that changed last; nil where there is none.
type SampleField struct {
	Field
	Value any
	// Missing says that the data source shows not to have the field, which is left out for that.
	Missing bool
	// AsText says that the value goes out as text, since Plecto has the field as one.
	AsText bool
}

// Sample returns the fields of a source with the values of the record that changed last.
func (b *Bridge) Sample(ctx context.Context, src store.Source) ([]SampleField, error) {
	m, err := b.mapping(ctx, src)
	if err != nil {
		return nil, err
	}
	fields, err := chosen(src)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	newest, found, err := b.Store.Newest(ctx, src.Kind)
	if err != nil {
		return nil, err
	}
	if found {
		items, err := b.itemsOf(ctx, m, []store.Record{newest})
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			for _, f := range it.row.Fields {
				values[f.Name] = f.Value
			}
		}
	}
	lacks := Missing(src)
	sample := make([]SampleField, len(fields))
	for i, f := range fields {
		sample[i] = SampleField{f, values[f.Title], slices.Contains(lacks, f.Title), slices.Contains(src.AsText, f.Key)}
	}
	return sample, nil
}
