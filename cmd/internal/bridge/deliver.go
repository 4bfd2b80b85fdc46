package bridge

import (
	"context"
	"errors"
	"slices"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

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
