package bridge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// PushOptions says what to push.
type PushOptions struct {
	Source        string // one source by its name; all when empty
	RetryRejected bool   // sends rejected registrations again, as they are now
	// NoMembers leaves it to Plecto to make the people of registrations, which then have no e-mail.
	NoMembers bool
	// ConfirmTarget is the name of a source that may be another data source than it was before.
	ConfirmTarget string
}

// Pushed counts what one call of a flow sent to a source.
type Pushed struct {
	Source    store.Source
	Sent      int // accepted
	Unchanged int // there already, as they would be sent now
	Rejected  int // that Plecto rejects, from this call or earlier
	Requests  int // made to registrations, those that failed too
	Members   int // whom Plecto was told of
}

// add counts in what an earlier call sent to the same source.
func (p *Pushed) add(before Pushed) {
	p.Sent += before.Sent
	p.Requests += before.Requests
	p.Members += before.Members
	p.Unchanged = max(p.Unchanged-before.Sent, 0)
}

// Push sends what is pending, one source after another and one request after another: never two for one registration,
// never an older one after a newer. What Plecto accepts is marked before the next request, so that a kill repeats one
// batch at most. ErrRejected says that a source has rejected registrations.
func (b *Bridge) Push(ctx context.Context, o PushOptions) ([]Pushed, error) {
	sources, err := b.targets(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := b.scrubWaiting(ctx); err != nil { // an import may have been killed before it
		return nil, err
	}
	check := sync.OnceValue(func() error { return b.Store.Check(ctx) })
	var all []Pushed
	var errs []error
	telling := &introduction{}
	for _, src := range sources {
		p := b.pusher(o, src)
		p.check, p.telling = check, telling
		pushed, err := p.source(ctx)
		all = append(all, pushed)
		if err != nil {
			errs = append(errs, fmt.Errorf("source %q: %w", src.Name, err))
		}
		if err == nil && ctx.Err() != nil { // in its last request
			errs = append(errs, context.Cause(ctx))
		}
		if ctx.Err() != nil || Unauthorized(err) || cacheFailed(err) {
			break
		}
	}
	err = errors.Join(errs...)
	if Unauthorized(err) && !slices.ContainsFunc(all, func(p Pushed) bool { return p.Sent > 0 }) {
		return nil, err // there is nothing to tell
	}
	return all, err
}

// sources returns the source of a name, or all where there is none.
func (b *Bridge) sources(ctx context.Context, name string) ([]store.Source, error) {
	all, err := b.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	if name != "" {
		all = slices.DeleteFunc(all, func(s store.Source) bool { return s.Name != name })
		if len(all) == 0 {
			return nil, fmt.Errorf("%w: there is no source %q", ErrUsage, name)
		}
	}
	if len(all) == 0 {
		return nil, ErrNoSource
	}
	return all, nil
}

// targets returns the sources to push to. A name that is to confirm one has to be that of a source.
func (b *Bridge) targets(ctx context.Context, o PushOptions) ([]store.Source, error) {
	if o.ConfirmTarget != "" {
		if _, err := b.sources(ctx, o.ConfirmTarget); err != nil {
			return nil, err
		}
	}
	return b.sources(ctx, o.Source)
}

// A pusher sends what is pending of one source.
type pusher struct {
	*Bridge
	PushOptions
	check    func() error // the cache, before the first request
	telling  *introduction
	hinted   bool // that fields stay empty
	mapping  *mapping
	tally    Pushed
	total    int
	allowed  int // requests left in the budget after the last one
	patience patience
}

func (b *Bridge) pusher(o PushOptions, src store.Source) *pusher {
	return &pusher{Bridge: b, PushOptions: o, check: func() error { return nil }, telling: &introduction{},
		tally: Pushed{Source: src}, patience: patience{limit: b.Patience}}
}

func (p *pusher) source(ctx context.Context) (Pushed, error) {
	err := p.push(ctx)
	if !errors.Is(err, ErrGone) && (errors.Is(err, ErrAllRefused) || errors.Is(err, plecto.ErrNotFound)) {
		err = p.gone(ctx, err)
	}
	progress := p.progress()
	progress.Finished = true
	p.report(progress)
	if sumErr := p.sum(context.WithoutCancel(ctx)); err == nil {
		err = sumErr
	}
	if err == nil && p.tally.Rejected > 0 {
		err = fmt.Errorf("%w: %d by Plecto", ErrRejected, p.tally.Rejected)
	}
	return p.tally, err
}

func (p *pusher) push(ctx context.Context) error {
	due, err := p.due(ctx)
	if err != nil {
		return err
	}
	if due {
		if err := p.describe(ctx); err != nil {
			return err
		}
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	src := p.tally.Source
	if due, err = p.due(ctx); err != nil {
		return err
	}
	if p.total, err = p.Store.Behind(ctx, src.Kind, src.Place); err != nil {
		return err
	}
	if due {
		if err := p.check(); err != nil {
			return err
		}
	}
	if p.RetryRejected {
		if err := p.retryRejected(ctx); err != nil {
			return err
		}
	}
	batch := make([]item, 0, plecto.MaxBatch)
	place := src.Place
	for step, err := range p.walk(ctx, p.mapping) {
		if err != nil {
			return err
		}
		for _, it := range step.items {
			if it.state.pending() {
				batch = append(batch, it)
			}
			if len(batch) == plecto.MaxBatch {
				if err := p.send(ctx, batch, place); err != nil {
					return err
				}
				batch = batch[:0]
			}
		}
		place = step.place
	}
	return p.send(ctx, batch, place)
}

// prepare makes the mapping ready. With another one than its place was reached with, the source reads its change log from
// the start again.
func (p *pusher) prepare(ctx context.Context) (err error) {
	if p.mapping, err = p.Bridge.mapping(ctx, p.tally.Source); err != nil {
		return err
	}
	if p.tally.Source.Mapping != p.mapping.digest {
		if p.mapping.source, err = p.Store.Remap(ctx, p.tally.Source, p.mapping.digest); err != nil {
			return err
		}
	}
	p.tally.Source, p.allowed = p.mapping.source, p.remaining(ctx, p.Limits.registrations())
	return nil
}

// due reports whether there may be something to send: there are changes that the source has not settled as it is mapped
// now, of its own records or of those that they are made with.
func (p *pusher) due(ctx context.Context) (bool, error) {
	m, err := p.planned(ctx, p.tally.Source)
	if err != nil || p.RetryRejected || p.ConfirmTarget == p.tally.Source.Name {
		return true, err
	}
	for _, kind := range influences(m.source.Kind) {
		if n, err := p.Store.Behind(ctx, kind, m.source.Place); err != nil || n > 0 {
			return true, err
		}
	}
	return false, nil
}

// retryRejected sends the rejected registrations as they would be made now, wherever the source stands.
func (p *pusher) retryRejected(ctx context.Context) error {
	for batch, err := range p.rejected(ctx) {
		if err != nil {
			return err
		}
		p.total += len(batch)
		if err := p.send(ctx, batch, 0); err != nil {
			return err
		}
	}
	return nil
}

// rejected returns the items of the records whose registrations are rejected, in batches.
func (p *pusher) rejected(ctx context.Context) iter.Seq2[[]item, error] {
	return func(yield func([]item, error) bool) {
		rejected, err := p.Store.Rejected(ctx, p.mapping.source)
		if err != nil {
			yield(nil, err)
			return
		}
		for chunk := range slices.Chunk(rejected, plecto.MaxBatch) {
			ids := make([]string, len(chunk))
			for i, r := range chunk {
				ids[i] = r.Record
			}
			var items []item
			records, err := p.Store.RecordsByID(ctx, p.mapping.source.Kind, ids)
			if err == nil {
				items, err = p.itemsOf(ctx, p.mapping, records)
			}
			if !yield(items, err) || err != nil {
				return
			}
		}
	}
}

// sum completes the tally with what stands in the cache.
func (p *pusher) sum(ctx context.Context) error {
	accepted, rejected, err := p.Store.CountRegistrations(ctx, p.tally.Source)
	p.tally.Unchanged, p.tally.Rejected = max(accepted-p.tally.Sent, 0), rejected
	return err
}

func (p *pusher) progress() Progress {
	budget, total := p.Limits.registrations(), max(p.total, p.tally.Sent)
	requests := (total - p.tally.Sent + plecto.MaxBatch - 1) / plecto.MaxBatch
	return Progress{
		Flow: "push", Name: p.tally.Source.Name, Done: p.tally.Sent, Total: total,
		Budget: budget.Name, Left: p.allowed, Least: least(budget, p.allowed, requests),
	}
}
