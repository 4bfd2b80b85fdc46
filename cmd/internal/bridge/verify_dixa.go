package bridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// An againstDixa compares the cache with Dixa for a kind.
type againstDixa struct {
	comparer
	// beside counts the same days for a source; nil where there is none.
	beside *againstPlecto
	// revision is the cache's at the start: what it has fetched since is not held against what Dixa had before.
	revision int64
}

// againstDixa returns a kind's comparison with Dixa, beside that of its first source whose days are those of creation, as
// Dixa's are.
func (b *Bridge) againstDixa(o VerifyOptions, kind string, withPlecto []*againstPlecto) *againstDixa {
	d := &againstDixa{comparer: b.comparer(o, "Dixa "+kind, kind)}
	for _, p := range withPlecto {
		if p.kind == kind && p.source.DateField == "" {
			d.beside, p.dixa = p, d
			d.name, d.days = p.name, p.days
			break
		}
	}
	return d
}

// activitiesPage is how many activities come on a page, as far as Dixa follows what it is asked for.
const activitiesPage = 1000

func (d *againstDixa) prepare(ctx context.Context) (Price, error) {
	newest, _, err := d.Store.Newest(ctx, d.kind)
	if err != nil {
		return Price{}, err
	}
	d.revision = newest.Revision
	if err := d.begin(ctx, fmt.Sprintf("kind %s up to revision %d", d.kind, d.revision)); err != nil {
		return Price{}, err
	}
	if err := d.bound(ctx); err != nil {
		return Price{}, err
	}
	left, err := d.windows()
	if err != nil {
		return Price{}, err
	}
	requests := len(left)
	if d.kind == string(dixa.Activities) && requests > 0 {
		n, err := d.Store.CountBetween(ctx, d.kind, d.Span)
		if err != nil {
			return Price{}, err
		}
		requests += n / activitiesPage
	}
	return d.price(ctx, d.Limits.kind(d.kind), requests, ""), nil
}

// bound completes the span, since an export needs both ends: by what the cache covers, else by its oldest record and now.
// It is empty then where there is nothing to go by.
func (d *againstDixa) bound(ctx context.Context) error {
	covered, err := d.Store.Coverage(ctx, d.kind)
	if err != nil {
		return err
	}
	span := d.Span
	if n := len(covered); n > 0 {
		span = store.Span{From: cmp.Or(span.From, covered[0].From), To: cmp.Or(span.To, covered[n-1].To)}
	}
	if d.Span.To.IsZero() && !span.From.Before(span.To) {
		span.To = time.Now()
	}
	if d.Span.From.IsZero() && (span.From.IsZero() || !span.From.Before(span.To)) {
		oldest, err := d.Store.RecordsBetween(ctx, d.kind, store.Span{}, store.Record{}, 1)
		if err != nil {
			return err
		}
		span.From = span.To
		for _, r := range oldest {
			span.From = time.UnixMilli(r.CreatedAt)
		}
	}
	if d.Span = span; !span.From.Before(span.To) {
		d.Span = store.Span{}
	}
	return nil
}

// windows returns those that have not been asked for yet.
func (d *againstDixa) windows() ([]dixa.Window, error) {
	all := dixa.Windows(d.Span.From, d.Span.To)
	if d.state.Place == "" {
		return all, nil
	}
	done, err := time.Parse(time.RFC3339Nano, d.state.Place)
	return slices.DeleteFunc(all, func(w dixa.Window) bool { return !w.To.After(done) }), err
}

