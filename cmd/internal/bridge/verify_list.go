package bridge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/dixa2plecto/dixa2plecto/plecto"
	"github.com/dixa2plecto/dixa2plecto/store"
)

var errUnnamed = errors.New("the rows that Plecto shows have no external id, so that nothing can be compared")

// zonesApart is the most that a time zone differs from UTC: in which one Plecto reads a time without an offset is not
// documented.
const zonesApart = 14 * time.Hour

// A listPlace is how far Plecto's list has been read.
type listPlace struct {
	Page  int    `json:"page"`  // the next one
	Count int    `json:"count"` // of all rows, as every page told alike; -1 where they did not
	First string `json:"first"` // that of the page before
	// Again says that the list is read the second time, without bounds.
	Again bool `json:"again"`
	// Named says that some row showed its external id, and Shown which titles of the source's fields some row showed.
	Named bool     `json:"named"`
	Shown []string `json:"shown"`
}

// list reads the rows of the source that Plecto lists, on from where it stopped.
func (p *againstPlecto) list(ctx context.Context) error {
	inOneGo := p.place.Page == 1
	for p.state.SeenAt.IsZero() {
		page, err := p.page(ctx, p.query())
		if err != nil {
			return err
		}
		if err := p.learn(page.Rows); err != nil {
			return err
		}
		var seen []store.Seen
		for rows := range slices.Chunk(page.Rows, plecto.MaxBatch) {
			some, err := p.compare(ctx, rows)
			if err != nil {
				return err
			}
			seen = append(seen, some...)
		}
		if p.place.Page == 1 {
			p.place.Count = page.Count
		} else if p.place.Count != page.Count {
			p.place.Count = -1
		}
		first := firstID(page.Rows)
		// A server that knows no pages, and counts no rows then, sends the first one again.
		if !page.More || len(page.Rows) == 0 || page.Count < 0 && first != "" && first == p.place.First {
			p.state.SeenAt = time.Now()
		}
		p.place.Page, p.place.First = p.place.Page+1, first
		if err := p.note(ctx, seen); err != nil {
			return err
		}
		p.report(p.progress())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	n, err := p.Store.CountSeen(ctx, p.state)
	p.whole = inOneGo && n == p.place.Count && (p.place.Again || p.Span == (store.Span{}))
	return err
}

// firstID returns the first external id of some rows, or else the first row's own.
func firstID(rows []plecto.Row) string {
	for _, row := range rows {
		if row.ExternalID != "" {
			return row.ExternalID
		}
	}
	if len(rows) == 0 {
		return ""
	}
	return rows[0].UUID
}

// query asks for the next page, of somewhat more than the span: its bounds are times without an offset.
func (p *againstPlecto) query() plecto.Query {
	query := plecto.Query{DataSource: p.source.UUID, Page: p.place.Page}
	if !p.Span.From.IsZero() && !p.place.Again {
		query.From = p.Span.From.Add(-zonesApart)
	}
	if !p.Span.To.IsZero() && !p.place.Again {
		query.To = p.Span.To.Add(zonesApart)
	}
	return query
}

func (p *againstPlecto) page(ctx context.Context, query plecto.Query) (page plecto.Page, err error) {
	err = p.ask(ctx, p.Limits.registrations(), &p.patience, p.progress, func(ctx context.Context, _ ticket) (err error) {
		p.requests++
		page, err = p.Plecto.Registrations(ctx, query)
		return err
	})
	return page, err
}

// note keeps what was seen, and how far the list has been read.
func (p *againstPlecto) note(ctx context.Context, seen []store.Seen) error {
	place, err := json.Marshal(p.place)
	if err != nil {
		return err
	}
	p.state.Place = string(place)
	return p.Store.Note(context.WithoutCancel(ctx), p.state, seen)
}

// learn takes from the rows of a page what Plecto shows of rows. What it never shows is no difference.
func (p *againstPlecto) learn(rows []plecto.Row) error {
	for _, row := range rows {
		p.place.Named = p.place.Named || row.ExternalID != ""
		for _, f := range p.mapping.fields {
			if _, ok := row.Values[f.Title]; ok && !slices.Contains(p.place.Shown, f.Title) {
				p.place.Shown = append(p.place.Shown, f.Title)
			}
		}
	}
	if len(rows) > 0 && !p.place.Named {
		return errUnnamed
	}
	return nil
}

// compare holds some rows against the cache.
func (p *againstPlecto) compare(ctx context.Context, rows []plecto.Row) ([]store.Seen, error) {
	ids := make([]string, 0, len(rows))
	for _, row := range rows {
		ids = append(ids, row.ExternalID)
	}
	records, err := p.Store.RecordsByID(ctx, p.kind, ids)
	if err != nil {
		return nil, err
	}
	items, err := p.itemsOf(ctx, p.mapping, records)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]item, len(items))
	for _, it := range items {
		byID[it.record.ID] = it
	}
	var seen []store.Seen
	for _, row := range rows {
		id := cmp.Or(row.ExternalID, row.UUID)
		if id == "" || row.DataSource != "" && row.DataSource != p.source.UUID {
			continue
		}
		date, _ := moment(row.Date)
		it, known := byID[row.ExternalID]
		switch {
		case known && (p.within(it.row.Date) || p.within(date)):
			seen = append(seen, p.hold(it, row))
		case !known && row.ExternalID != "" && p.within(date):
			seen = append(seen, store.Seen{ID: id, Date: date, Why: WhyUnknown})
		default: // it counts for the length of the list alone
			seen = append(seen, store.Seen{ID: id, Date: date, Why: whyOutside})
		}
	}
	return seen, nil
}

