package bridge

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/dixa2plecto/dixa2plecto/store"
)

const (
	// mostPushed is how many conversations one round of the push lane takes for each source.
	mostPushed = 500
	// firstRest and lastRest are the first and the longest time for which a source that Plecto takes nothing for is left
	// alone.
	firstRest = 30 * time.Second
	lastRest  = 10 * time.Minute
	// asksAgain is after how long the push lane asks once more what Plecto does not tell or take: which fields a data source
	// has, and agents.
	asksAgain = time.Hour
)

// pushLane pushes what was fetched for events: all that is pending of those conversations, to every source.
func (l *Live) pushLane() *lane {
	n := newLane(l, store.Registrations, l.Limits.registrations())
	p := &pushLane{lane: n, rests: map[int64]*rest{}, asked: map[int64]time.Time{}}
	n.due, n.work = p.todo, p.send
	return n
}

type pushLane struct {
	*lane
	rests   map[int64]*rest // of sources that are left alone, by id
	telling *introduction
	since   time.Time           // when telling began
	asked   map[int64]time.Time // when Plecto was last asked which fields a source has
}

// A rest is how long a source is left alone.
type rest struct {
	wait  time.Duration
	until time.Time
}

func (l *pushLane) todo(ctx context.Context) ([]store.Stale, time.Time, error) {
	return l.sift(ctx, func(context.Context, []store.Stale) (map[staleKey]bool, error) { return nil, nil })
}

// send sends what is pending of conversations, one source after another, and settles what it has sent. Where one source
// takes nothing, its conversations wait for another try; where Plecto is in trouble, everything does.
func (l *pushLane) send(ctx context.Context) error {
	what, _, err := l.due(ctx)
	if err != nil || len(what) == 0 {
		return err
	}
	sources, err := l.Store.Sources(ctx)
	if err != nil {
		return err
	}
	if l.telling == nil || time.Since(l.since) > asksAgain {
		l.telling, l.since = &introduction{}, time.Now()
	}
	began, requests := time.Now(), 0
	for _, src := range sources {
		var waiting []store.Stale
		for _, s := range what {
			if s.Item == strconv.FormatInt(src.ID, 10) {
				waiting = append(waiting, s)
			}
		}
		if len(waiting) == 0 {
			continue
		}
		n, err := l.sendTo(ctx, src, waiting[:min(len(waiting), mostPushed)])
		requests += n
		if err != nil {
			return err
		}
	}
	l.pace(began, max(requests, 1))
	return nil
}

// sendTo sends what is pending of conversations to one source. An error is one that concerns them all.
func (l *pushLane) sendTo(ctx context.Context, src store.Source, waiting []store.Stale) (requests int, err error) {
	now := time.Now()
	if r := l.rests[src.ID]; r != nil && now.Before(r.until) {
		return 0, l.after(ctx, waiting, r.until.Sub(now))
	}
	csids := make([]int64, len(waiting))
	for i, s := range waiting {
		csids[i] = s.CSID
	}
	p := l.pusher(PushOptions{NoMembers: l.NoMembers}, src)
	p.telling = l.telling
	ask := now.Sub(l.asked[src.ID]) > asksAgain
	if ask {
		l.asked[src.ID] = now
	}
	p.hinted = !ask
	err = p.threads(ctx, csids, ask)
	l.count(p.tally)
	switch {
	case err == nil:
		delete(l.rests, src.ID)
		lag := time.Since(waiting[0].Since).Round(100 * time.Millisecond)
		l.Log.Info("pushed", "source", src.Name, "conversations", len(csids), "sent", p.tally.Sent, "requests", p.tally.Requests, "lag", lag)
		return p.tally.Requests, l.Store.Settle(context.WithoutCancel(ctx), waiting)
	case ctx.Err() != nil:
		return 0, context.Cause(ctx)
	case Temporary(err), loginRefused(err), cacheFailed(err):
		return 0, fmt.Errorf("source %q: %w", src.Name, err)
	}
	r := l.rests[src.ID]
	if r == nil {
		r = &rest{}
		l.rests[src.ID] = r
	}
	r.wait = min(max(2*r.wait, firstRest), lastRest)
	r.until = now.Add(r.wait)
	delete(l.asked, src.ID)
	l.Log.Error("a source is left alone for a while", "source", src.Name, "for", r.wait, "error", err)
	return p.tally.Requests, l.after(ctx, waiting, r.wait)
}

// after has conversations pushed after a wait.
func (l *pushLane) after(ctx context.Context, waiting []store.Stale, wait time.Duration) error {
	for i := range waiting {
		waiting[i].Wait = wait
	}
	return l.Store.Later(context.WithoutCancel(ctx), waiting)
}

// threads sends what is pending of some conversations, wherever the source stands in the change log. With ask, it first
// learns from Plecto what the data source has, where that is not known.
func (p *pusher) threads(ctx context.Context, csids []int64, ask bool) (err error) {
	if ask || p.moved() {
		if err := p.describe(ctx); err != nil {
			return err
		}
	}
	if p.mapping, err = p.planned(ctx, p.tally.Source); err != nil {
		return err
	}
	return p.sendOf(ctx, csids, func(it item) bool { return it.state.pending() })
}