// run asks Dixa for the windows of the span again, and holds them against the cache. What changed since the last sync
// is a difference too.
func (d *againstDixa) run(ctx context.Context) error {
	if d.Span == (store.Span{}) {
		d.Log.Warn("there is nothing to ask Dixa for", "kind", d.kind)
		return nil
	}
	known, err := d.Store.Erased(ctx)
	if err != nil {
		return err
	}
	erased := &erasedSet{known: known}
	left, err := d.windows()
	if err != nil {
		return err
	}
	for _, w := range left {
		if err := d.window(ctx, w, erased); err != nil {
			return err
		}
		d.state.Place = w.To.Format(time.RFC3339Nano)
		if err := d.Store.Note(context.WithoutCancel(ctx), d.state, nil); err != nil {
			return err
		}
		d.report(d.progress())
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return d.tell(ctx)
}

// tell says in what the records of the cache and those that were seen differ.
func (d *againstDixa) tell(ctx context.Context) error {
	fetched := map[string]bool{} // since, though they differed
	err := d.eachPage(ctx, d.Span, func(page []store.Record) error {
		seen, err := d.Store.Seen(ctx, d.state, idsOf(page))
		if err != nil {
			return err
		}
		for _, r := range page {
			day := d.day(time.UnixMilli(r.CreatedAt))
			if d.beside == nil {
				day.Cache++
			}
			one, there := seen[r.ID]
			switch {
			case r.Revision > d.revision:
				fetched[r.ID] = one.Why != ""
			case !there:
				d.differ(r.ID, WhyVanished)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.Store.EachSeen(ctx, d.state, func(one store.Seen) error {
		d.day(one.Date).Dixa++
		if one.Why != "" && !fetched[one.ID] {
			d.differ(one.ID, one.Why)
		}
		return nil
	})
}

// counted leaves the days to the comparison beside it.
func (d *againstDixa) counted() []Day {
	if d.beside != nil {
		return nil
	}
	all := d.inOrder()
	for i := range all {
		all[i].Plecto = -1
	}
	return all
}

// asked reports whether Dixa was asked for a day, or for a part of it.
func (d *againstDixa) asked(day Day) bool {
	from, err := time.ParseInLocation(time.DateOnly, day.Day, d.Zone)
	return err == nil && from.Before(d.Span.To) && from.AddDate(0, 0, 1).After(d.Span.From)
}

// window asks for one window until it has been read whole.
func (d *againstDixa) window(ctx context.Context, w dixa.Window, erased *erasedSet) error {
	return d.ask(ctx, d.Limits.kind(d.kind), &d.patience, d.progress, func(ctx context.Context, _ ticket) error {
		d.requests++
		var page []dixa.Record
		for r, err := range d.records(ctx, dixa.Kind(d.kind), dixa.Created, w, &d.patience, d.progress, &d.requests) {
			if err != nil {
				return err
			}
			if at := time.UnixMilli(r.CreatedAt); r.CreatedAt != 0 && (at.Before(w.From) || !at.Before(w.To)) {
				continue // the bounds are asked for somewhat wider
			}
			r.Body = append([]byte(nil), r.Body...)
			if page = append(page, r); len(page) == pageRecords {
				if err := d.see(ctx, w, page, erased); err != nil {
					return err
				}
				page = page[:0]
			}
		}
		return d.see(ctx, w, page, erased)
	})
}

// see notes what Dixa has of some records beside what the cache has.
func (d *againstDixa) see(ctx context.Context, w dixa.Window, page []dixa.Record, erased *erasedSet) error {
	ids := make([]string, 0, len(page))
	for _, r := range page {
		ids = append(ids, r.ID)
	}
	found, err := d.Store.RecordsByID(ctx, d.kind, ids)
	if err != nil {
		return err
	}
	cached := make(map[string]store.Record, len(found))
	for _, r := range found {
		cached[r.ID] = r
	}
	var seen []store.Seen
	for _, r := range page {
		one := store.Seen{ID: r.ID, Date: time.UnixMilli(r.CreatedAt)}
		here, there := cached[r.ID]
		same := there && string(r.Body) == here.Body
		if there && !same && r.Bad == "" && erased.has(r) {
			bare, err := scrub(store.Record{Kind: d.kind, ID: r.ID, Body: string(r.Body)})
			if err != nil {
				return err
			}
			same = bare == here.Body
		}
		switch {
		case r.Bad != "":
			one.Why = WhyAside
			if r.ID == "" {
				continue
			}
			if r.CreatedAt == 0 {
				one.Date = w.From
			}
		case !there:
			one.Why = WhyUnknown
		case !same:
			one.Why = WhyChanged
		}
		seen = append(seen, one)
	}
	return d.Store.Note(context.WithoutCancel(ctx), d.state, seen)
}
