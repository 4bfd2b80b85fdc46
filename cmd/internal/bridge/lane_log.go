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
func (l *logLane) todo(ctx context.Context) ([]store.Stale, time.Time, error) {
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

func (l *logLane) ask(ctx context.Context, t ticket, what []store.Stale) error {
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
func (l *logLane) from(ctx context.Context, t ticket, what []store.Stale) (time.Time, error) {
	from := t.at
	for _, s := range what {
		since := s.ChangedAt
		if since.IsZero() {
			since = s.Since
		}
		from = earliest(from, since)
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

func (l *logLane) judge(ctx context.Context, t ticket, what []store.Stale, saved store.Saved) error {
	there, err := l.messages(ctx, what)
	if err != nil {
		return err
	}
	var done, waiting, gone []store.Stale
	var behind time.Duration
	late := 0
	for _, s := range what {
		age := waited(&s, t.at)
		switch {
		case there[keyOf(s)], s.Item == "" && age > insistFor:
			done = append(done, s)
		case s.Item == "": // what exactly to look for is not known
			s.Push, s.Fetched, s.Wait = !s.Fetched || saved.Changed > 0, true, max(s.Wait, againAfter)
			waiting = append(waiting, s)
		case age > goneAfter:
			gone = append(gone, s)
		default:
			late++
			behind = max(behind, t.at.Sub(s.ChangedAt))
			waiting = append(waiting, s)
		}
	}
	l.tell(len(what), saved.Records, saved.Changed, late, behind)
	return errors.Join(l.settle(ctx, done), l.putOff(ctx, waiting), l.letGo(ctx, gone))
}
