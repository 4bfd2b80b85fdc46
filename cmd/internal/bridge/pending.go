package bridge

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An item is a record with the registration that it becomes, beside what Plecto last said of it.
type item struct {
	record  store.Record
	row     plecto.Registration
	sent    []byte // row, as it is sent
	hash    uint64
	state   state
	version store.Version // what the item was made of
	// acceptedBefore and rejectedBefore say that Plecto has accepted some registration of this record, and that it refused
	// the last one.
	acceptedBefore, rejectedBefore bool
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

func (m *mapping) item(t *thread, r threadRecord, known store.Registration) item {
	row := m.registration(m.subject(t, r))
	it := item{record: r.Record, row: row, sent: row.AppendJSON(nil), acceptedBefore: known.Hash != 0, rejectedBefore: known.Rejection != ""}
	it.hash = hashOf(it.sent)
	switch {
	case known.Rejection != "" && known.Rejected == it.hash:
		it.state = stateRejected
	case known.Rejection == "" && known.Hash == it.hash:
		it.state = stateUnchanged
	case known.Hash != 0:
		it.state = stateChanged
	}
	return it
}

const (
	// pageChanges is how many entries of each kind are read from the change log at a time.
	pageChanges = 500
	// pageThreads is how many conversations are in memory at a time.
	pageThreads = 50
)

// influences returns the kinds that a kind's registrations are made of.
func influences(kind string) []string {
	switch kind {
	case string(dixa.Messages), string(dixa.Activities):
		return []string{kind, string(dixa.Conversations)}
	}
	return Kinds()
}

// A step is a stretch of the change log: the items of one conversation that changed.
type step struct {
	items []item
	// place is the revision up to which everything is settled when the items are.
	place int64
}

// walk reads the change log of a mapping's source from its place to the end, conversation by conversation: a change of
// one record may change the registrations of all that belong to its conversation.
func (b *Bridge) walk(ctx context.Context, m *mapping) iter.Seq2[step, error] {
	kinds := influences(m.source.Kind)
	return func(yield func(step, error) bool) {
		for place := m.source.Place; ; {
			changes, through, err := b.Store.Changes(ctx, kinds, place, pageChanges)
			if err != nil {
				yield(step{}, err)
				return
			}
			if len(changes) == 0 {
				return
			}
			place = through
			for chunk := range slices.Chunk(lasts(changes), pageThreads) {
				steps, err := b.steps(ctx, m, chunk, through)
				if err != nil {
					yield(step{}, err)
					return
				}
				for _, s := range steps {
					if !yield(s, nil) {
						return
					}
				}
			}
		}
	}
}

// lasts returns of each conversation the last of some changes, in order. What names no conversation stands for itself.
func lasts(changes []store.Change) []store.Change {
	seen := make(map[int64]bool)
	var last []store.Change
	for _, c := range slices.Backward(changes) {
		if c.CSID == 0 || !seen[c.CSID] {
			seen[c.CSID] = true
			last = append(last, c)
		}
	}
	slices.Reverse(last)
	return last
}

// steps makes the items of the conversations that changed. One that changed again after the revision through comes later.
func (b *Bridge) steps(ctx context.Context, m *mapping, changed []store.Change, through int64) ([]step, error) {
	var csids []int64
	var alone []string
	for _, c := range changed {
		if c.CSID != 0 {
			csids = append(csids, c.CSID)
		} else if c.Kind == m.source.Kind {
			alone = append(alone, c.ID)
		}
	}
	last, err := b.Store.LastChanges(ctx, influences(m.source.Kind), csids)
	if err != nil {
		return nil, err
	}
	csids = slices.DeleteFunc(csids, func(csid int64) bool { return last[csid] > through })
	found, err := b.items(ctx, m, csids, alone)
	if err != nil {
		return nil, err
	}
	steps := make([]step, len(changed))
	for i, c := range changed {
		steps[i].place = c.Revision
		if c.CSID != 0 {
			steps[i].items = found.ofThread[c.CSID]
		} else if it, ok := found.alone[c.ID]; ok && c.Kind == m.source.Kind {
			steps[i].items = []item{it}
		}
	}
	return steps, nil
}

type itemsFound struct {
	ofThread map[int64][]item
	alone    map[string]item
}

// items maps all records of a source's kind that belong to some conversations, and some records that name none.
func (b *Bridge) items(ctx context.Context, m *mapping, csids []int64, alone []string) (itemsFound, error) {
	found := itemsFound{map[int64][]item{}, map[string]item{}}
	version, err := b.version(ctx, m) // first: what changes while this reads is read again
	if err != nil {
		return found, err
	}
	if m.ofMessages() { // what is covered grows beside a long push
		if m.covered, err = b.coverage(ctx); err != nil {
			return found, err
		}
	}
	records, err := b.Store.RecordsOf(ctx, influences(m.source.Kind), csids)
	if err != nil {
		return found, err
	}
	var threads []*thread
	for len(records) > 0 {
		n := slices.IndexFunc(records, func(r store.Record) bool { return r.CSID != records[0].CSID })
		if n < 0 {
			n = len(records)
		}
		t, err := newThread(records[:n], m.covered)
		if err != nil {
			return found, err
		}
		threads = append(threads, t)
		records = records[n:]
	}
	if len(alone) > 0 {
		records, err := b.Store.RecordsByID(ctx, m.source.Kind, alone)
		if err != nil {
			return found, err
		}
		for _, r := range records {
			t, err := newThread([]store.Record{r}, m.covered)
			if err != nil {
				return found, err
			}
			threads = append(threads, t)
		}
	}
	var ids []string
	for _, t := range threads {
		for _, r := range t.records {
			if r.Kind == m.source.Kind {
				ids = append(ids, r.ID)
			}
		}
	}
	known, err := b.Store.Registrations(ctx, m.source, ids)
	if err != nil {
		return found, err
	}
	for _, t := range threads {
		for _, r := range t.records {
			if r.Kind != m.source.Kind {
				continue
			}
			it := m.item(t, r, known[r.ID])
			it.version = version
			if r.CSID == 0 {
				found.alone[r.ID] = it
			} else {
				found.ofThread[r.CSID] = append(found.ofThread[r.CSID], it)
			}
		}
	}
	return found, nil
}

// version returns the present version of a mapping's source, what the mapping's own pusher has marked left out.
func (b *Bridge) version(ctx context.Context, m *mapping) (store.Version, error) {
	v, err := b.Store.Version(ctx, m.source)
	v.Marks -= m.marks
	return v, err
}

// itemsOf maps some records of a source's kind, in no order.
func (b *Bridge) itemsOf(ctx context.Context, m *mapping, records []store.Record) ([]item, error) {
	wanted := make(map[string]bool, len(records))
	var csids []int64
	var alone []string
	for _, r := range records {
		wanted[r.ID] = true
		if r.CSID == 0 {
			alone = append(alone, r.ID)
		} else {
			csids = append(csids, r.CSID)
		}
	}
	slices.Sort(csids)
	var all []item
	for chunk := range slices.Chunk(slices.Compact(csids), pageThreads) {
		found, err := b.items(ctx, m, chunk, nil)
		if err != nil {
			return nil, err
		}
		for _, csid := range chunk {
			for _, it := range found.ofThread[csid] {
				if wanted[it.record.ID] {
					all = append(all, it)
				}
			}
		}
	}
	found, err := b.items(ctx, m, nil, alone)
	return slices.AppendSeq(all, maps.Values(found.alone)), err
}

// countPending counts what a push would send of a source now, and sends nothing.
func (b *Bridge) countPending(ctx context.Context, src store.Source) (int, error) {
	m, err := b.planned(ctx, src)
	if err != nil {
		return 0, err
	}
	pending := 0
	for s, err := range b.walk(ctx, m) {
		if err != nil {
			return 0, err
		}
		for _, it := range s.items {
			if it.state.pending() {
				pending++
			}
		}
	}
	return pending, nil
}

// planned returns the mapping that a push would use now. Where it is another than the one that the source's place was
// reached with, the push would begin at the start of the change log.
func (b *Bridge) planned(ctx context.Context, src store.Source) (*mapping, error) {
	m, err := b.mapping(ctx, src)
	if err == nil && src.Mapping != m.digest {
		m.source.Place = 0
	}
	return m, err
}
