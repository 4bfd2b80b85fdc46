package bridge

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/dixa2plecto/dixa2plecto/dixa"
	"github.com/dixa2plecto/dixa2plecto/store"
)

// A recordsFunc asks for records.
type recordsFunc func(context.Context) iter.Seq2[dixa.Record, error]

// mostListed is how many conversations are asked for by their numbers at once: how long the list may be is not
// documented, and an address of some kilobytes passes everywhere.
const mostListed = 400

// conversationLane fetches stale conversations by their numbers.
func (l *Live) conversationLane() *lane {
	n := newLane(l, string(dixa.Conversations), l.Limits.kind(string(dixa.Conversations)))
	c := &conversationLane{lane: n, most: mostListed, apart: map[int64]bool{}}
	n.due, n.do = c.todo, c.ask
	return n
}

type conversationLane struct {
	*lane
	most int // that Dixa is thought to take at once
	// apart are conversations that Dixa refuses to be asked for: a list with one of them would be refused whole.
	apart map[int64]bool
}

// todo leaves out conversations that the cache has clearly newer than the event.
func (l *conversationLane) todo(ctx context.Context) ([]store.Stale, time.Time, error) {
	return l.sift(ctx, func(ctx context.Context, all []store.Stale) (map[staleKey]bool, error) {
		versions, err := l.versions(ctx, all)
		there := make(map[staleKey]bool)
		for _, s := range all {
			v := versions[s.CSID]
			there[keyOf(s)] = !s.ChangedAt.IsZero() && !v.UpdatedAt.Before(s.ChangedAt.Add(nearly))
		}
		return there, err
	})
}

// versions tells how new the cache has conversations.
func (l *conversationLane) versions(ctx context.Context, all []store.Stale) (map[int64]store.Age, error) {
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = strconv.FormatInt(s.CSID, 10)
	}
	ages, err := l.Store.Ages(ctx, l.part, ids)
	versions := make(map[int64]store.Age, len(ages))
	for i, s := range all {
		if age, ok := ages[ids[i]]; ok {
			versions[s.CSID] = age
		}
	}
	return versions, err
}

// ask makes one request for as many conversations as Dixa takes. Where there are more, it asks for all that have changed
// since the oldest event instead.
func (l *conversationLane) ask(ctx context.Context, t ticket, what []store.Stale) error {
	what, err := l.withoutRefused(ctx, t, what)
	if err != nil {
		return err
	}
	w := store.Window{Run: l.covering, Kind: l.part, By: string(dixa.Updated), Ends: t.at}
	export := dixa.Export{Kind: dixa.Conversations}
	// What did not come that way has not changed lately, and is asked for by its number.
	tried := len(what) > 0 && what[0].Wait != 0
	if len(what) > l.most && len(what) > 1 && !tried && t.at.Sub(what[0].Since) < overlap {
		w.Starts = what[0].Since
		for _, s := range what {
			if !s.ChangedAt.IsZero() && s.ChangedAt.Before(w.Starts) && t.at.Sub(s.ChangedAt) < overlap {
				w.Starts = s.ChangedAt
			}
		}
		w.Starts = w.Starts.Add(-time.Minute)
		export.By, export.Window = dixa.Updated, dixa.Window{From: w.Starts, To: w.Ends}
	} else {
		what = what[:min(len(what), l.most)]
		for _, s := range what {
			export.CSIDs = append(export.CSIDs, s.CSID)
		}
		slices.Sort(export.CSIDs)
		export.CSIDs = slices.Compact(export.CSIDs)
	}
	came := make(map[int64]int64)
	saved, err := l.fetch(ctx, w, t, l.fetcher(l.part), func(ctx context.Context) iter.Seq2[dixa.Record, error] {
		return l.seen(l.Dixa.Export(ctx, export), came)
	})
	if tooLong(err) && len(export.CSIDs) > 0 {
		return l.split(ctx, what, err)
	}
	if err != nil {
		return err
	}
	return l.judge(ctx, t, what, came, saved)
}

