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

// sendOf delivers what is wanted of some conversations, wherever the source stands in the change log.
func (p *pusher) sendOf(ctx context.Context, csids []int64, wanted func(item) bool) error {
	var batch []item
	for chunk := range slices.Chunk(csids, pageThreads) {
		found, err := p.items(ctx, p.mapping, chunk, nil)
		if err != nil {
			return err
		}
		for _, csid := range chunk {
			for _, it := range found.ofThread[csid] {
				if wanted(it) {
					batch = append(batch, it)
				}
			}
		}
		for len(batch) >= plecto.MaxBatch {
			if err := p.send(ctx, batch[:plecto.MaxBatch], 0); err != nil {
				return err
			}
			batch = batch[plecto.MaxBatch:]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return p.send(ctx, batch, 0)
}

// send delivers a batch, MaxBatch at most, and marks what became of it together with the source's new place.
func (p *pusher) send(ctx context.Context, batch []item, place int64) error {
	if len(batch) == 0 {
		return p.settle(ctx, place, nil)
	}
	if empty := p.mapping.empty(); len(empty) > 0 && !p.hinted {
		p.hinted = true
		p.Log.Warn("fields stay empty: messages are not in the cache; import them with --kind messages, or add a source for them",
			"source", p.tally.Source.Name, "fields", empty)
	}
	if err := p.introduce(ctx, batch); err != nil {
		return err
	}
	posted, err := p.deliver(ctx, batch, place)
	if !errors.Is(err, plecto.ErrRefused) {
		return err
	}
	return p.isolate(ctx, posted, err, place)
}

// deliver makes one request after another for the same records until there is an answer, and marks what is accepted
// together with the source's new place. Reading a row, posting it and marking it is one step that only one process takes
// at a time: what has changed since the rows were read, in the cache or in Plecto, is read again. It returns what was
// posted in the end.
func (p *pusher) deliver(ctx context.Context, batch []item, place int64) ([]item, error) {
	err := p.ask(ctx, p.Limits.registrations(), &p.patience, p.progress, func(ctx context.Context, t ticket) error {
		done, err := p.Store.Turn(ctx)
		if err != nil {
			return err
		}
		defer done()
		if batch, err = p.fresh(ctx, batch); err != nil {
			return err
		}
		if len(batch) == 0 { // another process was quicker
			return errors.Join(p.settle(ctx, place, nil), p.Store.Refund(context.WithoutCancel(ctx), t.request))
		}
		rows := make([]plecto.Registration, len(batch))
		for i, it := range batch {
			rows[i] = it.row
		}
		p.tally.Requests++
		if err := p.Plecto.Register(ctx, rows); err != nil {
			return err
		}
		return p.mark(ctx, batch, place)
	})
	if p.allowed > 0 {
		p.allowed--
	}
	return batch, err
}

// fresh returns the items as they are now: without those that another process has delivered meanwhile.
func (p *pusher) fresh(ctx context.Context, batch []item) ([]item, error) {
	now, err := p.version(ctx, p.mapping)
	if err != nil || !slices.ContainsFunc(batch, func(it item) bool { return it.version != now }) {
		return batch, err
	}
	ids, rejected := make([]string, len(batch)), make(map[string]bool)
	for i, it := range batch {
		ids[i], rejected[it.record.ID] = it.record.ID, it.state == stateRejected
	}
	records, err := p.Store.RecordsByID(ctx, p.mapping.source.Kind, ids)
	if err != nil {
		return nil, err
	}
	items, err := p.itemsOf(ctx, p.mapping, records)
	return slices.DeleteFunc(items, func(it item) bool {
		return !it.state.pending() && !(it.state == stateRejected && rejected[it.record.ID])
	}), err
}

// mark records that rows were accepted.
func (p *pusher) mark(ctx context.Context, rows []item, place int64) error {
	marks := make([]store.Registration, 0, len(rows))
	for _, it := range rows {
		marks = append(marks, store.Registration{Record: it.record.ID, Hash: it.hash, Row: string(it.sent)})
	}
	p.tally.Sent += len(rows)
	err := p.settle(ctx, place, marks)
	p.report(p.progress())
	return err
}

// reject records rows that Plecto refused alone, with the reasons, unless another process has delivered others for the same
// records since.
func (p *pusher) reject(ctx context.Context, refused []item, reasons map[string]string, place int64) error {
	done, err := p.Store.Turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	now, err := p.fresh(ctx, refused)
	if err != nil {
		return err
	}
	var marks []store.Registration
	for _, it := range refused {
		if slices.ContainsFunc(now, func(n item) bool { return n.record.ID == it.record.ID && n.hash == it.hash }) {
			marks = append(marks, store.Registration{Record: it.record.ID, Rejection: reasons[it.record.ID], Rejected: it.hash})
			p.tally.Rejected++
		}
	}
	err = p.settle(ctx, place, marks)
	p.report(p.progress())
	return err
}

func (p *pusher) settle(ctx context.Context, place int64, marks []store.Registration) error {
	p.mapping.marks++
	return p.Store.Mark(context.WithoutCancel(ctx), p.mapping.source, place, marks)
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
