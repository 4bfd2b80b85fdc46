package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

// A lane works off one part of what is stale, one request after another.
type lane struct {
	*Live
	part   string
	budget store.Budget
	// due returns what there is to do now and, where that is nothing, when there will be.
	due func(context.Context) ([]store.Stale, time.Time, error)
	// work does what is due once the next request may go out. In lanes that fetch, that is request, which calls do with one
	// taken from the budget.
	work func(context.Context) error
	do   func(context.Context, ticket, []store.Stale) error
	gap  time.Duration // that each request takes up, so that they go out evenly
	next time.Time     // when the next request may go out
}

type staleKey struct {
	csid int64
	item string
}

func keyOf(s store.Stale) staleKey { return staleKey{s.CSID, s.Item} }

const (
	// staleRead is how much of what is stale is looked at for one request.
	staleRead = 2000
	// goneAfter is how long something is asked for that never comes.
	goneAfter = 24 * time.Hour
	// insistFor is how long something is asked for that comes, but not as new as the event. A refresh does the rest.
	insistFor = 5 * time.Minute
	// nearly is how far the times of an event and of the change that it tells of may be apart: an event may be stamped a
	// little later or earlier, and may follow close on another.
	nearly = 10 * time.Second
	// againAfter is when something is asked for once more that has come, as far as can be told.
	againAfter = 20 * time.Second
	// leastGap is what lies between two requests at the least, so that one serves many events also without a limit.
	leastGap = 200 * time.Millisecond
	// firstTry and lastTry are the first and the longest wait for what did not come.
	firstTry = 5 * time.Second
	lastTry  = 6 * time.Hour
)

func newLane(l *Live, part string, budget store.Budget) *lane {
	n := &lane{Live: l, part: part, budget: budget, gap: gapOf(budget)}
	n.work = n.request
	return n
}

// run works until ctx ends, which is no error, or the cache fails.
func (l *lane) run(ctx context.Context) error {
	trouble := patience{}
	for ctx.Err() == nil {
		err := l.turn(ctx)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			trouble.moved()
			continue
		}
		if err := l.endure(err); err != nil {
			return err
		}
		trouble.failed()
		sleep(ctx, time.Now().Add(trouble.wait))
	}
	return nil
}

// turn waits until there is something to do and a request may go out, and does it.
func (l *lane) turn(ctx context.Context) error {
	what, next, err := l.due(ctx)
	if err != nil {
		return err
	}
	if len(what) == 0 {
		l.rest(ctx, next)
		return nil
	}
	if err := sleep(ctx, l.next); err != nil {
		return err
	}
	return l.work(ctx)
}

// rest waits until something becomes stale, or until a moment.
func (l *lane) rest(ctx context.Context, until time.Time) {
	if until.IsZero() || time.Until(until) > time.Minute {
		until = time.Now().Add(time.Minute) // in case another process made something stale
	}
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-l.pokes[l.part]:
	}
}

// request takes a request from the budget and does with it what is to be done by then. Requests go out evenly, so that none
// of them has to wait for a minute behind others that came all at once.
func (l *lane) request(ctx context.Context) error {
	trouble := patience{limit: l.Patience}
	return l.ask(ctx, l.budget, &trouble, noProgress, func(ctx context.Context, t ticket) error {
		l.pace(t.at, 1)
		what, _, err := l.due(ctx)
		if err == nil && len(what) == 0 {
			err = l.Store.Refund(context.WithoutCancel(ctx), t.request)
		}
		if err != nil || len(what) == 0 {
			return err
		}
		return l.do(ctx, t, what)
	})
}

// pace says that some requests have gone out since a moment.
func (l *lane) pace(since time.Time, requests int) {
	l.next = since.Add(max(leastGap, time.Duration(requests)*l.gap))
}

// gapOf is what lies between two requests when a budget is spent evenly.
func gapOf(b store.Budget) time.Duration {
	if b.Limit <= 0 {
		return 0
	}
	return b.Span() / time.Duration(b.Limit)
}

func noProgress() Progress { return Progress{} }

// sift settles what the cache has already, as known tells, and returns of the rest what is to be asked for now, and when
// the next is.
func (l *lane) sift(ctx context.Context, known func(context.Context, []store.Stale) (map[staleKey]bool, error)) (what []store.Stale, next time.Time, err error) {
	all, next, err := l.Store.Stale(ctx, l.part, time.Now(), staleRead)
	if err != nil {
		return nil, next, err
	}
	there, err := known(ctx, all)
	if err != nil {
		return nil, next, err
	}
	var done []store.Stale
	for _, s := range all {
		if there[keyOf(s)] {
			done = append(done, s)
		} else {
			what = append(what, s)
		}
	}
	return what, next, l.settle(ctx, done)
}

// settle ends what is stale and has it pushed.
func (l *lane) settle(ctx context.Context, done []store.Stale) error {
	if len(done) == 0 {
		return nil
	}
	err := l.Store.Settle(context.WithoutCancel(ctx), done)
	l.poke(store.Registrations)
	return err
}

// putOff has something asked for again.
func (l *lane) putOff(ctx context.Context, waiting []store.Stale) error {
	if len(waiting) == 0 {
		return nil
	}
	err := l.Store.Later(context.WithoutCancel(ctx), waiting)
	l.poke(store.Registrations)
	return err
}

// waited returns for how long something has been asked for, and makes it ready to be asked for again after a wait that
// grows each time. Of what was fetched before, the push counts from now.
func waited(s *store.Stale, now time.Time) time.Duration {
	waited := now.Sub(s.Since)
	s.Wait = min(longer(s.Wait), lastTry)
	if s.Fetched {
		s.Since = now
	}
	return waited
}

// longer is the wait after one, so that an export that lags is met about as late again as it lags.
func longer(wait time.Duration) time.Duration { return max(wait*3/2, firstTry) }

// tell logs what came of a request.
func (l *lane) tell(stale, came, changed, late int, behind time.Duration) {
	log := l.Log.With("part", l.part, "stale", stale, "came", came, "changed", changed)
	if late > 0 {
		log.Info("fetched; the export is not as new as the events yet", "late", late, "behind", behind.Round(time.Second))
		return
	}
	log.Info("fetched")
}

// letGo gives up what has not come for a day.
func (l *lane) letGo(ctx context.Context, gone []store.Stale) error {
	if len(gone) == 0 {
		return nil
	}
	csids := make([]int64, len(gone))
	for i, s := range gone {
		csids[i] = s.CSID
	}
	l.Log.Warn("Dixa told of conversations that it has not given for a day: they are let go", "part", l.part, "conversations", csids)
	return l.Store.LetGo(context.WithoutCancel(ctx), gone)
}

// fetch saves what a request gives, without what is erased.
func (l *lane) fetch(ctx context.Context, w store.Window, t ticket, f *fetcher, records recordsFunc) (store.Saved, error) {
	saved, err := f.download(ctx, w, t, records)
	return saved, errors.Join(err, l.scrubWaiting(context.WithoutCancel(ctx)))
}