// withoutRefused puts off conversations that are kept apart, or asks for one of them alone where there is nothing else.
func (l *conversationLane) withoutRefused(ctx context.Context, t ticket, what []store.Stale) ([]store.Stale, error) {
	var fine, apart []store.Stale
	for _, s := range what {
		if l.apart[s.CSID] {
			apart = append(apart, s)
		} else {
			fine = append(fine, s)
		}
	}
	if len(fine) == 0 {
		return apart[:1], nil
	}
	return fine, l.orLetGo(ctx, apart, t.at)
}

// orLetGo puts conversations off, or lets them go.
func (l *conversationLane) orLetGo(ctx context.Context, all []store.Stale, now time.Time) error {
	var waiting, gone []store.Stale
	for _, s := range all {
		if waited(&s, now) > goneAfter {
			gone = append(gone, s)
			delete(l.apart, s.CSID)
		} else {
			waiting = append(waiting, s)
		}
	}
	return errors.Join(l.putOff(ctx, waiting), l.letGo(ctx, gone))
}

// seen passes records on and notes the newest time that each tells.
func (l *conversationLane) seen(records iter.Seq2[dixa.Record, error], came map[int64]int64) iter.Seq2[dixa.Record, error] {
	return func(yield func(dixa.Record, error) bool) {
		for r, err := range records {
			if err == nil {
				csid := r.CSID
				if csid == 0 {
					csid, _ = strconv.ParseInt(r.ID, 10, 64)
				}
				came[csid] = newestTime(r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// newestTime returns the newest of the times of a conversation's changes, in Unix milliseconds; 0 where it tells none.
func newestTime(r dixa.Record) int64 {
	o, err := parse(string(r.Body))
	if err != nil {
		return r.UpdatedAt
	}
	newest := r.UpdatedAt
	for _, name := range []string{"last_message_created_at", "closed_at", "assigned_at", "queued_at"} {
		newest = max(newest, o.millis(name))
	}
	return newest
}

// tooLong reports whether a list of conversations may have been refused for its length, or for one of them.
func tooLong(err error) bool {
	e, ok := errors.AsType[*dixa.Error](err)
	return ok && slices.Contains([]int{http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong,
		http.StatusUnprocessableEntity, http.StatusRequestHeaderFieldsTooLarge}, e.Status)
}

// split has half as many asked for next. One that is refused alone is to blame itself.
func (l *conversationLane) split(ctx context.Context, what []store.Stale, refusal error) error {
	n := len(what)
	if n > 1 {
		l.most = n / 2
		l.Log.Warn("Dixa refuses a list of conversations, and half as many are asked for", "conversations", n, "error", refusal)
		return nil
	}
	l.most = mostListed
	for _, s := range what {
		l.apart[s.CSID] = true
		l.Log.Warn("Dixa refuses a conversation", "conversation", s.CSID, "error", refusal)
	}
	return l.orLetGo(ctx, what, time.Now())
}

// judge settles what came as new as the events, and has the rest asked for again.
func (l *conversationLane) judge(ctx context.Context, t ticket, what []store.Stale, came map[int64]int64, saved store.Saved) error {
	var done, waiting, gone []store.Stale
	var behind time.Duration
	for _, s := range what {
		newest, ok := came[s.CSID]
		old := s.ChangedAt.Sub(time.UnixMilli(newest))
		age := waited(&s, t.at)
		switch {
		case age > insistFor && (ok || s.Fetched), ok && (s.ChangedAt.IsZero() || newest == 0 || old <= 0 || old <= nearly && s.Fetched):
			done = append(done, s)
		case age > goneAfter:
			gone = append(gone, s)
		default:
			if ok && old <= nearly {
				s.Wait = againAfter
			}
			if ok {
				behind, s.Push, s.Fetched = max(behind, old), !s.Fetched || saved.Changed > 0, true
			}
			waiting = append(waiting, s)
		}
	}
	l.tell(len(what), len(came), saved.Changed, len(waiting), behind)
	return errors.Join(l.settle(ctx, done), l.putOff(ctx, waiting), l.letGo(ctx, gone))
}

// fetcher returns one that saves what a lane asks for.
func (l *Live) fetcher(kind string) *fetcher {
	return &fetcher{Bridge: l.Bridge, kind: kind, tally: &Imported{Kind: kind}, patience: patience{limit: l.Patience}, assigned: map[[2]string]bool{}}
}
