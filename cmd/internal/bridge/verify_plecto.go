package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An againstPlecto compares the cache with Plecto for a source: first the rows that Plecto lists, then the records that
// are not among them.
type againstPlecto struct {
	comparer
	source  store.Source
	mapping *mapping
	dixa    *againstDixa // that counts the same days; nil where there is none
	place   listPlace
	pages   int      // of a list of all that Plecto has accepted, about
	whole   bool     // the list is known to hold every row
	looking bool     // rows that are in doubt are asked for one by one
	wrong   []string // records that Plecto has otherwise, or has not
}

// What is noted of ids beside the reasons that are told.
const (
	whyAbsent  = "absent" // it was asked for, and is not there
	whyOutside = "outside"
	whyLacks   = "lacks " // it does not show these titles, a line each, of which nobody has shown one before
)

func (p *againstPlecto) prepare(ctx context.Context) (Price, error) {
	var err error
	if p.mapping, err = p.Bridge.mapping(ctx, p.source); err != nil {
		return Price{}, err
	}
	if err := p.begin(ctx, "source "+p.source.UUID+" "+p.mapping.digest); err != nil {
		return Price{}, err
	}
	if p.place = (listPlace{Page: 1}); p.state.Place != "" {
		if err := json.Unmarshal([]byte(p.state.Place), &p.place); err != nil {
			return Price{}, err
		}
	}
	accepted, _, err := p.Store.CountRegistrations(ctx, p.source)
	if err != nil {
		return Price{}, err
	}
	p.pages = accepted/plecto.MaxBatch + 1
	listed := accepted
	if !p.place.Again {
		if listed, err = p.Store.CountBetween(ctx, p.kind, p.Span); err != nil {
			return Price{}, err
		}
	}
	requests := 0
	if p.state.SeenAt.IsZero() {
		requests = max(listed/plecto.MaxBatch+2-p.place.Page, 1)
	}
	return p.price(ctx, p.Limits.registrations(), requests, ""), nil
}

// run reads what Plecto has. What the bounds of its list refer to is not documented, and a list may shift while it is
// read: accepted rows that are not in it are asked for one by one as long as that takes less than a list, and else the
// list is read again, once and without bounds. What neither list has is not there.
func (p *againstPlecto) run(ctx context.Context) error {
	target := p.pusher(PushOptions{}, p.source)
	if target.moved() {
		if _, _, err := target.look(ctx); err != nil {
			return err
		}
	}
	var doubtful int
	for {
		err := p.list(ctx)
		if errors.Is(err, plecto.ErrRefused) || errors.Is(err, plecto.ErrNotFound) {
			return target.gone(ctx, err)
		}
		if err == nil {
			doubtful, err = p.doubtful(ctx)
		}
		if err != nil {
			return err
		}
		if doubtful <= p.pages || p.whole || p.place.Again {
			break
		}
		p.place = listPlace{Page: 1, Again: true, Named: p.place.Named, Shown: p.place.Shown}
		p.state.SeenAt = time.Time{}
		p.more(ctx, p.pages, fmt.Sprintf("%d registrations are not in Plecto's list, which is read once more, without bounds", doubtful))
	}
	if p.looking = doubtful <= p.pages; p.looking && doubtful > 0 {
		p.more(ctx, doubtful, fmt.Sprintf("%d registrations are not in Plecto's list, and are asked for one by one", doubtful))
	}
	return p.tell(ctx)
}

// more says that it takes more requests than were told of.
func (p *againstPlecto) more(ctx context.Context, requests int, why string) {
	if price := p.price(ctx, p.Limits.registrations(), requests, why); p.Price != nil {
		p.Price([]Price{price})
	}
}

// cached returns the span of the records whose registrations may lie in the span of the comparison.
func (p *againstPlecto) cached() store.Span {
	if p.source.DateField != "" {
		return store.Span{} // the date is another than that of creation
	}
	return p.Span
}

// doubtful counts the accepted registrations that may be in Plecto though they are not in its list.
func (p *againstPlecto) doubtful(ctx context.Context) (n int, err error) {
	err = p.eachPage(ctx, p.cached(), func(page []store.Record) error {
		seen, err := p.Store.Seen(ctx, p.state, idsOf(page))
		if err != nil {
			return err
		}
		known, err := p.known(ctx, slices.DeleteFunc(page, func(r store.Record) bool { _, there := seen[r.ID]; return there }))
		for _, k := range known {
			if k.state == stateUnchanged && p.within(k.row.Date) && (k.sent || !p.whole) {
				n++
			}
		}
		return err
	})
	return n, err
}

// A knownItem is what the cache has to hold against Plecto's row.
type knownItem struct {
	item
	sent bool // accepted since the verification began
}