// look asks Plecto for one row and notes what it is; where another was sent meanwhile, it looks again.
func (p *againstPlecto) look(ctx context.Context, id string) (one store.Seen, err error) {
	for {
		before, err := p.item(ctx, id)
		if err != nil {
			return one, err
		}
		page, err := p.page(ctx, plecto.Query{DataSource: p.source.UUID, ExternalID: id})
		if err != nil && !errors.Is(err, plecto.ErrNotFound) {
			return one, err
		}
		now, err := p.item(ctx, id)
		if err != nil {
			return one, err
		}
		if now.hash != before.hash || now.state != before.state {
			continue
		}
		one = store.Seen{ID: id, Date: now.row.Date, Why: cmp.Or(now.state.why(), whyAbsent)}
		for _, row := range page.Rows {
			switch {
			case row.ExternalID == id || row.ExternalID == "" && len(page.Rows) == 1:
				one = p.hold(now, row)
				one.Why = p.why(one)
			case row.ExternalID == "" && !p.place.Named:
				return one, errUnnamed
			}
		}
		return one, p.Store.Note(context.WithoutCancel(ctx), p.state, []store.Seen{one})
	}
}

// item maps a record as it is now.
func (p *againstPlecto) item(ctx context.Context, id string) (item, error) {
	records, err := p.Store.RecordsByID(ctx, p.kind, []string{id})
	if err != nil {
		return item{}, err
	}
	items, err := p.itemsOf(ctx, p.mapping, records)
	if err != nil || len(items) == 0 {
		return item{}, err
	}
	return items[0], nil
}

// hold compares a row of Plecto's with the registration that it should be.
func (p *againstPlecto) hold(it item, row plecto.Row) store.Seen {
	date, ok := moment(row.Date)
	if !ok {
		date = it.row.Date
	}
	one := store.Seen{ID: it.record.ID, Date: date}
	if sameMoment(it.row.Date, row.Date) {
		one.Date = it.row.Date // as the cache has it, also where Plecto shows it without an offset
	}
	same, lacks := same(it.row, row)
	switch {
	case it.state != stateUnchanged:
		one.Why = it.state.why()
	case !same:
		one.Why = WhyEdited
	case len(lacks) > 0:
		one.Why = whyLacks + strings.Join(lacks, "\n")
	}
	return one
}

// why returns why a row that was seen differs, as far as is known by now: one that lacks what others show was changed.
func (p *againstPlecto) why(one store.Seen) string {
	lacks, ok := strings.CutPrefix(one.Why, whyLacks)
	if !ok {
		return one.Why
	}
	for title := range strings.SplitSeq(lacks, "\n") {
		if slices.Contains(p.place.Shown, title) {
			return WhyEdited
		}
	}
	return ""
}
