package bridge

import (
	"context"
	"iter"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An item is a record with the registration that it becomes, beside what Plecto last said of it.
type item struct {
	record store.Record
	row    plecto.Registration
	hash   uint64
	state  state
	// rejectedBefore says that Plecto has refused some registration of this record.
	rejectedBefore bool
}

// state is what a registration is to Plecto.
type state int

const (
	stateNew       state = iota // never accepted
	stateChanged                // accepted once, and different now
	stateUnchanged              // the one accepted
	stateRejected               // the one refused
)

// pending says that the registration is to be sent.
func (s state) pending() bool { return s == stateNew || s == stateChanged }

func (m *mapping) item(r store.Record, known store.Registration) (item, error) {
	row, err := m.registration(r)
	if err != nil {
		return item{}, err
	}
	it := item{record: r, row: row, hash: hashOf(row), rejectedBefore: known.Rejection != ""}
	switch {
	case known.Rejection != "" && known.Rejected == it.hash:
		it.state = stateRejected
	case known.Rejection == "" && known.Hash == it.hash:
		it.state = stateUnchanged
	case known.Hash != 0:
		it.state = stateChanged
	}
	return it, nil
}

// pageRecords is how many records are read from the cache at a time.
const pageRecords = 500

// walk reads the change log of a mapping's source from its place to the end.
func (b *Bridge) walk(ctx context.Context, m *mapping) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		for place := m.source.Place; ; {
			records, err := b.Store.Records(ctx, m.source.Kind, place, pageRecords)
			if err != nil {
				yield(item{}, err)
				return
			}
			if len(records) == 0 {
				return
			}
			place = records[len(records)-1].Revision
			ids := make([]string, 0, len(records))
			for _, r := range records {
				ids = append(ids, r.ID)
			}
			known, err := b.Store.Registrations(ctx, m.source, ids)
			if err != nil {
				yield(item{}, err)
				return
			}
			for _, r := range records {
				it, err := m.item(r, known[r.ID])
				if !yield(it, err) || err != nil {
					return
				}
			}
		}
	}
}

// countPending counts what a push would send of a source now, and sends nothing.
func (b *Bridge) countPending(ctx context.Context, src store.Source) (int, error) {
	m, err := b.mapping(ctx, src)
	if err != nil {
		return 0, err
	}
	if src.Mapping != m.digest {
		m.source.Place = 0
	}
	pending := 0
	for it, err := range b.walk(ctx, m) {
		if err != nil {
			return 0, err
		}
		if it.state.pending() {
			pending++
		}
	}
	return pending, nil
}