func (p *againstPlecto) known(ctx context.Context, records []store.Record) ([]knownItem, error) {
	sent, err := p.Store.SentSince(ctx, p.state, p.source, idsOf(records))
	if err != nil {
		return nil, err
	}
	items, err := p.itemsOf(ctx, p.mapping, records)
	known := make([]knownItem, len(items))
	for i, it := range items {
		known[i] = knownItem{it, sent[it.record.ID]}
	}
	return known, err
}

// tell says in what the records of the cache and the rows that were seen differ.
func (p *againstPlecto) tell(ctx context.Context) error {
	told := map[string]bool{}
	err := p.eachPage(ctx, p.cached(), func(page []store.Record) error {
		seen, err := p.Store.Seen(ctx, p.state, idsOf(page))
		if err != nil {
			return err
		}
		known, err := p.known(ctx, page)
		if err != nil {
			return err
		}
		var sent []store.Seen
		for _, k := range known {
			if !p.within(k.row.Date) {
				continue
			}
			p.day(k.row.Date).Cache++
			one, there := seen[k.record.ID]
			before := p.why(one)
			if one, err = p.judge(ctx, k, one, there); err != nil {
				return err
			}
			if before != "" || one.Why != "" {
				told[one.ID] = true
			}
			if k.sent && one.Why == "" {
				sent = append(sent, one)
			}
		}
		return p.Store.Note(context.WithoutCancel(ctx), p.state, sent)
	})
	if err != nil {
		return err
	}
	var rest []store.Seen // that Plecto alone has in the span
	err = p.Store.EachSeen(ctx, p.state, func(one store.Seen) error {
		one.Why = p.why(one)
		switch {
		case one.Why == whyAbsent || one.Why == whyOutside || !p.within(one.Date):
		case one.Why != "" && !told[one.ID]:
			rest = append(rest, one)
		default:
			p.day(one.Date).Plecto++
		}
		return nil
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(rest, pageRecords) {
		if err := p.tellRest(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// tellRest says in what rows differ whose records, if there are any, have a date outside the span.
func (p *againstPlecto) tellRest(ctx context.Context, rows []store.Seen) error {
	ids := make([]string, len(rows))
	for i, one := range rows {
		ids[i] = one.ID
	}
	records, err := p.Store.RecordsByID(ctx, p.kind, ids)
	if err != nil {
		return err
	}
	known, err := p.known(ctx, records)
	if err != nil {
		return err
	}
	for _, one := range rows {
		i := slices.IndexFunc(known, func(k knownItem) bool { return k.record.ID == one.ID })
		if i < 0 {
			p.differ(one.ID, WhyUnknown)
		} else if one, err = p.judge(ctx, known[i], one, true); err != nil {
			return err
		}
		if one.Why != whyAbsent && p.within(one.Date) {
			p.day(one.Date).Plecto++
		}
	}
	return nil
}

// judge tells of a registration what is to be told, and returns what holds of its row. What was accepted since the
// verification began is taken to be as it was sent, unless something speaks against it: then a fresh look decides.
func (p *againstPlecto) judge(ctx context.Context, k knownItem, one store.Seen, listed bool) (store.Seen, error) {
	if !listed {
		one = store.Seen{ID: k.record.ID, Date: k.row.Date, Why: whyAbsent}
	}
	one.Why = p.why(one)
	wrong := one.Why == WhyEdited || one.Why == whyAbsent
	switch {
	case k.state != stateUnchanged:
		one.Why = k.state.why()
	case wrong && (listed && k.sent || !listed && p.looking && (k.sent || !p.whole)):
		var err error
		if one, err = p.look(ctx, k.record.ID); err != nil {
			return one, err
		}
	case k.sent:
		one = store.Seen{ID: k.record.ID, Date: k.row.Date}
	case !wrong:
		one.Why = ""
	}
	switch one.Why {
	case "":
	case whyAbsent:
		p.differ(one.ID, WhyDeleted)
		p.wrong = append(p.wrong, one.ID)
	case WhyEdited:
		p.differ(one.ID, WhyEdited)
		p.wrong = append(p.wrong, one.ID)
	default:
		p.differ(one.ID, one.Why)
	}
	return one, nil
}

// why returns what is told of registrations in a state.
func (s state) why() string {
	switch {
	case s.pending():
		return WhyPending
	case s == stateRejected:
		return WhyRejected
	}
	return ""
}

// counted returns the days, those of Dixa with them where it was asked for them.
func (p *againstPlecto) counted() []Day {
	all := p.inOrder()
	for i, day := range all {
		if p.dixa == nil || !p.dixa.asked(day) {
			all[i].Dixa = -1
		}
	}
	return all
}
