package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// PushOptions says what to push.
type PushOptions struct {
	Source        string // one source by its name; all when empty
	RetryRejected bool   // sends rejected registrations again, as they are now
}

// Pushed counts what one call of a flow sent to a source.
type Pushed struct {
	Source    store.Source
	Sent      int // accepted
	Unchanged int // there already, as they would be sent now
	Rejected  int // that Plecto rejects, from this call or earlier
	Requests  int // made to registrations, those that failed too
}

// add counts in what an earlier call sent to the same source.
func (p *Pushed) add(before Pushed) {
	p.Sent += before.Sent
	p.Requests += before.Requests
	p.Unchanged = max(p.Unchanged-before.Sent, 0)
}

// Push sends what is pending, one source after another and one request after another: never two for one registration,
// never an older one after a newer. What Plecto accepts is marked before the next request, so that a kill repeats one
// batch at most. ErrRejected says that a source has rejected registrations.
func (b *Bridge) Push(ctx context.Context, o PushOptions) ([]Pushed, error) {
	sources, err := b.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	if o.Source != "" {
		one, err := b.Store.Source(ctx, o.Source)
		if err != nil {
			return nil, fmt.Errorf("%w: there is no source %q", ErrUsage, o.Source)
		}
		sources = []store.Source{one}
	}
	if len(sources) == 0 {
		return nil, ErrNoSource
	}
	check := sync.OnceValue(func() error { return b.Store.Check(ctx) })
	var all []Pushed
	var errs []error
	for _, src := range sources {
		p := &pusher{Bridge: b, check: check, tally: Pushed{Source: src}, patience: patience{limit: b.Patience}}
		pushed, err := p.source(ctx, src, o.RetryRejected)
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

// A pusher sends what is pending of one source.
type pusher struct {
	*Bridge
	check    func() error // the cache, before the first request
	mapping  *mapping
	tally    Pushed
	total    int
	allowed  int // requests left in the budget after the last one
	patience patience
}

func (p *pusher) source(ctx context.Context, src store.Source, retry bool) (Pushed, error) {
	err := p.push(ctx, src, retry)
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

func (p *pusher) push(ctx context.Context, src store.Source, retry bool) error {
	src, err := p.describe(ctx, src)
	if err != nil {
		return err
	}
	if p.mapping, err = p.Bridge.mapping(ctx, src); err != nil {
		return err
	}
	if src.Mapping != p.mapping.digest {
		if src, err = p.Store.Remap(ctx, src, p.mapping.digest); err != nil {
			return err
		}
		p.mapping.source = src
	}
	p.tally.Source, p.allowed = src, p.remaining(ctx, p.Limits.registrations())
	if p.total, err = p.Store.Behind(ctx, src); err != nil {
		return err
	}
	if p.total > 0 || retry {
		if err := p.check(); err != nil {
			return err
		}
	}
	if retry {
		if err := p.retryRejected(ctx); err != nil {
			return err
		}
	}
	batch := make([]item, 0, plecto.MaxBatch)
	place := src.Place
	for it, err := range p.walk(ctx, p.mapping) {
		if err != nil {
			return err
		}
		place = it.record.Revision
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
	return p.send(ctx, batch, place)
}

// retryRejected sends the rejected registrations as they would be made now, wherever the source stands.
func (p *pusher) retryRejected(ctx context.Context) error {
	rejected, err := p.Store.Rejected(ctx, p.mapping.source)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(rejected, plecto.MaxBatch) {
		ids := make([]string, 0, len(chunk))
		known := make(map[string]store.Registration, len(chunk))
		for _, r := range chunk {
			ids = append(ids, r.Record)
			known[r.Record] = r
		}
		records, err := p.Store.RecordsByID(ctx, p.mapping.source.Kind, ids)
		if err != nil {
			return err
		}
		batch := make([]item, 0, len(records))
		for _, r := range records {
			it, err := p.mapping.item(r, known[r.ID])
			if err != nil {
				return err
			}
			batch = append(batch, it)
		}
		p.total += len(batch)
		if err := p.send(ctx, batch, 0); err != nil {
			return err
		}
	}
	return nil
}

// send delivers a batch, MaxBatch at most, and marks what became of it together with the source's new place.
func (p *pusher) send(ctx context.Context, batch []item, place int64) error {
	if len(batch) == 0 {
		return p.Store.Mark(context.WithoutCancel(ctx), p.mapping.source, place, nil)
	}
	err := p.post(ctx, batch)
	if err == nil {
		return p.mark(ctx, batch, nil, place)
	}
	if !errors.Is(err, plecto.ErrRefused) {
		return err
	}
	return p.isolate(ctx, batch, err, place)
}

// post makes one request after another for the same rows until there is an answer to them.
func (p *pusher) post(ctx context.Context, batch []item) error {
	rows := make([]plecto.Registration, 0, len(batch))
	for _, it := range batch {
		rows = append(rows, it.row)
	}
	budget := p.Limits.registrations()
	err := p.ask(ctx, budget, &p.patience, p.progress, func(ctx context.Context, _ ticket) error {
		p.tally.Requests++
		return p.Plecto.Register(ctx, rows)
	})
	if p.allowed > 0 {
		p.allowed--
	}
	return err
}

// mark records what became of rows: accepted, but for those with a reason.
func (p *pusher) mark(ctx context.Context, rows []item, reasons map[string]string, place int64) error {
	marks := make([]store.Registration, 0, len(rows))
	for _, it := range rows {
		m := store.Registration{Record: it.record.ID, Hash: it.hash}
		if reason := reasons[it.record.ID]; reason != "" {
			m.Rejection, m.Rejected = reason, it.hash
		} else {
			p.tally.Sent++
		}
		marks = append(marks, m)
	}
	err := p.Store.Mark(context.WithoutCancel(ctx), p.mapping.source, place, marks)
	p.report(p.progress())
	return err
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
