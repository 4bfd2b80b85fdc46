package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// liveOverlap is how far a lane steps back from where it last stood. What shows up later still, a refresh brings.
const liveOverlap = 2 * time.Minute

// logLane fetches messages or activities, which can be asked for by the time of their creation only: all from the oldest
// event that waits to now.
func (l *Live) logLane(kind dixa.Kind) *lane {
	n := newLane(l, string(kind), l.Limits.kind(string(kind)))
	if kind == dixa.Activities { // they are pushed with the conversations that they belong to: more often only takes requests
		n.gap = gapOf(l.Limits.kind(string(dixa.Conversations)))
	}
	c := &logLane{lane: n}
	n.due, n.do = c.todo, c.ask
	return n
}

type logLane struct{ *lane }

// todo leaves out messages that the cache has.
func (l *logLane) todo(ctx context.Context) (todo, time.Time, error) {
	return l.sift(ctx, func(ctx context.Context, all []store.Stale) (map[staleKey]bool, error) {
		if l.part != string(dixa.Messages) {
			return nil, nil
		}
		return l.messages(ctx, all)
	})
}

// messages tells which messages the cache has.
func (l *logLane) messages(ctx context.Context, all []store.Stale) (map[staleKey]bool, error) {
	var ids []string
	for _, s := range all {
		if s.Item != "" {
			ids = append(ids, s.Item)
		}
	}
	ages, err := l.Store.Ages(ctx, l.part, ids)
	there := make(map[staleKey]bool)
	for _, s := range all {
		if _, ok := ages[s.Item]; ok {
			there[keyOf(s)] = true
		}
	}
	return there, err
}

func (l *logLane) ask(ctx context.Context, t ticket, what todo) error {
	from, err := l.from(ctx, t, what)
	if err != nil {
		return err
	}
	w := store.Window{Run: l.covering, Kind: l.part, By: string(dixa.Created), Starts: from, Ends: t.at}
	f := l.fetcher(l.part)
	f.left = []store.Window{w}
	saved, err := l.fetch(ctx, w, t, f, f.exported(w))
	if err != nil {
		return err
	}
	if err := l.Store.Cover(context.WithoutCancel(ctx), l.covering, l.part, store.Span{From: from, To: t.at}); err != nil {
		return err
	}
	return l.judge(ctx, t, what, saved)
}

// from returns where to ask from: the oldest that waits or, where it is not long before that, the end of what is covered,
// so that no gap is left between the two. What is older than a day, only a refresh asks for.
func (l *logLane) from(ctx context.Context, t ticket, what todo) (time.Time, error) {
	from := t.at
	for _, s := range what.stale {
		since := s.ChangedAt
		if since.IsZero() {
			since = s.Since
		}
		from = earliest(from, since)
	}
	for _, csid := range what.again {
		if a := l.again[csid]; !a.changedAt.IsZero() {
			from = earliest(from, a.changedAt)
		}
	}
	from = latest(from, t.at.Add(-goneAfter))
	until, ok, err := l.Store.Synced(ctx, l.part)
	if ok && until.Before(from) && from.Sub(until) < overlap {
		from = until
	}
	return from.Add(-liveOverlap), err
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (l *logLane) judge(ctx context.Context, t ticket, what todo, saved store.Saved) error {
	there, err := l.messages(ctx, what.stale)
	if err != nil {
		return err
	}
	var done, waiting, gone, push []store.Stale
	for _, csid := range what.again {
		l.cameAgain(csid, time.Time{}, t.at)
		push = append(push, store.Stale{CSID: csid, Since: t.at})
	}
	var behind time.Duration
	for _, s := range what.stale {
		later, over := late(s, t.at)
		switch {
		case there[keyOf(s)]:
			done = append(done, s)
		case s.Item == "": // what exactly to look for is not known
			done = append(done, s)
			l.askAgain(s, t.at, againAfter, insistFor)
		case over:
			gone = append(gone, s)
		default:
			behind = max(behind, t.at.Sub(s.ChangedAt))
			waiting = append(waiting, later)
		}
	}
	if saved.Changed == 0 {
		push = nil
	}
	l.tell(len(what.stale), saved.Records, saved.Changed, len(waiting), behind)
	ctx = context.WithoutCancel(ctx)
	return errors.Join(l.settle(ctx, done), l.Store.Later(ctx, waiting), l.letGo(ctx, gone), l.push(ctx, push))
}
